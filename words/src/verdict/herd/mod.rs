//! The result in words.

pub mod actions;
pub mod board;
pub mod cells;
mod ends;
pub mod facts;
mod fate;
pub mod impact;
pub mod parts;
pub mod ranking;
pub mod tables;
pub mod titles;

use herdsim_core::dist::Dist;
use herdsim_core::ensemble::herd::{PolicyResults, Results};
use herdsim_core::herd::series::BUSY_SERVERS;
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS_PER_CALL, COMPLETION_S, DEGRADED_S, DOUBLE_EFFECTS, Health,
    LOST_CALLS, RECOVERED_RATIO, TWIN_ANSWERED_RATIO, TWIN_RETRY_RATIO, WAITING_RATIO,
};
use herdsim_core::metric::Key;
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::callers::{Arrival, Callers};
use herdsim_core::scenario::catalogue::NO_ACTION;
use herdsim_core::scenario::fault::{Fault, OnHosts};
use herdsim_core::scenario::hosts::View;
use herdsim_core::scenario::policy::{Jitter, UNLIMITED};
use herdsim_core::scenario::service::{Service, ServiceKind};
use herdsim_core::stats::wilson;
use herdsim_core::units::Nanos;

use crate::format::{list, percent, seconds, thousands, three_digits};
pub use fate::{Fate, in_runs, is_ill_at_end, named, plural};
use ranking::{Measure, answering_most, is_alike};

/// What a scenario asks of its policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Do they recover from the faults, and how soon?
    Recovery,
    /// When is everybody done?
    Completion,
    /// How much work is done for nobody?
    Waste,
}

impl Question {
    pub fn of(scenario: &Scenario) -> Question {
        match scenario.is_once() {
            true => Question::Completion,
            _ if scenario.harm().is_none() => Question::Waste,
            _ => Question::Recovery,
        }
    }
}

/// What relieved the service between the faults' beginning and the time when it was well
/// again, and lasted beyond the faults: without that it need not have recovered.
fn help(scenario: &Scenario, recovery_s: f64) -> Option<String> {
    let harm = scenario.harm()?;
    let well = harm.over.as_secs() + recovery_s;
    let helps = |f: &&Fault| f.kind.relieves() && f.over() > harm.over && f.from.as_secs() <= well;
    let help: Vec<String> = scenario
        .faults
        .iter()
        .filter(helps)
        .map(Fault::to_string)
        .collect();
    (!help.is_empty()).then(|| format!(" with the help of {}", list(&help)))
}

/// How a policy recovers that always does: "in 0.3 s", "at once", and with whose help.
pub fn recovers(scenario: &Scenario, recovery_s: f64) -> String {
    let harmful = scenario.faults.iter().filter(|f| !f.kind.relieves());
    let last = harmful.max_by_key(|fault| fault.over());
    let fades = last.is_some_and(|fault| fault.ramp > Nanos::ZERO);
    let soon = match recovery_s < 0.015 {
        // It was ill while the fault faded, for who knows how long.
        true if fades => "by the time it has faded".to_string(),
        // Less than can be told.
        true => "at once".to_string(),
        // What is done has a time of its own.
        false if !scenario.actions.is_empty() => {
            format!("{} after the fault", seconds(recovery_s))
        }
        false => format!("in {}", seconds(recovery_s)),
    };
    soon + &help(scenario, recovery_s).unwrap_or_default()
}

/// What a policy answers, in words, with the calls that still wait where they are many;
/// nothing where that is not known.
pub fn answers(scenario: &Scenario, policy: &PolicyResults) -> Option<String> {
    let measure = Measure::of(scenario);
    let mean = measure.mean(policy);
    let answers = match (measure, mean) {
        (_, mean) if mean.is_nan() => return None,
        (_, 0.0) => "answers no call".to_string(),
        (Measure::Share, 1.0) => "answers every call".to_string(),
        (measure, mean) => format!("answers {}", measure.show(mean)),
    };
    let waiting = policy.metric(WAITING_RATIO).mean;
    let waiting = (waiting > 0.01).then(|| format!("{} still wait at the end", percent(waiting)));
    let beside: Vec<String> = waiting
        .into_iter()
        .chain(facts::facts(scenario, policy))
        .collect();
    Some(match beside.is_empty() {
        true => answers,
        false => format!("{answers} ({})", beside.join("; ")),
    })
}

