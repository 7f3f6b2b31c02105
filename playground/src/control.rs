//! Controls: what of a scenario can be moved, between which stops, and where it stands.
//!
//! A control is read off the resolved scenario and written into the text as a person would
//! write it. What it cannot move as a whole it leaves to the text, and says why.

use herdsim_core::scenario::action::{Action, ActionKind};
use herdsim_core::scenario::callers::Arrival;
use herdsim_core::scenario::fault::Fault;
use herdsim_core::scenario::policy::{Backoff, Budget, Jitter, Policy, UNLIMITED};
use herdsim_core::scenario::service::Service;
use herdsim_core::scenario::{Job, Problem, Scenario};
use herdsim_core::units::{Factor, Nanos, Probability};
use herdsim_words::format::list;
use serde_json::{Value as Json, json};
use toml_edit::Value;

use crate::refusal::Refusal;
use crate::text::{Draft, Step, asserts, job};

/// Where a control can stand: what is shown there.
type Stops = Vec<String>;

/// Its stops and which it stands at; or why it cannot be moved.
type State = Result<(Stops, usize), String>;
/// Moves it to a stop, in the text of a scenario.
type Put = fn(&mut Draft, &Scenario, Own<'_>, &str) -> Result<(), Refusal>;
/// A policy with its name.
type Own<'p> = (&'p str, &'p Policy);

/// One control.
struct Control {
    id: &'static str,
    label: &'static str,
    /// Whether it is about the chosen policy.
    of_policy: bool,
    state: fn(&Scenario, &Policy) -> State,
    put: Put,
}

const CONTROLS: [Control; 9] = [
    Control {
        id: "load",
        label: "Load",
        of_policy: false,
        state: load,
        put: put_load,
    },
    Control {
        id: "blip",
        label: "Length of the fault",
        of_policy: false,
        state: blip,
        put: put_blip,
    },
    Control {
        id: "timeout",
        label: "Timeout",
        of_policy: true,
        state: |_, policy| Ok(durations(&TIMES, policy.timeout, true)),
        put: |draft, _, policy, to| draft.put(&of(policy.0, "timeout"), to),
    },
    Control {
        id: "attempts",
        label: "Attempts",
        of_policy: true,
        state: attempts,
        put: put_attempts,
    },
    Control {
        id: "delay",
        label: "Delay between attempts",
        of_policy: true,
        state: delay,
        put: put_delay,
    },
    Control {
        id: "jitter",
        label: "Jitter",
        of_policy: true,
        state: jitter,
        put: |draft, _, policy, to| draft.put(&of(policy.0, "jitter"), to),
    },
    Control {
        id: "budget",
        label: "Retry budget",
        of_policy: true,
        state: budget,
        put: put_budget,
    },
    Control {
        id: "action",
        label: "Action",
        of_policy: false,
        state: action,
        put: put_action,
    },
    Control {
        id: "when",
        label: "When the action begins",
        of_policy: false,
        state: when,
        put: put_when,
    },
];

/// Durations that are stops, in ms.
const TIMES: [u64; 19] = [
    10, 20, 30, 50, 70, 100, 150, 200, 250, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000,
    10_000, 30_000,
];
const LASTS: [u64; 14] = [
    100, 200, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000,
];
const NONE: &str = "none";

/// What a scenario says, and its controls.
pub fn read(text: &str, policy: Option<&str>) -> Result<Json, Refusal> {
    let job = job(text)?;
    let head = json!({
        "name": job.name(),
        "kind": job.kind().name(),
        "asserts": asserts(text),
    });
    let Job::Herd(scenario) = &job else {
        return Ok(head);
    };
    let acting = acting(scenario);
    let chosen = acting
        .iter()
        .find(|(name, _)| Some(name.as_str()) == policy);
    let Some((name, policy)) = chosen.or(acting.first()) else {
        return Ok(head);
    };
    let controls: Vec<Json> = CONTROLS
        .iter()
        .map(|control| {
            let (stops, at, why) = match (control.state)(scenario, policy) {
                Ok((stops, at)) => (stops, at, None),
                Err(why) => (Vec::new(), 0, Some(why)),
            };
            json!({
                "id": control.id,
                "label": control.label,
                "of_policy": control.of_policy,
                "stops": stops,
                "at": at,
                "fixed": why,
            })
        })
        .collect();
    let mut all = head;
    all["policy"] = json!(name);
    all["policies"] = acting.iter().map(|(name, _)| json!(name)).collect();
    all["controls"] = json!(controls);
    Ok(all)
}

/// The text with one control moved; what comes of it may be wrong, and is then said by its run.
pub fn moved(text: &str, name: &str, control: &str, to: &str) -> Result<Json, Refusal> {
    let unknown = |what: &str| Refusal::Problem(Problem::new(format!("no {what} of that name")));
    let Job::Herd(scenario) = job(text)? else {
        return Err(unknown("control"));
    };
    let mut draft = Draft::new(text)?;
    // One more policy of the catalogue beside the others.
    if control == "compare" {
        let mut names: Vec<String> = named(&scenario);
        if !names.iter().any(|other| other == to) {
            names.push(to.to_string());
        }
        draft.put(&[Step::Key("compare")], Value::from_iter(names))?;
        return Ok(json!({ "text": draft.text(), "policy": to }));
    }
    let Some(control) = CONTROLS.iter().find(|c| c.id == control) else {
        return Err(unknown("control"));
    };
    let acting = acting(&scenario);
    let policy = acting.iter().find(|(own, _)| own == name);
    let (name, policy) = policy.ok_or_else(|| unknown("policy"))?;
    if control.of_policy && !draft.has(&["policy", name]) {
        own_policy(&mut draft, &scenario, name)?;
    }
    let (stops, _) = (control.state)(&scenario, policy).map_err(|_| no_stop(to))?;
    if !stops.iter().any(|stop| stop == to) {
        return Err(no_stop(to));
    }
    (control.put)(&mut draft, &scenario, (name, policy), to)?;
    let text = draft.text();
    let along = moved_along(&scenario, &text, name);
    Ok(json!({ "text": text, "policy": name, "along": along }))
}

/// The policies that are compared, without those beside them that do not act.
fn acting(scenario: &Scenario) -> Vec<&(String, Policy)> {
    let policies = scenario.policies.iter();
    policies.filter(|(_, policy)| policy.acts).collect()
}

fn named(scenario: &Scenario) -> Vec<String> {
    let acting = acting(scenario);
    acting.iter().map(|(name, _)| name.clone()).collect()
}

/// The policies other than one that differ between two texts: what extends it, a group's or a
/// service's own, moves with it.
fn moved_along(before: &Scenario, text: &str, name: &str) -> Vec<String> {
    let Ok(Job::Herd(after)) = job(text) else {
        return Vec::new();
    };
    let all = |s: &Scenario| -> Vec<(String, Policy)> {
        let all = s.policies.iter().chain(&s.downstream);
        all.filter(|(_, policy)| policy.acts).cloned().collect()
    };
    let before = all(before);
    let mut names: Vec<String> = Vec::new();
    for (other, policy) in all(&after) {
        let was = before.iter().find(|(own, _)| *own == other);
        let moved = was.is_some_and(|(_, was)| *was != policy);
        if moved && other != name && !names.contains(&other) {
            names.push(other);
        }
    }
    names
}

/// Lays a table over a policy that is the catalogue's: the same are compared as before.
fn own_policy(draft: &mut Draft, scenario: &Scenario, name: &str) -> Result<(), Refusal> {
    if !draft.has(&["compare"]) {
        draft.put(&[Step::Key("compare")], Value::from_iter(named(scenario)))?;
    }
    draft.put(&of(name, "extends"), name)
}

/// Where a field of a policy stands.
fn of<'p>(policy: &'p str, field: &'p str) -> [Step<'p>; 3] {
    [Step::Key("policy"), Step::Key(policy), Step::Key(field)]
}

