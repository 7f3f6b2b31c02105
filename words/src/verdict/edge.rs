//! What was found of the edge, in sentences and tables.

use herdsim_core::ensemble::alone::NEVER;
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::fault::Fault;
use herdsim_core::scenario::policy::Failure;
use herdsim_core::units::Nanos;

use crate::format::{capital, counted, large, list, seconds, thousands, three_digits};
use crate::text_table::TextTable;
use herdsim_core::edge::field::FieldFound;
use herdsim_core::edge::search::Crossing;
use herdsim_core::edge::{ByItself, Edge, Obstacle, PolicyEdge, Sought, utilisation};

/// What finds the same again.
pub fn command(edge: &Edge) -> String {
    format!("herdsim edge scenario.toml --find '{}'", edge.asked)
}

/// A share of a hundred, of what may be more than all: "70.5%", "420%".
pub fn hundredths(share: f64) -> String {
    format!("{}%", three_digits(share * 100.0))
}

/// A size of what is sought, with its unit.
pub fn size(edge: &Edge, sought: Sought, size: f64) -> String {
    match sought {
        Sought::Load => load(edge, size),
        Sought::Surge => format!("{} times the calls", three_digits(size)),
        Sought::Scale => format!("{} times the servers", three_digits(size)),
        _ => seconds(size),
    }
}

/// A load, as a share of the capacity where that is known.
pub fn load(edge: &Edge, times: f64) -> String {
    load_of(&edge.scenario, times)
}

/// That of a scenario.
pub fn load_of(scenario: &Scenario, times: f64) -> String {
    match utilisation(scenario) {
        Some(busy) => hundredths(busy * times),
        None => format!("{} times the load", three_digits(times)),
    }
}

/// What is survived, as a noun: "a crash".
fn noun(sought: Sought) -> &'static str {
    match sought {
        Sought::Crash => "a crash",
        Sought::Stall => "a stall",
        Sought::Errors => "a burst of errors",
        Sought::Surge => "a surge",
        other => other.name(),
    }
}

/// How far a fault, or a load, is survived with one policy: "up to 597 ms with fixed".
fn survived(edge: &Edge, sought: Sought, policy: &PolicyEdge) -> Option<String> {
    let found = policy.found(sought)?;
    let name = &policy.name;
    let show = |x| size(edge, sought, x);
    let most = match sought {
        Sought::Load | Sought::Surge => "the highest tried",
        _ => "the longest tried",
    };
    Some(match (found.before, found.beyond) {
        (Some(before), Some(_)) => format!("up to {} with {name}", show(before)),
        (Some(before), None) => format!("up to {}, {most}, with {name}", show(before)),
        (None, Some(beyond)) => format!("not even {} with {name}", show(beyond)),
        (None, None) => format!("unknown with {name}"),
    })
}

/// The faults of the scenario that do harm: "crash@10s+2s".
fn configured(edge: &Edge) -> String {
    let faults = edge.scenario.faults.iter();
    let harmful = faults.filter(|fault| !fault.kind.relieves());
    list(&harmful.map(Fault::to_string).collect::<Vec<_>>())
}

/// A sentence on how far faults of a kind, or loads, are survived.
fn sentence(edge: &Edge, sought: Sought) -> Option<String> {
    let each: Vec<String> = edge
        .policies
        .iter()
        .filter_map(|policy| survived(edge, sought, policy))
        .collect();
    let subject = match (sought, utilisation(&edge.scenario)) {
        (Sought::Load, Some(_)) => {
            format!(
                "{} is survived at loads of the capacity of",
                configured(edge)
            )
        }
        (Sought::Load, None) => format!("{} is survived at", configured(edge)),
        _ => format!("{} is survived in most runs", capital(noun(sought))),
    };
    (!each.is_empty()).then(|| format!("{subject} {}.", list(&each)))
}

/// Sentences on the ranges of settings in which the faults are survived.
fn settings(edge: &Edge) -> Vec<String> {
    let fields = edge
        .policies
        .first()
        .map_or(&[][..], |policy| &policy.fields);
    let sentence = |(place, first): (usize, &FieldFound)| {
        let field = &first.field;
        let of = |policy: &PolicyEdge| {
            let found = policy.fields.get(place)?;
            let ranges: Vec<String> = found
                .survived()
                .iter()
                .map(|(from, to)| match from == to {
                    true => format!("at {}", field.text(*from)),
                    false => format!("from {} to {}", field.text(*from), field.text(*to)),
                })
                .collect();
            Some(match ranges.is_empty() {
                true => format!("nowhere with {}", policy.name),
                false => format!("{} with {}", list(&ranges), policy.name),
            })
        };
        let each: Vec<String> = edge.policies.iter().filter_map(of).collect();
        let scan = field.scan();
        let (low, high) = (field.text(scan[0]), field.text(scan[scan.len() - 1]));
        format!(
            "Of {} from {low} to {high}, {} is survived {}.",
            field.path,
            configured(edge),
            list(&each)
        )
    };
    fields.iter().enumerate().map(sentence).collect()
}