struct Groups<'r> {
    scenario: &'r Scenario,
    measure: Measure,
    never: Vec<&'r str>,
    /// What happens in some of the runs, in words.
    sometimes: Vec<(&'r str, String)>,
    recover: Vec<(&'r PolicyResults, f64)>,
    steady: Vec<&'r PolicyResults>,
    /// How many policies these are.
    all: usize,
}

impl<'r> Groups<'r> {
    fn of(results: &'r Results) -> Groups<'r> {
        Groups::among(results, |_| true)
    }

    /// Of some of the policies.
    fn among(results: &'r Results, keep: impl Fn(&&PolicyResults) -> bool) -> Groups<'r> {
        let mut groups = Groups {
            scenario: &results.scenario,
            measure: Measure::of(&results.scenario),
            never: Vec::new(),
            sometimes: Vec::new(),
            recover: Vec::new(),
            steady: Vec::new(),
            all: results.policies.iter().filter(&keep).count(),
        };
        // Who calls once is asked when all are done, whatever fails meanwhile.
        let asked = Question::of(&results.scenario) == Question::Recovery;
        for policy in results.policies.iter().filter(keep) {
            match Fate::of(policy) {
                _ if !asked => groups.steady.push(policy),
                Fate::Never => groups.never.push(named(policy)),
                Fate::Sometimes(share) => {
                    let how = format!("recovers in {} of runs", percent(share));
                    groups.sometimes.push((named(policy), how));
                }
                Fate::Relapses(share) => {
                    let how = format!("is ill again at the end of {} of runs", percent(share));
                    groups.sometimes.push((named(policy), how));
                }
                Fate::Recovers(s) => groups.recover.push((policy, s)),
                Fate::Steady => groups.steady.push(policy),
            }
        }
        groups
    }

    /// The recovering policies that answer most calls: the best first, then
    /// those that cannot be told from it.
    fn best(&self) -> Vec<&(&'r PolicyResults, f64)> {
        let measure = self.measure;
        let by_answered = |a: &&(&PolicyResults, f64), b: &&(&PolicyResults, f64)| {
            measure.mean(a.0).total_cmp(&measure.mean(b.0))
        };
        let answering = self.recover.iter().filter(|(p, _)| measure.mean(p) != 0.0);
        let Some(first) = answering.clone().max_by(by_answered) else {
            return Vec::new();
        };
        let alike = answering.filter(|(policy, _)| {
            !std::ptr::eq(*policy, first.0) && is_alike(self.scenario, policy, first.0)
        });
        [first].into_iter().chain(alike).collect()
    }
}

/// One sentence: which policies never recover, and what the others cost.
pub fn verdict(results: &Results) -> String {
    let effect = actions::effect(results);
    // What becomes of those with which nothing is done has been said then.
    let groups = match effect.is_some() {
        true => Groups::among(results, |policy| !policy.name.ends_with(NO_ACTION)),
        false => Groups::of(results),
    };
    let mut clauses: Vec<String> = effect.into_iter().collect();
    if !groups.never.is_empty() {
        clauses.push(format!(
            "{} never {} within {}",
            list(&groups.never),
            plural(&groups.never, "recovers", "recover"),
            seconds(results.scenario.run.horizon.as_secs()),
        ));
    }
    for (name, how) in &groups.sometimes {
        clauses.push(format!("{name} {how}"));
    }
    let scenario = &results.scenario;
    let and = |policy: &PolicyResults| match answers(scenario, policy) {
        Some(answers) => format!(" and {answers}"),
        None => String::new(),
    };
    match (&groups.recover[..], &groups.best()[..]) {
        (few, _) if few.len() <= 3 => {
            for (policy, s) in few {
                clauses.push(format!(
                    "{} recovers {}{}",
                    named(policy),
                    recovers(scenario, *s),
                    and(policy)
                ));
            }
        }
        (many, [(best, s)]) => clauses.push(format!(
            "{} of {} recover, best {}: {}{}",
            many.len(),
            groups.all,
            named(best),
            recovers(scenario, *s),
            and(best)
        )),
        (many, []) => clauses.push(format!(
            "{} of {} recover, and answer no calls",
            many.len(),
            groups.all
        )),
        (many, best) => {
            let names: Vec<&str> = best.iter().map(|(policy, _)| named(policy)).collect();
            let alike = match names.len() {
                n if n == many.len() => format!("they are alike by {}", groups.measure.noun()),
                n if n > 4 => format!("{n} of them answer the most calls, alike"),
                _ => format!("{} answer the most calls, alike", list(&names)),
            };
            clauses.push(format!(
                "{} of {} recover{}; {alike}",
                many.len(),
                groups.all,
                range(many.iter().map(|(policy, _)| *policy)),
            ));
        }
    }
    steady(&groups.steady, results, &mut clauses);
    clauses.extend(doubled(results));
    clauses.join("; ")
}

/// How often effects happened again, most and least, where that is counted.
fn doubled(results: &Results) -> Option<String> {
    let effect = &results.scenario.entry().effect.as_ref()?.effect;
    let count = |p: &&PolicyResults| p.metric(DOUBLE_EFFECTS).mean;
    let by_count = |a: &&PolicyResults, b: &&PolicyResults| count(a).total_cmp(&count(b));
    let most = results.policies.iter().max_by(by_count)?;
    let least = results.policies.iter().min_by(by_count)?;
    Some(match count(&most) {
        0.0 => format!("no {effect} is made twice"),
        _ if most.name == least.name => {
            format!("{} extra {effect}s are made", thousands(count(&most)))
        }
        _ => format!(
            "{} extra {effect}s are made with {}, {} with {}",
            thousands(count(&most)),
            named(most),
            thousands(count(&least)),
            named(least)
        ),
    })
}

/// What can be said where recovery is not the question, or cannot be told.
fn steady(policies: &[&PolicyResults], results: &Results, clauses: &mut Vec<String>) {
    let scenario = &results.scenario;
    let question = Question::of(scenario);
    let facts = |policy: &PolicyResults| {
        let attempts = policy.metric(ATTEMPTS_PER_CALL).mean;
        let attempts =
            (!attempts.is_nan()).then(|| format!("makes {attempts:.2} attempts per call"));
        let done = match (question, policy.metric(COMPLETION_S).mean) {
            (Question::Completion, s) if s.is_finite() => {
                Some(format!("is done after {}", done_after(policy, s)))
            }
            (Question::Completion, _) => {
                let horizon = seconds(scenario.run.horizon.as_secs());
                Some(format!("is not done within {horizon}"))
            }
            _ => None,
        };
        let facts = [done, answers(scenario, policy), attempts];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        match facts.is_empty() {
            true => "makes no call that counts".to_string(),
            false => list(&facts),
        }
    };
    // Policies of which the same is to be said share a clause.
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for policy in policies {
        let facts = facts(policy);
        match said.iter_mut().find(|(same, _)| *same == facts) {
            Some((_, names)) => names.push(named(policy)),
            None => said.push((facts, vec![named(policy)])),
        }
    }
    for (facts, names) in said {
        match &names[..] {
            [one] => clauses.push(format!("{one} {facts}")),
            several => clauses.push(format!("each of {} {facts}", list(several))),
        }
    }
    if question == Question::Recovery && !policies.is_empty() {
        clauses.push(undetermined(policies, scenario));
    }
}

/// Why recovery is not ruled on.
fn undetermined(policies: &[&PolicyResults], scenario: &Scenario) -> String {
    let mean = |p: &PolicyResults, metric| p.metric(metric).mean;
    let unknown = |p: &&&PolicyResults| mean(p, TWIN_ANSWERED_RATIO).is_nan();
    let ill = |p: &&PolicyResults| {
        let [answered, retries] = [TWIN_ANSWERED_RATIO, TWIN_RETRY_RATIO].map(|m| mean(p, m));
        Health::is_ill(scenario.callers(), answered, retries)
    };
    match policies {
        _ if scenario.harm().is_none() => {
            "there is nothing to recover from: no fault does harm".to_string()
        }
        [] => String::new(),
        all if all.iter().filter(unknown).count() > 0 => "recovery is undetermined".to_string(),
        all if all.iter().any(ill) => {
            "recovery is undetermined, as without the faults it would not be well either"
                .to_string()
        }
        _ => "recovery is undetermined, as the run has too little time after the fault".to_string(),
    }
}

/// Runs below which a person is told what so few can say.
const FEW: u64 = 10;

/// What a reader should know before the verdict: no health to return to, no time to tell,
/// too few runs.
pub fn cautions(results: &Results) -> Vec<String> {
    let scenario = &results.scenario;
    let Some(harm) = scenario.harm() else {
        return Vec::new();
    };
    let mut cautions = Vec::new();
    let run = &scenario.run;
    let judged = [run.warmup, Nanos(run.horizon.0 - run.cooldown.0)];
    let once = scenario.is_once();
    if !once && (harm.from < judged[0] || harm.over > judged[1]) {
        cautions.push(format!(
            "judged are the calls that start from {} to {}, which leaves out some of those that \
             meet the faults, from {} to {}",
            judged[0], judged[1], harm.from, harm.over
        ));
    }
    let ends = |p: &PolicyResults| p.series.len() as f64 * run.bin.as_secs();
    if once
        && results
            .policies
            .iter()
            .all(|p| ends(p) <= harm.from.as_secs())
    {
        cautions.push(format!(
            "everything is over before the faults begin at {}: they have no effect",
            harm.from
        ));
    }
    if let Arrival::Trace { step, rates } = &scenario.callers().arrival {
        let end = Nanos(step.0.saturating_mul(rates.len() as u64));
        if end < run.horizon {
            cautions.push(format!(
                "the trace ends at {end}, the run at {}: nobody calls in between",
                run.horizon
            ));
        }
    }
    cautions.extend(busy(results));
    cautions.extend(actions::cautions(scenario));
    let mut short = Vec::new();
    for policy in &results.policies {
        let [answered, retries] = [TWIN_ANSWERED_RATIO, TWIN_RETRY_RATIO].map(|m| policy.metric(m));
        if Health::is_ill(scenario.callers(), answered.mean, retries.mean) {
            cautions.push(format!(
                "no health to return to: without the faults {} answers {} of its calls, and {} \
                 of its attempts are retries",
                named(policy),
                percent(answered.mean),
                percent(retries.mean)
            ));
        } else if answered.n > 0 && policy.metric(RECOVERED_RATIO).n == 0 {
            short.push(named(policy));
        }
    }
    if !short.is_empty() {
        cautions.push(format!(
            "the run is too short to tell whether {} {}: the faults end at {}, and health has \
             to be seen for 6 s after that, or longer where calls are rare",
            list(&short),
            plural(&short, "recovers", "recover"),
            harm.over
        ));
    }
    let runs = results.replications;
    if runs < FEW {
        let unseen = 1.0 - wilson(runs as f64, runs).0;
        let say = match runs {
            1 => "1 run says".to_string(),
            n => format!("{n} runs say"),
        };
        cautions.push(format!(
            "{say} little: what happens in up to {:.0}% of runs need not be among them (95%)",
            unseen * 100.0
        ));
    }
    cautions
}

/// The share of a service's time from which on it has next to nothing to recover with.
const BUSY: f64 = 0.95;

/// Whether the service that callers meet is busy before anything goes wrong.
fn busy(results: &Results) -> Option<String> {
    let scenario = &results.scenario;
    let [before, bin] = [scenario.harm()?.from, scenario.run.bin].map(Nanos::as_secs);
    let servers = scenario.entry().servers()?;
    let from = scenario.run.warmup.as_secs().min(before);
    let [from, to] = [from, before].map(|s| (s / bin) as usize);
    let first = results.policies.first()?;
    let bins = first.series.get(from..to)?;
    let busy: f64 = bins.iter().map(|bin| bin[BUSY_SERVERS.index()].mean).sum();
    let share = busy / (bins.len() as f64 * servers);
    (share >= BUSY).then(|| {
        format!(
            "before the faults the servers are busy {} of the time with {}: little is left to \
             recover with",
            percent(share),
            named(first)
        )
    })
}

/// What was found, as the title of a chart, shorter than the verdict.
pub fn headline(results: &Results) -> String {
    if let Some(effect) = actions::effect(results) {
        return effect;
    }
    let groups = Groups::of(results);
    let what = incident(results);
    let names = |names: &[&str]| match names.len() {
        0..=3 => list(names),
        n => format!("{n} of {} policies", results.policies.len()),
    };
    let best = groups.best();
    let horizon = seconds(results.scenario.run.horizon.as_secs());
    match (&groups.never[..], &best[..]) {
        ([], []) if groups.sometimes.is_empty() && !groups.recover.is_empty() => {
            "No policy answers any call".to_string()
        }
        ([], []) if groups.sometimes.is_empty() => match Question::of(&results.scenario) {
            Question::Completion => completion(results, &horizon),
            Question::Recovery if groups.steady.len() > 1 => {
                format!("Who recovers from {what} is undetermined")
            }
            _ => match &groups.steady[..] {
                [one] => match answers(&results.scenario, one) {
                    Some(answers) => format!("{} {answers}", named(one)),
                    None => format!("What {} does", named(one)),
                },
                _ if !results.scenario.faults.is_empty() => {
                    format!("No fault does harm: {}", ends::undisturbed(results))
                }
                _ => format!("No fault: {}", ends::undisturbed(results)),
            },
        },
        ([], []) => {
            let (name, how) = &groups.sometimes[0];
            format!("After {what} {name} {how}")
        }
        ([], [(one, s), ..]) if results.policies.len() == 1 => {
            format!(
                "{} recovers from {what} {}",
                named(one),
                recovers(&results.scenario, *s)
            )
        }
        ([], best) if !groups.sometimes.is_empty() || !groups.steady.is_empty() => {
            let (more, n) = (groups.recover.len(), results.policies.len());
            let (name, s) = best[0];
            match more {
                // Of the others it is undetermined: none of them is seen not to.
                1 if groups.sometimes.is_empty() => format!(
                    "{} recovers from {what} {}; of the others it is undetermined",
                    named(name),
                    recovers(&results.scenario, *s)
                ),
                1 => format!(
                    "Of {n} policies only {} always recovers from {what}, {}",
                    named(name),
                    recovers(&results.scenario, *s)
                ),
                _ => format!("{more} of {n} policies always recover from {what}"),
            }
        }
        ([], [(one, _)]) => {
            format!(
                "Every policy recovers from {what}; {} answers the most calls",
                named(one)
            )
        }
        ([], best) if best.len() == results.policies.len() => {
            format!(
                "Every policy recovers from {what}{}",
                range(results.policies.iter())
            )
        }
        ([], best) => format!(
            "Every policy recovers from {what}; {} answer the most calls",
            names(&best.iter().map(|(p, _)| named(p)).collect::<Vec<_>>())
        ),
        (never, []) => format!(
            "{} never {} from {what}",
            names(never),
            plural(never, "recovers", "recover")
        ),
        (never, [(best, s), alike @ ..]) => {
            let recover = plural(never, "recovers", "recover");
            let who = names(never);
            match alike {
                [] => format!(
                    "{who} never {recover} from {what}; {} does {}",
                    named(best),
                    recovers(&results.scenario, *s)
                ),
                _ => {
                    let all: Vec<&str> = groups.best().iter().map(|(p, _)| named(p)).collect();
                    format!("{who} never {recover} from {what}; {} do", names(&all))
                }
            }
        }
    }
}

/// From the least to the most of how long some policies are degraded and of what they lose:
/// ", degraded for 24.7 s, with 100,384 to 100,857 calls lost"; nothing where it is not known.
fn range<'r>(policies: impl Iterator<Item = &'r PolicyResults> + Clone) -> String {
    let between = |metric: Key, show: &dyn Fn(f64) -> String| {
        let values = policies.clone().map(|p| p.metric(metric).mean);
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
        let known = values.clone().all(f64::is_finite);
        known.then(|| match (show(least), show(most)) {
            (least, most) if least == most => least,
            (least, most) => format!("{least} to {most}"),
        })
    };
    let degraded = between(DEGRADED_S, &seconds);
    let lost = between(LOST_CALLS, &|x| thousands(x.max(0.0)));
    match (degraded, lost) {
        (Some(degraded), Some(lost)) => {
            format!(", degraded for {degraded}, with {lost} calls lost")
        }
        _ => String::new(),
    }
}

/// `2.06 s`, or in how many of the runs.
pub fn done_after(policy: &PolicyResults, s: f64) -> String {
    let (done, all) = (policy.metric(COMPLETION_S).n, policy.raw.len() as u64);
    match done == all {
        true => seconds(s),
        false => format!("{} in {done} of {all} runs", seconds(s)),
    }
}

/// Who is done first, where everybody calls once: of those that answer the most calls,
/// as who gives up is done soon.
fn completion(results: &Results, horizon: &str) -> String {
    let done = |p: &&PolicyResults| p.metric(COMPLETION_S).mean;
    let all: Vec<&PolicyResults> = results.policies.iter().collect();
    let able = answering_most(results);
    let finished = able.iter().copied().filter(|p| done(p).is_finite());
    let by_done = |a: &&PolicyResults, b: &&PolicyResults| done(a).total_cmp(&done(b));
    let hasty = all.iter().filter(|p| done(p).is_finite());
    match finished.clone().min_by(by_done) {
        None if able.is_empty() && all.iter().all(|p| p.metric(ANSWERED_RATIO).mean == 0.0) => {
            "No policy answers any call".to_string()
        }
        None => match hasty.min_by(|a, b| by_done(a, b)) {
            Some(first) => format!(
                "{} is done after {}, and answers fewer calls than others",
                named(first),
                done_after(first, done(first))
            ),
            None => format!("Nobody is done within {horizon}"),
        },
        Some(first) => {
            let after = done_after(first, done(&first));
            let alike = finished.clone().filter(|p| done(p) == done(&first)).count();
            match (all.len(), able.len()) {
                (1, _) => format!("{} is done after {after}", named(first)),
                (n, _) if n == alike => match ends::attempts(results) {
                    Some(attempts) => {
                        format!("All is done after {after}; attempts a call: {attempts}")
                    }
                    None => format!("With every policy all is done after {after}"),
                },
                (n, m) if n == m => format!("{} finishes first, after {after}", named(first)),
                (_, 1) => format!(
                    "{} answers the most calls, and is done after {after}",
                    named(first)
                ),
                _ => format!(
                    "Of the policies that answer the most calls {} finishes first, after {after}",
                    named(first)
                ),
            }
        }
    }
}

/// "a 2 s crash", "a 6 s crash and a 20 s slowdown", or "the faults" where there are more.
pub fn incident(results: &Results) -> String {
    let harmful = results.scenario.faults.iter();
    let harmful: Vec<&Fault> = harmful.filter(|f| !f.kind.relieves()).collect();
    match harmful.len() {
        1 | 2 => {
            let faults: Vec<String> = harmful.into_iter().map(one_fault).collect();
            list(&faults)
        }
        _ => "the faults".to_string(),
    }
}

/// "a 2 s crash".
fn one_fault(fault: &Fault) -> String {
    let what = fault.kind.noun();
    // What only fades is as long as it fades.
    let lasts = match fault.lasts {
        Nanos::ZERO => fault.ramp,
        lasts => lasts,
    };
    let lasts = seconds(lasts.as_secs());
    let vowel = ["8", "11 ", "18 "].iter().any(|n| lasts.starts_with(n));
    let article = match vowel {
        true => "an",
        false => "a",
    };
    let what = match fault.hosts {
        None => what.to_string(),
        Some(OnHosts::One(n)) => format!("{what} of host {n}"),
        Some(OnHosts::Share(p)) => format!("{what} of {} of the hosts", percent(p.0)),
        Some(_) => format!("{what} of some hosts"),
    };
    format!("{article} {lasts} {what}")
}

/// The setting in one line, for subtitles.
pub fn setting(results: &Results) -> String {
    setting_of(&results.scenario)
}

/// That of a scenario.
pub fn setting_of(s: &Scenario) -> String {
    let mut parts = match &s.groups[..] {
        [only] => vec![callers(only)],
        several => several
            .iter()
            .enumerate()
            .map(|(i, group)| format!("{}: {}", s.group_name(i), callers(group)))
            .collect(),
    };
    parts.extend(match &s.services[..] {
        [only] => service(only),
        many => vec![format!("a chain of {} services", many.len())],
    });
    let first = &s.policies[0].1;
    if s.policies.iter().all(|(_, p)| p.timeout == first.timeout) {
        parts.push(timeout(first.timeout));
    }
    if s.policies.iter().all(|(_, p)| p.attempts == first.attempts) {
        parts.push(attempts(first.attempts));
    }
    if !s.actions.is_empty() {
        let brief = s.actions.iter().map(|action| {
            let from = seconds(action.from.as_secs());
            format!("{} at {from}", actions::brief(action))
        });
        parts.extend(brief);
    }
    parts.join(" · ")
}

/// A group of callers in a few words.
fn callers(group: &Callers) -> String {
    let count = thousands(f64::from(group.count));
    let callers = match &group.arrival {
        Arrival::Open { rate } => format!("{count} callers at {} calls/s", three_digits(rate.0)),
        // In so many processes, and how long each pauses between an answer and a call.
        Arrival::Closed { think } => match group.clients {
            1 => format!("{count} callers pausing {}", law(think)),
            n => format!(
                "{count} callers in {} processes pausing {}",
                thousands(f64::from(n)),
                law(think)
            ),
        },
        Arrival::Once { .. } => format!("{count} callers, one call each"),
        Arrival::Periodic { every, .. } => format!("{count} callers, a call every {every}"),
        Arrival::Trace { .. } => "calls as in a trace".to_string(),
    };
    let callers = callers.replace("at 1 calls/s", "at 1 call/s");
    match (group.fan_out(), group.sequence()) {
        (1, 1) => callers,
        (n, 1) => format!(
            "{callers}, of {} sub-calls at once",
            thousands(f64::from(n))
        ),
        (1, n) => format!(
            "{callers}, of {} sub-calls in turn",
            thousands(f64::from(n))
        ),
        (n, steps) => format!("{callers}, of {steps} times {n} sub-calls"),
    }
}

/// A law in a few words: its mean where it is exponential or long to say.
fn law(law: &Dist) -> String {
    let text = law.to_string();
    let says_more = !text.starts_with("exp(") && text.contains('(') && text.chars().count() < 48;
    match says_more {
        true => text,
        false => seconds(law.mean_s()),
    }
}

/// The setting with what the first policy does, for documents.
pub fn full_setting(results: &Results) -> String {
    let Some((name, policy)) = results.scenario.policies.first() else {
        return setting(results);
    };
    let short = setting(results);
    let mut own = Vec::new();
    let says = |what: &str| short.split(" · ").any(|part| part.contains(what));
    if !says("attempt") {
        own.push(attempts(policy.attempts));
    }
    if !says("timeout") {
        own.push(timeout(policy.timeout));
    }
    if policy.attempts > 1 {
        own.push(format!("backoff {}", policy.backoff));
        if policy.jitter != Jitter::None {
            own.push(format!("jitter {}", policy.jitter));
        }
    }
    match own.is_empty() {
        true => short,
        false => format!("{short} · {name}: {}", own.join(", ")),
    }
}

fn timeout(timeout: Option<Nanos>) -> String {
    match timeout {
        Some(t) => format!("timeout {}", seconds(t.as_secs())),
        None => "no timeout".to_string(),
    }
}

fn attempts(attempts: u32) -> String {
    match attempts {
        1 => "1 attempt".to_string(),
        UNLIMITED => "unlimited attempts".to_string(),
        n => format!("{} attempts", thousands(f64::from(n))),
    }
}

/// What callers meet, in a few words.
fn service(service: &Service) -> Vec<String> {
    let several = service.hosts.as_ref().filter(|hosts| hosts.count > 1);
    let each = several.map(|hosts| {
        let balance = match hosts.view {
            View::All => hosts.balance.to_string(),
            _ => format!("{} by client", hosts.balance),
        };
        format!(
            "{} hosts ({balance}), each",
            thousands(f64::from(hosts.count))
        )
    });
    let mut parts = of_kind(service);
    if let (Some(each), Some(first)) = (each, parts.first_mut()) {
        *first = format!("{each} {first}");
    }
    parts.extend(
        service
            .limit
            .as_ref()
            .map(|limit| format!("limit {}", limit.rate)),
    );
    parts
}

fn of_kind(service: &Service) -> Vec<String> {
    match &service.kind {
        ServiceKind::Queue(pool) => vec![
            format!(
                "{} servers at {}",
                thousands(f64::from(pool.servers)),
                law(&pool.service_time)
            ),
            format!("queue {}", thousands(f64::from(pool.queue))),
        ],
        ServiceKind::Elastic(elastic) => vec![format!(
            "service {} + {} for each in service",
            seconds(elastic.service_time.mean_s()),
            elastic.slope
        )],
        ServiceKind::Coin(coin) => vec![format!(
            "{} of attempts fail",
            percent(coin.failure_ratio.0)
        )],
        ServiceKind::Occ => vec!["one row, optimistic concurrency".to_string()],
    }
}