/// Some durations as stops, with the one that it stands at among them.
fn durations(ms: &[u64], at: Option<Nanos>, with_none: bool) -> (Stops, usize) {
    let mut all: Vec<Nanos> = ms.iter().map(|ms| Nanos::from_millis(*ms)).collect();
    if let Some(at) = at
        && let Err(place) = all.binary_search(&at)
    {
        all.insert(place, at);
    }
    let place = at.and_then(|at| all.binary_search(&at).ok());
    let mut stops: Stops = all.iter().map(Nanos::to_string).collect();
    if with_none {
        stops.push(NONE.to_string());
    }
    let place = place.unwrap_or(stops.len() - 1);
    (stops, place)
}

/// Words as stops; where it stands at another, that is one before them.
fn words<S: ToString>(stops: impl IntoIterator<Item = S>, at: &str) -> (Stops, usize) {
    let mut stops: Stops = stops.into_iter().map(|s| s.to_string()).collect();
    let place = stops.iter().position(|stop| stop == at);
    let place = place.unwrap_or_else(|| {
        stops.insert(0, at.to_string());
        0
    });
    (stops, place)
}

/// Calls per second, of which each sub-call is one, before the capacity of the services.
fn demand(scenario: &Scenario) -> Result<f64, String> {
    // Each call makes one at every service of a chain: the narrowest counts.
    let capacities = scenario.services.iter().map(Service::capacity_per_s);
    let capacity = capacities.fold(f64::INFINITY, f64::min);
    if !capacity.is_finite() {
        return Err("the service has no capacity to compare it with".to_string());
    }
    let mut all = 0.0;
    for group in &scenario.groups {
        all += match group.arrival {
            Arrival::Open { .. } | Arrival::Periodic { .. } => {
                group.calls_per_s().unwrap_or(0.0) * group.sub_calls() as f64
            }
            Arrival::Closed { .. } => {
                return Err("callers wait for an answer before they call again".to_string());
            }
            Arrival::Once { .. } => return Err("each caller calls once".to_string()),
            Arrival::Trace { .. } => return Err("the load is a trace".to_string()),
        };
    }
    Ok(all / capacity)
}

