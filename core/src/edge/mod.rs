//! How far from the edge: the shortest fault that a policy does not come back from, the load
//! up to which it does, and the smallest action that ends a collapse.
//!
//! Theory stands beside search. A search tries sizes, each with as many simulated runs as it
//! takes to say whether more than half of them never recover.

mod bench;
pub mod field;
pub mod search;
mod sought;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::ensemble::Workers;
use crate::ensemble::alone::{Alone, Plain, Split};
use crate::ensemble::falls::Falls;
use crate::herd::{Engine, Running, Twins};
use crate::scenario::callers::Arrival;
use crate::scenario::fault::FaultKind;
use crate::scenario::{Problem, Scenario};
use crate::theory::herd::{Amplification, Pressure, Solutions};
use crate::units::{Nanos, Probability};

use bench::{Bench, Measure, Runs};
use field::{Field, FieldFound, Set};
use search::{Along, Ask, Crossing, Way, rounded};
pub use sought::Sought;

/// Sizes that are tried at first, and how fine the bracket is to be.
fn sizes(sought: Sought, bench: &Bench<'_>) -> (Vec<f64>, f64) {
    match sought {
        Sought::Crash | Sought::Stall | Sought::Errors => (LASTS.to_vec(), 0.05),
        Sought::Surge => (vec![1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0], 0.05),
        Sought::Load => (loads(bench.scenario), 0.02),
        // Servers come whole.
        Sought::Scale => {
            let servers = bench.scenario.entry().servers().unwrap_or(1.0);
            (
                vec![1.2, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0],
                0.05f64.max(1.0 / servers),
            )
        }
        Sought::Theory | Sought::Alone | Sought::Reject | Sought::Pause => (Vec::new(), 0.0),
    }
}

/// What its sizes stand for; nothing of what has no one size.
fn measure(sought: Sought, bench: &Bench<'_>) -> Option<Measure> {
    Some(match sought {
        Sought::Crash => Measure::Lasts(FaultKind::Crash),
        Sought::Stall => Measure::Lasts(FaultKind::Stall),
        // As many as the scenario has, or all.
        Sought::Errors => Measure::Lasts(
            match Bench::fault(bench.scenario).map(|fault| &fault.kind) {
                Some(errors @ FaultKind::Errors(_)) => errors.clone(),
                _ => FaultKind::Errors(Probability(1.0)),
            },
        ),
        Sought::Surge => Measure::Surge,
        Sought::Load => Measure::Load,
        Sought::Scale => Measure::Scale,
        Sought::Theory | Sought::Alone | Sought::Reject | Sought::Pause => return None,
    })
}

/// How long faults last that are tried, in s.
const LASTS: [f64; 13] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0,
];

/// Shares of attempts, or calls, that are held back.
const SHARES: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// For how long, as parts of the longest time.
const PARTS: [f64; 6] = [0.05, 0.15, 0.3, 0.5, 0.75, 1.0];

/// Loads to be tried, as multiples of that of a scenario: tenths of what the service can do,
/// where that is known.
fn loads(scenario: &Scenario) -> Vec<f64> {
    match utilisation(scenario) {
        Some(busy) => [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25]
            .map(|share| share / busy)
            .to_vec(),
        None => vec![0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0],
    }
}

/// Calls over capacity; nothing where calls depend on answers, or the capacity has no limit.
pub fn utilisation(scenario: &Scenario) -> Option<f64> {
    let capacity = scenario.entry().capacity_per_s();
    let calls = scenario.calls_per_s()?;
    (capacity.is_finite() && scenario.services.len() == 1).then(|| calls / capacity)
}

/// What theory knows of a policy.
#[derive(Clone, Debug)]
pub struct Theory {
    pub amplification: Amplification,
    pub solutions: Solutions,
    /// Relative to the capacity, and the load, that there is.
    pub tipping_capacity: Option<f64>,
    pub recovery_capacity: f64,
    pub tipping_load: Option<f64>,
    pub pressure: Pressure,
}

impl Theory {
    fn of(amplification: Amplification) -> Theory {
        Theory {
            solutions: amplification.solutions(amplification.calls_per_s, 1.0),
            tipping_capacity: amplification.tipping_capacity(),
            recovery_capacity: amplification.recovery_capacity(),
            tipping_load: amplification.tipping_load(),
            pressure: amplification.pressure(),
            amplification,
        }
    }
}