/// What ends the collapse of a policy, and what does not: "pausing 80% of new calls for 8.4 s
/// ends that of fixed; rejecting … does not".
fn way_out(edge: &Edge, policy: &PolicyEdge) -> Option<String> {
    if !policy.collapses() {
        return None;
    }
    let longest = seconds(edge.longest_action_s);
    let (mut ends, mut not) = (Vec::new(), Vec::new());
    for sought in [Sought::Pause, Sought::Reject] {
        if !policy.ways.iter().any(|(other, _)| *other == sought) {
            continue;
        }
        let of = match sought {
            Sought::Pause => "of new calls",
            _ => "of attempts at the door",
        };
        match (policy.cheapest(sought), sought) {
            (Some((share, s)), _) => {
                let mut text = format!(
                    "{} {} {of} for {}",
                    holding(sought),
                    hundredths(share),
                    seconds(s)
                );
                if let Some((least, longer)) = policy.least_share(sought).filter(|l| l.0 < share) {
                    text += &format!(" ({} take {})", hundredths(least), seconds(longer));
                }
                ends.push(text);
            }
            (None, Sought::Reject) => {
                let why = match retries_rejections(edge, policy) {
                    true => " (what is rejected comes back)",
                    false => "",
                };
                not.push(format!(
                    "rejecting any share of attempts at the door for up to {longest}{why}"
                ));
            }
            (None, _) => not.push(format!(
                "pausing any share of new calls for up to {longest}"
            )),
        }
    }
    if let Some(found) = policy.found(Sought::Scale) {
        match (found.beyond, found.largest()) {
            (Some(times), _) => ends.push(size(edge, Sought::Scale, times)),
            (None, Some(most)) => not.push(format!("up to {}", size(edge, Sought::Scale, most))),
            (None, None) => {}
        }
    }
    match policy.restart.and_then(|falls| falls.decided()) {
        Some(true) => not.push("a restart of 100 ms".to_string()),
        Some(false) => ends.push("a restart of 100 ms".to_string()),
        None => {}
    }
    let name = &policy.name;
    Some(match (&ends[..], &not[..]) {
        ([], []) => return None,
        (ends, []) => format!("the collapse with {name} is ended by {}", or(ends)),
        ([], not) => format!("the collapse with {name} is ended neither by {}", nor(not)),
        (ends, not) => format!(
            "the collapse with {name} is ended by {}, but not by {}",
            or(ends),
            nor(not)
        ),
    })
}

fn holding(sought: Sought) -> &'static str {
    match sought {
        Sought::Pause => "pausing",
        _ => "rejecting",
    }
}

fn or(items: &[String]) -> String {
    joined(items, " or ")
}

fn nor(items: &[String]) -> String {
    joined(items, " nor by ")
}

fn joined(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., end] => format!("{}{last}{end}", first.join(", ")),
    }
}

fn retries_rejections(edge: &Edge, policy: &PolicyEdge) -> bool {
    let mut policies = edge.scenario.policies.iter();
    let known = policies.find(|(name, _)| *name == policy.name);
    known.is_some_and(|(_, p)| p.attempts > 1 && p.retry_on.contains(Failure::Rejected))
}

/// A sentence on what ends collapses.
fn out(edge: &Edge) -> Option<String> {
    let asked = edge
        .sought
        .iter()
        .any(|s| matches!(s, Sought::Reject | Sought::Pause | Sought::Scale));
    if !asked || edge.policies.iter().all(|p| p.base.is_none()) {
        return None;
    }
    if let Some(needed) = edge.short_for_actions {
        return Some(format!(
            "What ends a collapse cannot be told in a run of {}: it takes a horizon of {}.",
            seconds(edge.scenario.run.horizon.as_secs()),
            whole_seconds(needed)
        ));
    }
    let mut clauses: Vec<String> = edge
        .policies
        .iter()
        .filter_map(|policy| way_out(edge, policy))
        .collect();
    let fine = edge.policies.iter().filter(|p| p.fate() == Some(false));
    let fine: Vec<&str> = fine.map(|p| p.name.as_str()).collect();
    if !fine.is_empty() {
        clauses.push(match fine.len() {
            1 => format!("{} recovers by itself", fine[0]),
            _ => format!("{} recover by themselves", list(&fine)),
        });
    }
    let at = seconds(edge.act.as_secs());
    Some(format!("Done at {at}: {}.", clauses.join("; ")))
}