const LOADS: [u32; 19] = [
    10, 20, 30, 40, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100, 110, 120, 150, 200,
];

fn load(scenario: &Scenario, _: &Policy) -> State {
    // To a tenth of a percent: what a person would say.
    let now = points((demand(scenario)? * 1e3).round() / 1e3);
    let loads = LOADS.iter().map(|load| f64::from(*load) / 100.0);
    let mut loads: Vec<(f64, String)> = loads.map(|load| (load, points(load))).collect();
    if !loads.iter().any(|(_, stop)| *stop == now) {
        loads.push((demand(scenario)?, now.clone()));
        loads.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Ok(words(loads.into_iter().map(|(_, stop)| stop), &now))
}

fn put_load(draft: &mut Draft, scenario: &Scenario, _: Own<'_>, to: &str) -> Result<(), Refusal> {
    let (Some(to), Ok(now)) = (parsed(to), demand(scenario)) else {
        return Err(no_stop(to));
    };
    let times = to / now;
    for (i, group) in scenario.groups.iter().enumerate() {
        let (field, value) = match &group.arrival {
            Arrival::Open { rate } => ("rate", format!("{}/s", short(rate.0 * times))),
            Arrival::Periodic { every, .. } => {
                let every = Nanos((every.0 as f64 / times).round() as u64);
                ("every", every.to_string())
            }
            _ => continue,
        };
        match draft.is_list("callers") {
            false => draft.put(&[Step::Key("callers"), Step::Key(field)], value)?,
            true => draft.put(
                &[Step::Key("callers"), Step::Item(i), Step::Key(field)],
                value,
            )?,
        }
    }
    Ok(())
}

/// A share in percent, which may be more than 100.
fn points(share: f64) -> String {
    format!("{}%", short(share * 100.0))
}

/// A number of five digits, without an exponent.
fn short(x: f64) -> String {
    let digits = 4 - x.abs().log10().floor() as i32;
    let rounded = format!("{:.*}", digits.clamp(0, 12) as usize, x);
    match rounded.contains('.') {
        true => rounded
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_string(),
        false => rounded,
    }
}

/// The share that `70%` stands for.
fn parsed(share: &str) -> Option<f64> {
    let number = share.trim_end_matches('%').parse::<f64>().ok()?;
    Some(number / 100.0)
}

fn no_stop(stop: &str) -> Refusal {
    Refusal::Problem(Problem::new(format!("it cannot stand at `{stop}`")))
}

/// The first fault that does harm.
fn harmful(scenario: &Scenario) -> Option<(usize, &Fault)> {
    let mut faults = scenario.faults.iter().enumerate();
    faults.find(|(_, fault)| !fault.kind.relieves())
}

fn blip(scenario: &Scenario, _: &Policy) -> State {
    let (_, fault) = harmful(scenario).ok_or("there is no fault")?;
    let left = scenario.run.horizon.0 - fault.from.0;
    let fits = |ms: &&u64| Nanos::from_millis(**ms).0 < left;
    let fitting: Vec<u64> = LASTS.iter().filter(fits).copied().collect();
    Ok(durations(&fitting, Some(fault.lasts), false))
}

/// A duration that is a stop: one of all, or that at which it stands.
fn duration(stop: &str, own: Nanos) -> Result<Nanos, Refusal> {
    let all = TIMES.iter().chain(&LASTS).chain(&STARTS);
    let mut all = all.map(|ms| Nanos::from_millis(*ms)).chain([own]);
    all.find(|t| t.to_string() == stop)
        .ok_or_else(|| no_stop(stop))
}

fn put_blip(draft: &mut Draft, scenario: &Scenario, _: Own<'_>, to: &str) -> Result<(), Refusal> {
    let Some((n, fault)) = harmful(scenario) else {
        return Err(no_stop(to));
    };
    let longer = Fault {
        lasts: duration(to, fault.lasts)?,
        ..fault.clone()
    };
    draft.put_in_list("faults", n, &longer.to_string());
    Ok(())
}

fn attempts(_: &Scenario, policy: &Policy) -> State {
    let told = |n: u32| match n {
        UNLIMITED => "unlimited".to_string(),
        n => n.to_string(),
    };
    let mut all = vec![1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, UNLIMITED];
    if let Err(place) = all.binary_search(&policy.attempts) {
        all.insert(place, policy.attempts);
    }
    Ok(words(all.into_iter().map(told), &told(policy.attempts)))
}

fn put_attempts(draft: &mut Draft, _: &Scenario, policy: Own<'_>, to: &str) -> Result<(), Refusal> {
    let path = of(policy.0, "attempts");
    match to.parse::<i64>() {
        Ok(n) => draft.put(&path, n),
        Err(_) => draft.put(&path, to),
    }
}

/// The delay before the first retry, as far as it is one number.
fn base(backoff: &Backoff) -> Option<Nanos> {
    match backoff {
        Backoff::None => Some(Nanos::ZERO),
        Backoff::Fixed(d) | Backoff::Linear(d) => Some(*d),
        Backoff::Exponential { base, .. } => Some(*base),
        _ => None,
    }
}

fn delay(_: &Scenario, policy: &Policy) -> State {
    let Some(base) = base(&policy.backoff) else {
        return Err(format!("it is {}", policy.backoff));
    };
    let at = Some(base).filter(|base| *base > Nanos::ZERO);
    let (mut stops, mut at) = durations(&TIMES, at, true);
    // None is the shortest delay.
    stops.rotate_right(1);
    at = (at + 1) % stops.len();
    Ok((stops, at))
}

fn put_delay(
    draft: &mut Draft,
    _: &Scenario,
    (name, policy): Own<'_>,
    to: &str,
) -> Result<(), Refusal> {
    let longer = match (to, &policy.backoff) {
        (NONE, _) => Backoff::None,
        (to, old) => {
            let to = duration(to, base(old).unwrap_or(Nanos::ZERO))?;
            match old.clone() {
                Backoff::Linear(_) => Backoff::Linear(to),
                Backoff::Exponential {
                    multiplier,
                    cap,
                    exponent,
                    ..
                } => Backoff::Exponential {
                    base: to,
                    multiplier,
                    cap: cap.map(|cap| cap.max(to)),
                    exponent,
                },
                _ => Backoff::Fixed(to),
            }
        }
    };
    draft.put(&of(name, "backoff"), longer.to_string())
}

fn jitter(_: &Scenario, policy: &Policy) -> State {
    let mut all = vec![Jitter::None, Jitter::Equal, Jitter::Full];
    if matches!(policy.backoff, Backoff::Exponential { .. }) {
        all.push(Jitter::Decorrelated);
    }
    Ok(words(all, &policy.jitter.to_string()))
}

/// Shares of calls that may be retried.
const BUDGETS: [u32; 7] = [1, 2, 5, 10, 20, 50, 100];
/// A budget of another kind.
const OTHER: &str = "as written";

fn budget(_: &Scenario, policy: &Policy) -> State {
    let own = match &policy.budget {
        None => NONE.to_string(),
        Some(budget) => share(budget).map_or(OTHER.to_string(), points),
    };
    let mut shares: Vec<f64> = BUDGETS.iter().map(|p| f64::from(*p) / 100.0).collect();
    if let Some(share) = policy.budget.as_ref().and_then(share)
        && !shares.contains(&share)
    {
        shares.push(share);
        shares.sort_by(f64::total_cmp);
    }
    let shares = shares.into_iter().map(points);
    // From no limit down to the tightest.
    let stops = std::iter::once(NONE.to_string()).chain(shares.rev());
    Ok(words(stops, &own))
}

/// Of a budget that `budget = "10%"` would be, the share.
fn share(budget: &Budget) -> Option<f64> {
    let Budget::TokenBucket(bucket) = budget else {
        return None;
    };
    let share = bucket.deposit_per_call.as_f64();
    let text = format!("budget = \"{share}\"\n");
    let read = Scenario::parse("budget", &format!("compare = [\"p\"]\n[policy.p]\n{text}")).ok()?;
    let own = read.policies.first()?.1.budget.as_ref()?;
    (own == budget).then_some(share)
}

fn put_budget(draft: &mut Draft, _: &Scenario, policy: Own<'_>, to: &str) -> Result<(), Refusal> {
    match to {
        OTHER => Ok(()),
        to => draft.put(&of(policy.0, "budget"), to),
    }
}

/// Actions to choose from.
fn kinds() -> [ActionKind; 10] {
    let share = |p| Probability(p);
    [
        ActionKind::Reject(share(0.5)),
        ActionKind::Reject(share(0.9)),
        ActionKind::Pause(share(0.5)),
        ActionKind::Pause(share(0.8)),
        ActionKind::Pause(share(1.0)),
        ActionKind::Scale(Factor(1.5)),
        ActionKind::Scale(Factor(2.0)),
        ActionKind::Scale(Factor(3.0)),
        ActionKind::Clear,
        ActionKind::Restart(Nanos::from_millis(100)),
    ]
}

/// An action without its time.
fn kind(kind: &ActionKind) -> String {
    match kind {
        ActionKind::Reject(p) | ActionKind::Pause(p) => {
            format!("{}({})", kind.name(), points(p.0))
        }
        ActionKind::Scale(x) => format!("scale({})", x.0),
        ActionKind::Policy(name) => format!("policy({name})"),
        _ => kind.name().to_string(),
    }
}

/// The one action there is, if there is one.
fn only(scenario: &Scenario) -> Result<Option<&Action>, String> {
    match &scenario.actions[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => {
            let all: Vec<String> = several.iter().map(Action::to_string).collect();
            Err(format!("there are {}", list(&all)))
        }
    }
}

fn action(scenario: &Scenario, _: &Policy) -> State {
    let own = only(scenario)?.map_or(NONE.to_string(), |action| kind(&action.kind));
    let has_pool = scenario.entry().pool().is_some();
    let of_servers = |k: &ActionKind| matches!(k, ActionKind::Scale(_) | ActionKind::Clear);
    let stops = kinds().into_iter().filter(|k| has_pool || !of_servers(k));
    let stops = stops.map(|k| kind(&k));
    Ok(words(std::iter::once(NONE.to_string()).chain(stops), &own))
}

/// For how long what does not last for good is done.
const TEN_SECONDS: Nanos = Nanos::from_secs(10);

fn put_action(draft: &mut Draft, scenario: &Scenario, _: Own<'_>, to: &str) -> Result<(), Refusal> {
    let old = only(scenario).map_err(|_| no_stop(to))?;
    if to == NONE {
        draft.remove("actions");
        draft.remove("no_action_row");
        return Ok(());
    }
    if old.is_some_and(|old| kind(&old.kind) == to) {
        return Ok(());
    }
    let found = kinds().into_iter().find(|k| kind(k) == to);
    let chosen = found.ok_or_else(|| no_stop(to))?;
    // Of the same kind it is as long as it was, and where it was.
    let same = old.filter(|old| old.kind.name() == chosen.name());
    let lasts = match chosen {
        ActionKind::Reject(_) | ActionKind::Pause(_) => Some(TEN_SECONDS),
        _ => None,
    };
    // A while after the faults, when it is known what they leave behind.
    let after = scenario.harm().map_or(Nanos::ZERO, |harm| harm.over);
    let from = Nanos(after.0.saturating_add(TEN_SECONDS.0));
    let from = match from < scenario.run.horizon {
        true => from,
        false => Nanos(scenario.run.horizon.0 / 2),
    };
    let action = Action {
        kind: chosen,
        from: old.map_or(from, |old| old.from),
        lasts: same.map_or(lasts, |old| old.lasts),
        ramp: same.map_or(Nanos::ZERO, |old| old.ramp),
        tier: same.and_then(|old| old.tier.clone()),
    };
    draft.put_in_list("actions", 0, &action.to_string());
    Ok(())
}

const STARTS: [u64; 14] = [
    5_000, 10_000, 12_000, 14_000, 16_000, 18_000, 20_000, 22_000, 25_000, 30_000, 35_000, 40_000,
    45_000, 50_000,
];

fn when(scenario: &Scenario, _: &Policy) -> State {
    let action = only(scenario)?.ok_or("there is no action")?;
    let fits = |ms: &&u64| Nanos::from_millis(**ms) < scenario.run.horizon;
    let fitting: Vec<u64> = STARTS.iter().filter(fits).copied().collect();
    Ok(durations(&fitting, Some(action.from), false))
}

fn put_when(draft: &mut Draft, scenario: &Scenario, _: Own<'_>, to: &str) -> Result<(), Refusal> {
    let Ok(Some(action)) = only(scenario) else {
        return Err(no_stop(to));
    };
    let later = Action {
        from: duration(to, action.from)?,
        ..action.clone()
    };
    draft.put_in_list("actions", 0, &later.to_string());
    Ok(())
}