/// What was found of one policy.
#[derive(Clone, Debug)]
pub struct PolicyEdge {
    pub name: String,
    /// Nothing where theory does not reach.
    pub theory: Option<Theory>,
    /// Whether it is ill without faults as well, so that nothing can be searched.
    pub is_ill: bool,
    /// How its runs fare as the scenario is; nothing where that cannot be told.
    pub base: Option<Falls>,
    /// Where the searches along one size ended.
    pub found: Vec<(Sought, Crossing)>,
    /// For how long shares of attempts, or of calls, have to be held back.
    pub ways: Vec<(Sought, Vec<(f64, Crossing)>)>,
    /// What becomes of its collapse when the service is restarted.
    pub restart: Option<Falls>,
    /// The shortest fatal crash by load, as a multiple of that of the scenario.
    pub by_load: Vec<(f64, Crossing)>,
    /// How often it collapses without a fault.
    pub alone: Option<ByItself>,
    /// Settings in whose ranges was looked for where the faults are survived.
    pub fields: Vec<FieldFound>,
}

impl PolicyEdge {
    /// Whether more than half of its runs never recover.
    pub fn collapses(&self) -> bool {
        self.fate() == Some(true)
    }

    /// The same, where that is decided.
    pub fn fate(&self) -> Option<bool> {
        self.base.and_then(|base| base.decided())
    }

    /// What a search found.
    pub fn found(&self, sought: Sought) -> Option<&Crossing> {
        let mut found = self.found.iter();
        found.find(|(other, _)| *other == sought).map(|(_, c)| c)
    }

    /// The smallest share that ended it, and for how long it has to be held back.
    pub fn least_share(&self, sought: Sought) -> Option<(f64, f64)> {
        let (_, shares) = self.ways.iter().find(|(other, _)| *other == sought)?;
        shares
            .iter()
            .find_map(|(share, c)| Some((*share, c.beyond?)))
    }

    /// The cheapest of the ways to hold back that ended it: share and seconds whose product
    /// is the least.
    pub fn cheapest(&self, sought: Sought) -> Option<(f64, f64)> {
        let (_, shares) = self.ways.iter().find(|(other, _)| *other == sought)?;
        let ends = shares
            .iter()
            .filter_map(|(share, c)| Some((*share, c.beyond?)));
        ends.min_by(|a, b| (a.0 * a.1).total_cmp(&(b.0 * b.1)))
    }
}

/// How often a herd collapses without a fault.
#[derive(Clone, Debug, PartialEq)]
pub enum ByItself {
    /// Never, as a full queue is shorter than anyone waits.
    Cannot,
    /// Counted in plain runs, and by steps where it is rare.
    Counted { plain: Plain, split: Option<Split> },
}

/// Hours of plain runs, as far as calls are few enough.
const HOURS: f64 = 3.0;
/// Attempts that these make at most, about.
const ATTEMPTS: f64 = 1e7;
/// Collapses in plain runs from which on it is not rare.
const OFTEN: u64 = 30;

/// How far a scenario is from the edge.
#[derive(Clone, Debug)]
pub struct Edge {
    pub scenario: Scenario,
    pub sought: Vec<Sought>,
    pub policies: Vec<PolicyEdge>,
    /// When something was done about a collapse, and for how long at most.
    pub act: Nanos,
    pub longest_action_s: f64,
    /// The horizon that it takes to tell what ends a collapse, where the run is shorter.
    pub short_for_actions: Option<Nanos>,
    /// Of which fault the shortest fatal one was looked for by load.
    pub by_load_of: Sought,
    /// What was asked for, to ask it again.
    pub asked: String,
    /// What stands in the way of searching, where anything does.
    pub obstacle: Option<Obstacle>,
    pub interrupted: bool,
}

impl Edge {
    /// Whether there is anything that a search found.
    pub fn has_found(&self) -> bool {
        let found = |p: &PolicyEdge| !p.found.is_empty() || !p.ways.is_empty() || p.alone.is_some();
        let theory = self.sought == [Sought::Theory];
        theory || self.policies.iter().any(found)
    }
}

/// Why runs of a scenario cannot be told well or ill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Obstacle {
    /// No fault does harm that could be survived.
    NoFault,
    /// It is ill without faults as well.
    Ill,
    /// So long it would have to be.
    Short(Nanos),
}

/// Who is told what is looked for, of which policy, and the bracket so far.
pub type Progress<'p> = dyn Fn(&str, &str, Option<(Sought, &Crossing)>) + Sync + 'p;