/// What is to be said of policies, with the names of all of which it is the same.
fn alike<I: IntoIterator<Item = String>>(
    edge: &Edge,
    of: impl Fn(&PolicyEdge) -> I,
) -> Vec<(String, Vec<&str>)> {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for policy in &edge.policies {
        for text in of(policy) {
            match said.iter_mut().find(|(same, _)| *same == text) {
                Some((_, names)) => names.push(&policy.name),
                None => said.push((text, vec![&policy.name])),
            }
        }
    }
    said
}

/// A sentence on what theory says.
fn theory(edge: &Edge) -> Option<String> {
    let said = alike(edge, |policy| {
        let theory = policy.theory.as_ref()?;
        let healthy = match theory.tipping_capacity {
            Some(tipping) => format!(
                "it can be healthy until the capacity falls to {} of what it is",
                hundredths(tipping)
            ),
            None => "it is healthy at no capacity".to_string(),
        };
        let collapse = match theory.recovery_capacity {
            most if most <= 1.0 => format!(
                "no collapse lasts, as all attempts together take {} of that",
                hundredths(most)
            ),
            most if theory.pressure.delay <= 1.0 => format!(
                "attempts would keep a collapse until it is {} of that, but the full queue is \
                 shorter than the timeout and keeps none",
                hundredths(most)
            ),
            most if most.is_infinite() => "a collapse lasts whatever it is".to_string(),
            most if theory.pressure.delay < most => format!(
                "a collapse lasts until it is {} of that ({} with a queue of {})",
                hundredths(most),
                hundredths(theory.pressure.delay),
                thousands(f64::from(theory.amplification.queue))
            ),
            most => format!("a collapse lasts until it is {} of that", hundredths(most)),
        };
        Some(format!("{healthy}, and {collapse}"))
    });
    let clauses: Vec<String> = said
        .iter()
        .map(|(facts, names)| format!("with {} {facts}", list(names)))
        .collect();
    (!clauses.is_empty()).then(|| format!("In theory {}.", clauses.join("; ")))
}

/// A sentence on how often it collapses by itself.
fn alone(edge: &Edge) -> Option<String> {
    let clauses: Vec<String> = alike(edge, |policy| Some(by_itself(policy.alone.as_ref()?)))
        .iter()
        .map(|(text, names)| format!("{text} with {}", list(names)))
        .collect();
    (!clauses.is_empty()).then(|| format!("Without a fault it collapses {}.", clauses.join(", ")))
}

/// How often: "in 1.2% of hours", "less than once in 10^9 hours", "never".
fn by_itself(found: &ByItself) -> String {
    let (plain, split) = match found {
        ByItself::Cannot => return "never".to_string(),
        ByItself::Counted { plain, split } => (plain, split),
    };
    let share = |per_hour: f64| match 1.0 - (-per_hour).exp() {
        share if share < 1e-4 => format!("once in {} hours", large(1.0 / per_hour)),
        share => format!("in {} of hours", hundredths(share)),
    };
    match split {
        None => share(plain.collapses as f64 / plain.hours),
        // What plain runs have seen is so.
        Some(split) if plain.collapses > 0 && split.per_hour.mean < NEVER => {
            share(plain.collapses as f64 / plain.hours)
        }
        // What is left of the way to a collapse is not in it.
        Some(split) if split.is_bound || split.per_hour.mean < NEVER => {
            let most = split.per_hour.high.max(split.per_hour.mean).max(NEVER);
            format!("less than once in {} hours", large(1.0 / most))
        }
        Some(split) => {
            let e = split.per_hour;
            match e.high.is_finite() && e.high > 0.0 {
                true => format!(
                    "{} (95%: at most {})",
                    share(e.mean),
                    share(e.high).trim_start_matches("in ")
                ),
                false => share(e.mean),
            }
        }
    }
}

/// What stands in the way of a search.
pub fn obstacle(edge: &Edge) -> Option<String> {
    Some(match edge.obstacle? {
        Obstacle::NoFault => {
            "There is no fault to survive, or to get out of: give one with --fault.".to_string()
        }
        Obstacle::Ill => "The scenario is ill without its faults: there is no health to return \
                          to, and nothing to search."
            .to_string(),
        Obstacle::Short(needed) => format!(
            "The run of {} is too short to tell who recovers: it takes a horizon of {}.",
            seconds(edge.scenario.run.horizon.as_secs()),
            whole_seconds(needed)
        ),
    })
}

