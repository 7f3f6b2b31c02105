//! What an audit comes to once it is simulated: each site as it is, its changes best first, and
//! the patch of the best.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use herdsim_core::ensemble::herd::PolicyResults;
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS_PER_CALL, DEGRADED_S, LOST_CALLS, PEAK_AFTER_PER_S, RECOVERED_RATIO,
};
use herdsim_core::metric::Key;
use herdsim_core::scenario::policy::Policy;
use herdsim_core::scenario::{Problem, Scenario};

use super::chains::{Chain, chains};
use super::change::Change;
use super::draft::{Draft, Mark, marks};
use super::files::Drafts;
use super::fixes::{self, Fix};
use super::inspect::Audit;
use super::margin::{Margin, Margins};
use super::patch;
use super::predict::{self, Forecast, Making, Standing};
use super::rank::Objective;
use super::rule::Rule;
use super::seams::{self, Number};
use super::site::{Field, Site};
use super::situation::{self, Situations};
use herdsim_words::format::{seconds, thousands};

/// A site as it is, and what would change it.
pub struct Outlook {
    /// Its site, by its number.
    pub site: usize,
    /// What it does, in a line.
    pub outcome: String,
    pub numbers: Vec<Number>,
    /// What was assumed of it beyond the situation.
    pub assumed: Vec<String>,
    /// What files state of the service that it calls.
    pub stated: Vec<String>,
    /// Why nothing is ranked, where that is so.
    pub unranked: Option<String>,
    /// Best first.
    pub remedies: Vec<Remedy>,
    /// The scenario that was simulated, of a retry.
    pub scenario: Option<Scenario>,
    /// How far it is from the edge, where that was asked for.
    pub margin: Option<Margin>,
}

impl Outlook {
    /// Of a site that cannot be simulated.
    fn without(site: &Site, problem: &Problem) -> Outlook {
        Outlook {
            site: site.number,
            outcome: format!("not simulated: {}", problem.message),
            numbers: Vec::new(),
            assumed: Vec::new(),
            stated: Vec::new(),
            unranked: None,
            remedies: Vec::new(),
            scenario: None,
            margin: None,
        }
    }
}

/// A change to a site, or two.
pub struct Remedy {
    pub fixes: Vec<Fix>,
    pub name: String,
    pub outcome: String,
    pub numbers: Vec<Number>,
    pub standing: Standing,
    /// The policy that it leads to, of a retry.
    pub policy: Option<Policy>,
    /// Which patch it is, from 1, where it can be written.
    pub patch: Option<usize>,
    /// The rules that still find something at the site once it is patched.
    pub left: Vec<Rule>,
    /// Of two changes, what each does alone.
    pub parts: Vec<(String, String)>,
    /// What to do by hand, where it cannot.
    pub advice: Option<String>,
}

/// A path on which attempts multiply: as it is, and with retries at one tier only.
pub struct PathOutlook {
    pub name: String,
    pub outcome: String,
    pub numbers: Vec<Number>,
    /// Best first: what it is called, what it does, how it stands, which patch it is.
    pub options: Vec<PathOption>,
}

pub struct PathOption {
    pub name: String,
    pub outcome: String,
    pub numbers: Vec<Number>,
    pub standing: Standing,
    pub patch: Option<usize>,
}

/// Everything that is predicted of an audit.
pub struct Plan {
    /// The situation, and those of services that have one of their own.
    pub situation: String,
    pub objective: Objective,
    pub outlooks: Vec<Outlook>,
    pub paths: Vec<PathOutlook>,
    /// The texts of each patch, the first one is patch 1.
    pub patches: Vec<Drafts>,
    /// The best change of every site together.
    pub best: Best,
    marks: Vec<Mark>,
}

/// The best change of every site, made together.
#[derive(Default)]
pub struct Best {
    pub texts: Drafts,
    /// How many changes are in them.
    pub changes: usize,
    /// The findings of the audit with them.
    pub tally: String,
}

/// Files with some changes made at a site.
#[derive(Clone)]
struct Made {
    texts: Drafts,
    /// The policy that is then read, of a retry.
    policy: Option<Policy>,
    /// The rules that still find something there.
    left: Vec<Rule>,
}

/// What has been tried, by site and changes.
type Tried = HashMap<(usize, String), Option<Made>>;