/// How a search is made and watched.
#[derive(Clone, Copy)]
pub struct Watch<'w> {
    pub workers: &'w Workers,
    pub stop: &'w AtomicBool,
    pub engine: Engine,
    pub progress: &'w Progress<'w>,
}

/// What is looked for: edges, and in the ranges of settings.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub sought: &'a [Sought],
    pub fields: &'a [Field],
    /// Sets a field of the scenario.
    pub set: &'a Set<'a>,
}

/// What is looked for where nothing else is asked: of faults the kind that the scenario has.
pub fn default_sought(scenario: &Scenario) -> Vec<Sought> {
    let fault = match Bench::fault(scenario).map(|fault| &fault.kind) {
        Some(FaultKind::Stall) => Sought::Stall,
        Some(FaultKind::Errors(_)) => Sought::Errors,
        Some(FaultKind::Surge(_)) => Sought::Surge,
        _ => Sought::Crash,
    };
    let mut all = Sought::DEFAULT.to_vec();
    all.iter_mut()
        .filter(|s| **s == Sought::Crash)
        .for_each(|s| *s = fault);
    all
}

impl<'a> Asked<'a> {
    /// As `--find` takes it.
    fn text(&self) -> String {
        let sought = self.sought.iter().map(|sought| sought.name().to_string());
        let fields = self.fields.iter().map(Field::written);
        sought.chain(fields).collect::<Vec<_>>().join(",")
    }

    /// Of edges alone.
    pub fn of(sought: &'a [Sought]) -> Asked<'a> {
        Asked {
            sought,
            fields: &[],
            set: &|path, _| Err(Problem::new(format!("nothing sets `{path}`"))),
        }
    }
}

/// Looks for the edges of a scenario.
///
/// # Errors
/// A value of a setting that cannot be meant, at its place.
pub fn edge(scenario: &Scenario, asked: Asked<'_>, watch: &Watch<'_>) -> Result<Edge, Problem> {
    let sought = asked.sought;
    // Whatever cannot be meant is told before anything is searched.
    for field in asked.fields {
        for value in field.scan() {
            (asked.set)(&field.path, &field.text(value))?;
        }
    }
    let bench = Bench::new(scenario, watch.workers, watch.stop, watch.engine);
    let mut edge = Edge {
        scenario: scenario.clone(),
        sought: sought.to_vec(),
        policies: scenario
            .policies
            .iter()
            .map(|(name, policy)| PolicyEdge {
                name: name.clone(),
                theory: Amplification::of(scenario, policy)
                    .filter(|_| sought.contains(&Sought::Theory))
                    .map(Theory::of),
                is_ill: false,
                base: None,
                found: Vec::new(),
                ways: Vec::new(),
                restart: None,
                by_load: Vec::new(),
                alone: None,
                fields: Vec::new(),
            })
            .collect(),
        act: bench.act,
        longest_action_s: 0.0,
        short_for_actions: None,
        by_load_of: Sought::Crash,
        asked: asked.text(),
        obstacle: None,
        interrupted: false,
    };
    if sought == [Sought::Theory] && asked.fields.is_empty() {
        return Ok(edge);
    }
    let search = Search {
        bench: &bench,
        watch,
        places: (0..scenario.policies.len()).collect(),
    };
    edge.obstacle = search.run(&mut edge, asked);
    edge.interrupted = watch.stop.load(Ordering::Relaxed);
    Ok(edge)
}

struct Search<'s> {
    bench: &'s Bench<'s>,
    watch: &'s Watch<'s>,
    /// The places of the policies.
    places: Vec<usize>,
}