/// A duration, in whole seconds at least as long.
fn whole_seconds(lasts: Nanos) -> String {
    seconds(lasts.as_secs().ceil())
}

/// Who survives the faults as they are.
fn as_it_is(edge: &Edge) -> Option<String> {
    let told = edge.policies.iter().filter(|policy| policy.base.is_some());
    let of = |fate: Option<bool>| -> Vec<&PolicyEdge> {
        told.clone()
            .filter(|policy| policy.fate() == fate)
            .collect()
    };
    let (falls, comes) = (of(Some(true)), of(Some(false)));
    let mut rest: Vec<String> = Vec::new();
    for policy in of(None) {
        let falls = policy.base.unwrap_or_default();
        rest.push(format!(
            "with {} {} of {} runs never recover",
            policy.name, falls.never, falls.runs
        ));
    }
    for policy in edge.policies.iter().filter(|policy| policy.is_ill) {
        rest.push(format!("{} is ill without it", policy.name));
    }
    let rest = rest
        .iter()
        .map(|text| format!("; {text}"))
        .collect::<String>();
    let names = |of: &[&PolicyEdge]| {
        let names: Vec<&str> = of.iter().map(|policy| policy.name.as_str()).collect();
        list(&names)
    };
    let faults = configured(edge);
    Some(match (&falls[..], &comes[..]) {
        ([], []) if rest.is_empty() => return None,
        ([], []) => format!("{faults}{}.", rest.replacen("; ", ": ", 1)),
        (falls, []) => format!("{faults} is not survived with {}{rest}.", names(falls)),
        ([], comes) => format!("{faults} is survived with {}{rest}.", names(comes)),
        (falls, comes) => format!(
            "{faults} is not survived with {}; it is with {}{rest}.",
            names(falls),
            names(comes)
        ),
    })
}

/// What was found, a sentence each.
pub fn sentences(edge: &Edge) -> Vec<String> {
    let faults = [
        Sought::Crash,
        Sought::Stall,
        Sought::Errors,
        Sought::Surge,
        Sought::Load,
    ];
    let mut all: Vec<String> = obstacle(edge).into_iter().collect();
    // Of what is ill all has been said.
    all.extend(as_it_is(edge).filter(|_| edge.obstacle.is_none()));
    all.extend(
        faults
            .into_iter()
            .filter_map(|sought| sentence(edge, sought)),
    );
    all.extend(settings(edge));
    all.extend(out(edge));
    all.extend(theory(edge));
    all.extend(alone(edge));
    all
}

/// Where search and theory disagree, and why.
pub fn differences(edge: &Edge) -> Vec<String> {
    alike(edge, |policy| {
        [scale_differs(policy), load_differs(policy)]
            .into_iter()
            .flatten()
    })
    .iter()
    .map(|(text, names)| format!("With {} {text}.", list(names)))
    .collect()
}

/// Why fewer servers end a collapse than theory says.
fn scale_differs(policy: &PolicyEdge) -> Option<String> {
    let theory = policy.theory.as_ref()?;
    let times = policy.found(Sought::Scale)?.beyond?;
    let (recovery, delay) = (theory.recovery_capacity, theory.pressure.delay);
    if times >= recovery * 0.97 {
        return None;
    }
    Some(match delay < recovery {
        true => format!(
            "{} times the servers end the collapse, where retries alone would keep it up to {}: \
             from {} on a full queue of {} is served before its callers leave",
            three_digits(times),
            hundredths(recovery),
            hundredths(delay),
            thousands(f64::from(theory.amplification.queue))
        ),
        false => format!(
            "{} times the servers end the collapse, fewer than the {} of theory, in which nothing \
             changes by chance",
            three_digits(times),
            hundredths(recovery)
        ),
    })
}

/// Why a load is fatal that could be borne.
fn load_differs(policy: &PolicyEdge) -> Option<String> {
    let theory = policy.theory.as_ref()?;
    let tipping = theory.tipping_load?;
    let beyond = policy.found(Sought::Load)?.beyond?;
    if beyond >= tipping * 0.97 || theory.recovery_capacity <= 1.0 {
        return None;
    }
    let a = &theory.amplification;
    let busy = a.calls_per_s / a.capacity_per_s();
    let tries = a.attempts.min(a.granted);
    let least = match tries.is_finite() {
        true => format!("; below {} no collapse lasts", hundredths(1.0 / tries)),
        false => String::new(),
    };
    Some(format!(
        "a service can be healthy at loads of up to {} of its capacity, but the faults carry it \
         over the threshold from {} on{least}",
        hundredths(tipping * busy),
        hundredths(beyond * busy),
    ))
}