impl Plan {
    /// Simulates every site and its changes.
    ///
    /// # Errors
    /// Where a situation is no scenario, or it was stopped.
    pub fn of(
        audit: &Audit,
        situations: &Situations,
        making: &Making<'_>,
    ) -> Result<Plan, Problem> {
        let marks = marks(&audit.system.sites);
        let tried: RefCell<Tried> = RefCell::default();
        let attempt = |site: &Site, fixes: &[Fix]| {
            let key = (site.number, format!("{fixes:?}"));
            if let Some(known) = tried.borrow().get(&key) {
                return known.clone();
            }
            let mut draft = Draft::new(audit);
            let mark = &marks[site.number];
            let made = fixes.iter().all(|fix| draft.make(mark, fix));
            let came = made.then(|| {
                let site = draft.site(mark);
                let retry = site.and_then(Site::retry);
                let number = site.map(|site| site.number);
                let there = draft.audit().findings.iter();
                Made {
                    texts: draft.texts().clone(),
                    policy: retry.map(|retry| situation::policy(retry).0),
                    left: there
                        .filter(|finding| Some(finding.site) == number)
                        .map(|finding| finding.rule)
                        .collect(),
                }
            });
            tried.borrow_mut().insert(key, came.clone());
            came
        };
        let led = |site: &Site, changes: &[Change]| {
            let fixes: Vec<Fix> = changes.iter().cloned().map(Fix::Retry).collect();
            attempt(site, &fixes)?.policy
        };
        let mut plan = Plan {
            situation: situation::told(&situations.regardless(None)?),
            objective: making.objective,
            outlooks: Vec::new(),
            paths: Vec::new(),
            patches: Vec::new(),
            best: Best::default(),
            marks: marks.clone(),
        };
        let forecasts = predict::forecasts(audit, situations, making, &led)?;
        let mut outlooks: Vec<Outlook> = forecasts.into_iter().map(retried).collect();
        for site in &audit.system.sites {
            let unknown = site
                .retry()
                .is_some_and(|retry| !retry.is_known(Field::Attempts));
            if unknown {
                let problem = Problem::new("its attempts cannot be followed");
                outlooks.push(Outlook::without(site, &problem));
                continue;
            }
            let called = audit.system.called(site);
            let situation = situations.regardless(called.as_deref())?;
            match seams::weigh(&audit.system, site, &situation, making.workers) {
                Ok(Some(weighed)) => outlooks.push(self::weighed(site, weighed)),
                Ok(None) => {}
                Err(problem) => outlooks.push(Outlook::without(site, &problem)),
            }
        }
        outlooks.sort_by_key(|outlook| outlook.site);
        let mut margins = Margins::default();
        for outlook in outlooks.iter_mut().filter(|_| making.margins) {
            let is_told = outlook.unranked.is_none() && !outlook.numbers.is_empty();
            if let Some(scenario) = outlook.scenario.as_ref().filter(|_| is_told) {
                let margin = margins.of(scenario, making)?;
                outlook.margin = Some(margin).filter(|margin| !margin.told.is_empty());
            }
        }
        for outlook in &mut outlooks {
            let site = &audit.system.sites[outlook.site];
            for remedy in &mut outlook.remedies {
                match attempt(site, &remedy.fixes) {
                    Some(made) => {
                        plan.patches.push(made.texts);
                        remedy.patch = Some(plan.patches.len());
                        remedy.left = made.left;
                    }
                    None => remedy.advice = Some(fixes::advice(site, &remedy.fixes)),
                }
            }
        }
        plan.outlooks = outlooks;
        for chain in chains(audit, situations, making.workers, making.objective)? {
            let path = plan.path(audit, &chain);
            plan.paths.push(path);
        }
        let (draft, changes) = plan.patched(audit, &[])?;
        plan.best = Best {
            texts: draft.texts().clone(),
            changes,
            tally: draft.audit().tally(),
        };
        Ok(plan)
    }

    /// What is told of a path; the changes of each option as a patch, where all can be written.
    fn path(&mut self, audit: &Audit, chain: &Chain) -> PathOutlook {
        let options = chain.options.iter().map(|single| {
            let mut draft = Draft::new(audit);
            let mut fixes = single.fixes.iter();
            let made = fixes.all(|(site, fix)| draft.make(&self.marks[*site], fix));
            if made {
                self.patches.push(draft.texts().clone());
            }
            PathOption {
                name: single.name.clone(),
                outcome: outcome(&single.results),
                numbers: numbers(&single.results),
                standing: single.standing,
                patch: made.then_some(self.patches.len()),
            }
        });
        PathOutlook {
            options: options.collect(),
            name: chain.name.clone(),
            outcome: outcome(&chain.read),
            numbers: numbers(&chain.read),
        }
    }