impl Search<'_> {
    fn run(&self, edge: &mut Edge, asked: Asked<'_>) -> Option<Obstacle> {
        let scenario = self.bench.scenario;
        // What is ill without a fault may be so because it collapses by itself.
        if edge.sought.contains(&Sought::Alone) {
            self.alone(edge);
        }
        let twins = self.bench.twins(scenario);
        let mut none = None;
        if let Some(yardstick) = twins[0].yardstick(scenario) {
            for (policy, twins) in edge.policies.iter_mut().zip(&twins) {
                let yardstick = twins.yardstick(scenario);
                policy.is_ill = yardstick.is_some_and(|yardstick| yardstick.is_ill());
            }
            if edge.policies.iter().all(|policy| policy.is_ill) {
                return Some(Obstacle::Ill);
            }
            // Once to recover in, once to be seen well.
            let over = scenario.harm().map_or(0, |harm| harm.over.0);
            let needed = Nanos(2 * yardstick.needs().0 - over);
            if needed > scenario.run.horizon {
                return Some(Obstacle::Short(needed));
            }
            let base = self.each(|policy| {
                let runs = self.bench.runs(policy, &twins[policy]);
                (!edge.policies[policy].is_ill).then(|| runs.decide(scenario))?
            });
            for (policy, base) in edge.policies.iter_mut().zip(base) {
                policy.base = base;
            }
            match self.bench.longest_action(Nanos(yardstick.needs().0 - over)) {
                Ok(longest) => edge.longest_action_s = longest,
                Err(needed) => edge.short_for_actions = Some(needed),
            }
        } else {
            none = Some(Obstacle::NoFault);
        }
        // What needs a fault that is there, or time after it.
        let can = |sought: &Sought| match sought {
            Sought::Load => none.is_none(),
            Sought::Scale if scenario.entry().pool().is_none() => false,
            Sought::Surge => !scenario.is_once(),
            sought if sought.is_action() => none.is_none() && edge.short_for_actions.is_none(),
            _ => true,
        };
        let able: Vec<Sought> = edge.sought.iter().copied().filter(can).collect();
        for sought in able.iter().copied() {
            if self.watch.stop.load(Ordering::Relaxed) {
                break;
            }
            if sought == Sought::Reject || sought == Sought::Pause {
                self.ways(edge, sought, &twins);
            } else if let Some(measure) = measure(sought, self.bench) {
                self.sizes(edge, sought, &measure, &twins);
            }
        }
        if able.iter().any(|sought| sought.is_action()) {
            let restarted = self.bench.restarted();
            let fates = self.each(|policy| {
                edge.policies[policy]
                    .collapses()
                    .then(|| self.bench.runs(policy, &twins[policy]).decide(&restarted))?
            });
            for (policy, restart) in edge.policies.iter_mut().zip(fates) {
                policy.restart = restart;
            }
        }
        for field in asked.fields.iter().filter(|_| none.is_none()) {
            self.ranges(edge, field, asked.set);
        }
        let lasting = [Sought::Crash, Sought::Stall, Sought::Errors];
        let lasting = able.iter().find(|sought| lasting.contains(sought));
        if let Some(sought) = lasting.filter(|_| able.contains(&Sought::Load)) {
            edge.by_load_of = *sought;
            self.fatal_by_load(edge, *sought);
        }
        none
    }

    /// How often each policy collapses without a fault.
    fn alone(&self, edge: &mut Edge) {
        let scenario = self.bench.scenario;
        let with = (self.watch.workers, self.watch.stop, self.watch.engine);
        let found = self.each(|place| {
            let (name, policy) = &scenario.policies[place];
            let amplification = Amplification::of(scenario, policy)?;
            (self.watch.progress)(Sought::Alone.name(), name, None);
            let full = amplification.patience_s * amplification.capacity_per_s();
            if amplification.pressure().load <= 1.0 {
                return Some(ByItself::Cannot);
            }
            let Some(alone) = Alone::new(scenario, place, full, with) else {
                return Some(ByItself::Cannot);
            };
            let hours = HOURS.min(ATTEMPTS / amplification.calls_per_s / 3600.0);
            let plain = alone.plain(hours)?;
            let split = match plain.collapses < OFTEN {
                true => Some(alone.split()?),
                false => None,
            };
            Some(ByItself::Counted { plain, split })
        });
        for (policy, found) in edge.policies.iter_mut().zip(found) {
            policy.alone = found;
        }
    }

    /// What comes of every policy.
    fn each<R: Send>(&self, of: impl Fn(usize) -> R + Send + Sync) -> Vec<R> {
        self.watch.workers.map(&self.places, |place| of(*place))
    }

    /// Looks along one size, under every policy.
    fn sizes(&self, edge: &mut Edge, sought: Sought, measure: &Measure, base: &[Twins]) {
        let bench = self.bench;
        let (sizes, fine) = sizes(sought, bench);
        let mut sizes: Vec<f64> = sizes.into_iter().map(rounded).collect();
        // After the end of a trace nobody calls, and silence is no recovery.
        if let (Measure::Lasts(_), Arrival::Trace { step, rates }) =
            (measure, &bench.scenario.callers().arrival)
        {
            let end = step.0.saturating_mul(rates.len() as u64);
            let rest = end.saturating_sub(bench.from.0 + bench.after.0) as f64 / 1e9;
            sizes.retain(|size| *size <= rest);
        }
        // What health is told by: of a load its own, of a fault that of the longest run.
        let longest = sizes.last().map_or(1.0, |size| *size);
        let twins = match sought {
            Sought::Load => Vec::new(),
            Sought::Scale => base.to_vec(),
            _ => bench.twins(&bench.at(measure, longest)),
        };
        let by_load = self.loads(sought, measure, &sizes);
        let beyond = match sought {
            Sought::Scale => Way::Recovers,
            _ => Way::Falls,
        };
        let found = self.each(|policy| {
            let own = &edge.policies[policy];
            if own.is_ill || sought.is_action() && !own.collapses() {
                return None;
            }
            let along = Along {
                sizes: &sizes,
                fine,
                beyond,
            };
            along.first(&Sized {
                search: self,
                sought,
                measure,
                name: &edge.policies[policy].name,
                policy,
                twins: &twins,
                by_load: &by_load,
            })
        });
        for (policy, found) in edge.policies.iter_mut().zip(found) {
            policy.found.extend(found.map(|found| (sought, found)));
        }
    }

    /// The twins of the loads that are tried at first.
    fn loads(&self, sought: Sought, measure: &Measure, sizes: &[f64]) -> Vec<(f64, Vec<Twins>)> {
        match sought {
            Sought::Load => self.watch.workers.map(sizes, |size| {
                let scenario = self.bench.at(measure, *size);
                (*size, self.bench.twins(&scenario))
            }),
            _ => Vec::new(),
        }
    }

    /// Looks for how long every share has to be held back until a collapse ends.
    ///
    /// Runs of the collapse are copied as they have come to where something is done.
    fn ways(&self, edge: &mut Edge, sought: Sought, twins: &[Twins]) {
        let bench = self.bench;
        let longest = edge.longest_action_s;
        let times: Vec<f64> = PARTS.iter().map(|part| rounded(part * longest)).collect();
        let collapsed: Vec<(usize, Vec<Running<'_>>)> = self
            .places
            .iter()
            .filter(|place| edge.policies[**place].collapses())
            .map(|place| match bench.branches(sought) {
                true => (*place, bench.collapsed(*place)),
                false => (*place, Vec::new()),
            })
            .collect();
        let jobs: Vec<(&(usize, Vec<Running<'_>>), f64)> = collapsed
            .iter()
            .flat_map(|of| SHARES.map(|share| (of, share)))
            .collect();
        let found = self
            .watch
            .workers
            .map(&jobs, |((policy, collapsed), share)| {
                let along = Along {
                    sizes: &times,
                    fine: 0.1,
                    beyond: Way::Recovers,
                };
                let crossing = along.first(&Held {
                    search: self,
                    sought,
                    share: *share,
                    name: &edge.policies[*policy].name,
                    runs: bench.runs(*policy, &twins[*policy]),
                    collapsed,
                })?;
                Some((*policy, *share, crossing))
            });
        for place in &self.places {
            let own = found
                .iter()
                .flatten()
                .filter(|(policy, ..)| policy == place);
            let own: Vec<(f64, Crossing)> = own.map(|(_, share, c)| (*share, c.clone())).collect();
            // What was stopped on the way says nothing of all shares.
            if own.len() == SHARES.len() {
                edge.policies[*place].ways.push((sought, own));
            }
        }
    }

    /// Looks for the ranges of a setting in which the faults are survived: at values over all
    /// of it, and between those that differ.
    fn ranges(&self, edge: &mut Edge, field: &Field, set: &Set<'_>) {
        let bench = self.bench;
        let falls = |value: f64, policy: usize| {
            let scenario = set(&field.path, &field.text(value)).ok()?;
            let twins = bench.twins(&scenario);
            bench.runs(policy, &twins[policy]).decide(&scenario)
        };
        let found = self.each(|policy| {
            let name = &edge.policies[policy].name;
            let mut found = FieldFound {
                field: field.clone(),
                tried: Vec::new(),
            };
            // Of values with which it cannot be told nothing is.
            for value in field.scan() {
                (self.watch.progress)(&field.path, name, None);
                if let Some(falls) = falls(value, policy) {
                    found.take(value, falls);
                }
            }
            while let Some(value) = found.next() {
                (self.watch.progress)(&field.path, name, None);
                found.take(value, falls(value, policy)?);
            }
            (!found.tried.is_empty()).then_some(found)
        });
        for (policy, found) in edge.policies.iter_mut().zip(found) {
            policy.fields.extend(found);
        }
    }

    /// The shortest fatal fault of a kind at several loads.
    fn fatal_by_load(&self, edge: &mut Edge, sought: Sought) {
        let Some(measure) = measure(sought, self.bench) else {
            return;
        };
        let sizes = [0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
        let loads: Vec<f64> = match utilisation(self.bench.scenario) {
            Some(busy) => [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
                .map(|share| share / busy)
                .to_vec(),
            None => vec![0.4, 0.6, 0.8, 1.0, 1.2, 1.4],
        };
        let longest = sizes[sizes.len() - 1];
        let jobs: Vec<(usize, f64)> = loads
            .iter()
            .flat_map(|load| self.places.iter().map(|place| (*place, *load)))
            .collect();
        let found = self.watch.workers.map(&jobs, |(policy, load)| {
            let busy = self.bench.at(&Measure::Load, *load);
            let bench = Bench::new(
                &busy,
                self.watch.workers,
                self.watch.stop,
                self.watch.engine,
            );
            let twins = bench.twins(&bench.at(&measure, longest));
            let along = Along {
                sizes: &sizes,
                fine: 0.3,
                beyond: Way::Falls,
            };
            let search = Search {
                bench: &bench,
                watch: self.watch,
                places: Vec::new(),
            };
            let crossing = along.first(&Sized {
                search: &search,
                sought,
                measure: &measure,
                name: &edge.policies[*policy].name,
                policy: *policy,
                twins: &twins,
                by_load: &[],
            })?;
            Some((*policy, *load, crossing))
        });
        for (policy, load, crossing) in found.into_iter().flatten() {
            edge.policies[policy].by_load.push((load, crossing));
        }
    }
}

/// Sizes of one thing, under one policy.
struct Sized<'a> {
    search: &'a Search<'a>,
    sought: Sought,
    measure: &'a Measure,
    name: &'a str,
    policy: usize,
    twins: &'a [Twins],
    by_load: &'a [(f64, Vec<Twins>)],
}

impl Sized<'_> {
    fn runs(
        &self,
        size: f64,
        so_far: &Crossing,
        of: impl Fn(Runs<'_>, &Scenario) -> Option<Falls>,
    ) -> Option<Falls> {
        (self.search.watch.progress)(self.sought.name(), self.name, Some((self.sought, so_far)));
        let bench = self.search.bench;
        let scenario = bench.at(self.measure, size);
        let own;
        let twins = match self.by_load.iter().find(|(load, _)| *load == size) {
            Some((_, twins)) => twins,
            None if self.sought == Sought::Load => {
                own = bench.twins(&scenario);
                &own[..]
            }
            None => self.twins,
        };
        of(bench.runs(self.policy, &twins[self.policy]), &scenario)
    }
}

impl Ask for Sized<'_> {
    fn glance(&self, size: f64, so_far: &Crossing) -> Option<Falls> {
        self.runs(size, so_far, |runs, scenario| runs.glance(scenario))
    }

    fn decide(&self, size: f64, so_far: &Crossing) -> Option<Falls> {
        self.runs(size, so_far, |runs, scenario| runs.decide(scenario))
    }
}

/// For how long a share is held back, under one policy.
struct Held<'a, 's> {
    search: &'a Search<'a>,
    sought: Sought,
    share: f64,
    name: &'a str,
    runs: Runs<'a>,
    collapsed: &'a [Running<'s>],
}

impl Held<'_, '_> {
    fn branch(&self, time: f64, so_far: &Crossing, how_many: Option<u64>) -> Option<Falls> {
        (self.search.watch.progress)(self.sought.name(), self.name, Some((self.sought, so_far)));
        let measure = match self.sought {
            Sought::Reject => Measure::Reject(self.share),
            _ => Measure::Pause(self.share),
        };
        let scenario = self.search.bench.at(&measure, time);
        self.runs.branch(&scenario, self.collapsed, how_many)
    }
}

impl Ask for Held<'_, '_> {
    fn glance(&self, time: f64, so_far: &Crossing) -> Option<Falls> {
        self.branch(time, so_far, Some(1))
    }

    fn decide(&self, time: f64, so_far: &Crossing) -> Option<Falls> {
        self.branch(time, so_far, None)
    }
}