/// What was found, a table a search and policy.
pub fn table(edge: &Edge) -> TextTable {
    let mut rows: Vec<[String; 5]> = Vec::new();
    let bracket = |found: &Crossing, sought: Sought| {
        let brief = |x: f64| match sought {
            Sought::Surge | Sought::Scale => format!("{}×", three_digits(x)),
            _ => size(edge, sought, x),
        };
        let show = |x: Option<f64>| x.map_or("–".to_string(), brief);
        [show(found.before), show(found.beyond)]
    };
    for policy in &edge.policies {
        for (sought, found) in &policy.found {
            let [before, beyond] = bracket(found, *sought);
            rows.push([
                policy.name.clone(),
                sought.name().to_string(),
                before,
                beyond,
                thousands(found.runs() as f64),
            ]);
        }
        if let Some(falls) = policy.restart {
            let ends = match falls.decided() {
                Some(true) => ["does not", "–"],
                Some(false) => ["–", "ends it"],
                None => ["undecided", "undecided"],
            };
            let [before, beyond] = ends.map(String::from);
            let what = "restart of 100 ms".to_string();
            let runs = thousands(falls.runs as f64);
            rows.push([policy.name.clone(), what, before, beyond, runs]);
        }
        for (sought, shares) in &policy.ways {
            let ends = |(_, found): &&(f64, Crossing)| found.beyond.is_some();
            for (share, found) in shares.iter().filter(ends) {
                let [before, beyond] = bracket(found, *sought);
                rows.push([
                    policy.name.clone(),
                    format!("{} {}", sought.name(), hundredths(*share)),
                    before,
                    beyond,
                    thousands(found.runs() as f64),
                ]);
            }
            let others: Vec<&(f64, Crossing)> = shares.iter().filter(|of| !ends(of)).collect();
            if let (Some((low, found)), Some((high, _))) = (others.first(), others.last()) {
                let what = match others.len() == shares.len() {
                    true => format!("{} to {}", hundredths(*low), hundredths(*high)),
                    false => "other shares".to_string(),
                };
                let runs: u64 = others.iter().map(|(_, found)| found.runs()).sum();
                let [before, beyond] = bracket(found, *sought);
                rows.push([
                    policy.name.clone(),
                    format!("{} {what}", sought.name()),
                    before,
                    beyond,
                    thousands(runs as f64),
                ]);
            }
        }
    }
    let headers = ["policy", "looked for", "not yet", "from", "runs"];
    TextTable::new("", &headers, &rows)
}

/// In which ranges of settings the faults are survived; nothing where none was looked at.
pub fn settings_table(edge: &Edge) -> Option<TextTable> {
    let mut rows: Vec<[String; 6]> = Vec::new();
    for policy in &edge.policies {
        for found in &policy.fields {
            let runs: u64 = found.tried.iter().map(|at| at.falls.runs).sum();
            let text = |value: Option<f64>| match value {
                Some(value) => found.field.text(value),
                None => "–".to_string(),
            };
            let values = || found.tried.iter().map(|at| at.value);
            for (from, to) in found.survived() {
                let below = values().rfind(|value| *value < from);
                let above = values().find(|value| *value > to);
                rows.push([
                    policy.name.clone(),
                    found.field.path.clone(),
                    text(Some(from)),
                    text(Some(to)),
                    format!("{}, {}", text(below), text(above)),
                    thousands(runs as f64),
                ]);
            }
        }
    }
    let headers = [
        "policy",
        "setting",
        "survived from",
        "to",
        "not known, or not, at",
        "runs",
    ];
    let caption = "Where the configured faults are survived";
    (!rows.is_empty()).then(|| TextTable::new(caption, &headers, &rows))
}

/// What is looked for now, of which policy, and how far that is.
pub fn so_far(what: &str, policy: &str, found: Option<(Sought, &Crossing)>) -> String {
    let Some((sought, found)) = found else {
        return format!("{what}, {policy}");
    };
    let show = |x: f64| match sought {
        Sought::Load | Sought::Surge | Sought::Scale => format!("{}×", three_digits(x)),
        _ => seconds(x),
    };
    let runs = counted(&thousands(found.runs() as f64), "run");
    match (found.before, found.beyond) {
        (Some(a), Some(b)) => format!(
            "{}, {policy}: {} to {}, {runs}",
            sought.name(),
            show(a),
            show(b)
        ),
        (Some(a), None) => format!("{}, {policy}: beyond {}, {runs}", sought.name(), show(a)),
        _ => format!("{}, {policy}", sought.name()),
    }
}