    pub fn outlook(&self, site: usize) -> Option<&Outlook> {
        self.outlooks.iter().find(|outlook| outlook.site == site)
    }

    /// The audit with the best change of every site, or with those of these patches; and how
    /// many changes are in it.
    ///
    /// # Errors
    /// A patch that is not there, or two that cannot be made together.
    pub fn patched<'a>(
        &self,
        audit: &'a Audit,
        chosen: &[usize],
    ) -> Result<(Draft<'a>, usize), Problem> {
        let mut draft = Draft::new(audit);
        let mut made = 0;
        for number in chosen {
            if *number == 0 || *number > self.patches.len() {
                return Err(Problem::new(match self.patches.len() {
                    0 => "there is no patch".to_string(),
                    n => format!("there is no patch {number}: they are 1 to {n}"),
                }));
            }
        }
        let found: HashSet<usize> = audit.findings.iter().map(|f| f.site).collect();
        for outlook in &self.outlooks {
            // What no rule objects to is changed only where that was asked for.
            if chosen.is_empty() && !found.contains(&outlook.site) {
                continue;
            }
            let mut wanted = outlook.remedies.iter().filter(|remedy| match chosen {
                [] => remedy.standing == Standing::Best && remedy.patch.is_some(),
                chosen => remedy.patch.is_some_and(|n| chosen.contains(&n)),
            });
            let Some(remedy) = wanted.next() else {
                continue;
            };
            if let (Some(n), false) = (
                wanted.next().and_then(|other| other.patch),
                chosen.is_empty(),
            ) {
                let first = remedy.patch.unwrap_or(0);
                let problem = format!("patches {first} and {n} are of one site");
                return Err(Problem::new(problem));
            }
            let mark = &self.marks[outlook.site];
            // What another change has brought about already need not be made again.
            for fix in &remedy.fixes {
                made += usize::from(draft.make(mark, fix));
            }
        }
        Ok((draft, made))
    }

    /// The scenario of the retry that loses most calls, with what was read and its best change.
    pub fn worst(&self) -> Option<Scenario> {
        let lost = |outlook: &Outlook| {
            let number = outlook
                .numbers
                .iter()
                .find(|(name, _)| *name == LOST_CALLS.name());
            number.map_or(0.0, |(_, lost)| lost.mean)
        };
        let ranked = self.outlooks.iter().filter_map(|outlook| {
            let best = outlook.remedies.first();
            let best = best.filter(|best| best.standing == Standing::Best)?;
            Some((lost(outlook), outlook.scenario.as_ref()?, best))
        });
        let (_, scenario, best) = ranked.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let mut scenario = scenario.clone();
        let policy = best.policy.clone()?;
        scenario.name = "audit".to_string();
        scenario.policies.push(("changed".to_string(), policy));
        Some(scenario)
    }

    /// The diff of a patch.
    pub fn diff(&self, audit: &Audit, number: usize) -> Option<String> {
        let texts = self.patches.get(number.checked_sub(1)?)?;
        Some(patch::diff(&audit.files, texts))
    }
}

/// What is told of a retry in numbers.
const TOLD: [Key; 6] = [
    ANSWERED_RATIO,
    RECOVERED_RATIO,
    DEGRADED_S,
    LOST_CALLS,
    PEAK_AFTER_PER_S,
    ATTEMPTS_PER_CALL,
];

fn numbers(results: &PolicyResults) -> Vec<Number> {
    let number = |key: &Key| (key.name(), results.metric(*key));
    TOLD.iter().map(number).collect()
}

fn retried(forecast: Forecast) -> Outlook {
    let saturated = forecast.is_saturated();
    let names: Vec<String> = forecast
        .assumed
        .iter()
        .map(|f| assumed(&forecast, *f))
        .collect();
    let alone = |change: &Change| {
        let mut singles = forecast.candidates.iter();
        let single = singles.find(|c| c.changes == std::slice::from_ref(change))?;
        Some((single.name(), outcome(&single.results)))
    };
    let parts: Vec<Vec<(String, String)>> = forecast
        .candidates
        .iter()
        .map(|candidate| match &candidate.changes[..] {
            [_] => Vec::new(),
            several => several.iter().filter_map(alone).collect(),
        })
        .collect();
    let candidates = forecast.candidates.into_iter().zip(parts);
    let remedies = candidates.map(|(candidate, parts)| Remedy {
        parts,
        name: candidate.name(),
        outcome: outcome(&candidate.results),
        numbers: numbers(&candidate.results),
        standing: candidate.standing,
        policy: Some(candidate.policy),
        fixes: candidate.changes.into_iter().map(Fix::Retry).collect(),
        patch: None,
        left: Vec::new(),
        advice: None,
    });
    Outlook {
        site: forecast.site,
        outcome: match &forecast.read {
            Ok(_) if saturated => "ill before the fault".to_string(),
            Ok(read) => outcome(read),
            Err(reason) => format!("not simulated: {reason}"),
        },
        numbers: forecast.read.as_ref().map(numbers).unwrap_or_default(),
        assumed: names,
        stated: forecast.stated,
        unranked: saturated.then(|| {
            "the service is overloaded before the fault: a lower --load, or a larger service"
                .to_string()
        }),
        remedies: match saturated {
            true => Vec::new(),
            false => remedies.collect(),
        },
        scenario: Some(forecast.scenario),
        margin: None,
    }
}

/// A field that was taken from the default policy, with what it was taken for.
fn assumed(forecast: &Forecast, field: Field) -> String {
    let policy = &forecast.scenario.policies[0].1;
    let limit = |limit: Option<herdsim_core::units::Nanos>| {
        limit.map_or_else(|| "none".to_string(), |limit| seconds(limit.as_secs()))
    };
    match field {
        Field::Attempts => format!("{} attempts", policy.attempts),
        Field::Backoff => format!("waits {}", policy.backoff),
        Field::Jitter => format!("jitter {}", policy.jitter),
        Field::Timeout => format!("a timeout of {}", limit(policy.timeout)),
        Field::Deadline => format!("a deadline of {}", limit(policy.deadline)),
        Field::RetryOn => "every failure is tried again".to_string(),
        Field::Budget => "no budget".to_string(),
    }
}

/// What a policy comes to: whether it recovers, and the calls that are lost.
fn outcome(results: &PolicyResults) -> String {
    let recovered = results.metric(RECOVERED_RATIO);
    let share = (recovered.mean * recovered.n as f64).round();
    let fate = match recovered.mean {
        mean if mean.is_nan() => "no fault to recover from".to_string(),
        0.0 => format!("never recovers (0 of {} runs)", recovered.n),
        1.0 => format!("degraded for {}", seconds(results.metric(DEGRADED_S).mean)),
        _ => format!("recovers in {share} of {} runs", recovered.n),
    };
    let lost = results.metric(LOST_CALLS);
    let half = lost.half_width();
    match lost.mean {
        mean if mean.is_nan() => fate,
        mean if half.is_finite() && half >= 0.5 => {
            let (mean, half) = (thousands(mean.max(0.0)), thousands(half));
            format!("{fate}, loses {mean} ±{half} calls")
        }
        mean => format!("{fate}, loses {} calls", thousands(mean.max(0.0))),
    }
}

fn weighed(site: &Site, weighed: seams::Weighed) -> Outlook {
    let now = weighed.now;
    let mut changes = weighed.changes;
    changes.sort_by(|a, b| a.1.loss.total_cmp(&b.1.loss));
    let best = changes.first().map_or(f64::INFINITY, |(_, m)| m.loss);
    let remedies = changes
        .into_iter()
        .enumerate()
        .map(|(at, (fix, measured))| Remedy {
            name: fixes::name(site, &fix),
            standing: match () {
                () if measured.loss >= now.loss => Standing::Idle,
                () if at == 0 => Standing::Best,
                () if measured.loss <= best => Standing::Tied,
                () => Standing::Helps,
            },
            outcome: measured.outcome,
            policy: None,
            numbers: measured.numbers,
            fixes: vec![fix],
            patch: None,
            left: Vec::new(),
            parts: Vec::new(),
            advice: None,
        });
    Outlook {
        site: site.number,
        outcome: now.outcome,
        numbers: now.numbers,
        assumed: vec![weighed.assumed],
        stated: Vec::new(),
        unranked: None,
        remedies: remedies.collect(),
        scenario: None,
        margin: None,
    }
}
