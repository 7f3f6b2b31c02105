//! Faults and actions at run time: the state of an instant, and clocks that they bend.

use crate::herd::calendar::NEVER;
use crate::scenario::action::{Action, ActionKind};
use crate::scenario::fault::{Fault, FaultKind};
use crate::streams::Stream;
use crate::units::Nanos;

/// What the faults and actions in force do at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultState {
    /// Probability that an arriving attempt vanishes.
    pub vanish: f64,
    /// Probability that it is refused.
    pub refuse: f64,
    /// Probability that it is rejected.
    pub reject: f64,
    /// Probability that finished work is answered with an error.
    pub error: f64,
    /// Probability that the answer of finished work is lost.
    pub lose: f64,
    /// Multiplier of the service times of work that starts.
    pub slow: f64,
    /// Servers that may start work, as a share of those of the scenario; above 1 where there
    /// are more.
    pub capacity: f64,
    /// Whether nothing starts or finishes.
    pub stalled: bool,
}

impl FaultState {
    const CALM: FaultState = FaultState {
        vanish: 0.0,
        refuse: 0.0,
        reject: 0.0,
        error: 0.0,
        lose: 0.0,
        slow: 1.0,
        capacity: 1.0,
        stalled: false,
    };
}

/// What begins at an edge, in an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begins {
    /// The service crashes, or is restarted.
    pub crash: bool,
    /// Its queue is cleared.
    pub clear: bool,
}

/// The faults of a service and what is done about them, with the instants at which they change.
#[derive(Clone)]
pub struct Faults {
    faults: Vec<Fault>,
    actions: Vec<Action>,
    /// Sorted instants at which the engine has to look; ends of list.
    edges: Vec<u64>,
    next_edge: usize,
    state: FaultState,
    /// Whether `state` is that of no fault at all.
    is_calm: bool,
    /// Until when `state` holds; in a ramp it never does.
    holds_until: u64,
    /// Work done by a busy server against time: it stops in a stall.
    pub service_clock: Clock,
}

impl Faults {
    pub fn new(faults: &[Fault], actions: &[Action]) -> Faults {
        let mut edges = Vec::new();
        // While capacity or speed comes back, work may start without anything else
        // happening: look a thousand times per ramp.
        let mut ramp = |from: u64, ramp: Nanos| {
            if ramp > Nanos::ZERO {
                edges.extend((1..=1000).map(|i| from + (u128::from(ramp.0) * i / 1000) as u64));
            }
        };
        for fault in faults {
            ramp(fault.to().0, fault.ramp);
        }
        for action in actions {
            match (&action.kind, action.to()) {
                (ActionKind::Scale(_), _) | (_, None) => ramp(action.from.0, action.ramp),
                (_, Some(to)) => ramp(to.0, action.ramp),
            }
        }
        edges.extend(faults.iter().flat_map(|fault| [fault.from.0, fault.to().0]));
        for action in actions {
            edges.push(action.from.0);
            edges.extend(action.to().map(|to| to.0));
        }
        edges.sort_unstable();
        edges.dedup();
        Faults {
            service_clock: Clock::new(faults, |fault, effect| match fault.kind {
                FaultKind::Stall => Some(1.0 - effect),
                _ => None,
            }),
            faults: faults.to_vec(),
            actions: actions.to_vec(),
            edges,
            next_edge: 0,
            state: FaultState::CALM,
            is_calm: true,
            holds_until: 0,
        }
    }

    /// From now on these are what is done, none of which begins earlier.
    pub fn act(&mut self, actions: &[Action], now: u64) {
        *self = Faults::new(&self.faults, actions);
        self.seek_before(now);
    }

    /// Passes all edges before `now`.
    fn seek_before(&mut self, now: u64) {
        while self.next_edge() < now {
            self.pass_edge(now);
        }
    }

    /// When the engine has to look next.
    pub fn next_edge(&self) -> u64 {
        self.edges.get(self.next_edge).copied().unwrap_or(NEVER)
    }

    /// Passes the edge at `now`; says what begins there.
    pub fn pass_edge(&mut self, now: u64) -> Begins {
        self.next_edge += 1;
        self.holds_until = 0;
        let crash = |f: &Fault| f.kind == FaultKind::Crash && f.from.0 == now;
        let mut begins = Begins {
            crash: self.faults.iter().any(crash),
            clear: false,
        };
        for action in self.actions.iter().filter(|a| a.from.0 == now) {
            begins.crash |= matches!(action.kind, ActionKind::Restart(_));
            begins.clear |= action.kind == ActionKind::Clear;
        }
        begins
    }

    /// Whether no fault has any effect now; the common case, in two comparisons.
    #[inline]
    pub fn calm(&mut self, now: u64) -> bool {
        if now >= self.holds_until {
            self.look(now);
        }
        self.is_calm
    }

    #[inline]
    pub fn state(&mut self, now: u64) -> &FaultState {
        if now >= self.holds_until {
            self.look(now);
        }
        &self.state
    }

    fn look(&mut self, now: u64) {
        let (state, steady) = self.state_at(now);
        self.state = state;
        self.is_calm = state == FaultState::CALM;
        self.holds_until = if steady { self.next_edge() } else { now };
    }

    /// What is in force at an instant, and whether that holds until the next edge.
    fn state_at(&self, time: u64) -> (FaultState, bool) {
        let mut state = FaultState::CALM;
        let mut steady = true;
        let either = |a: f64, b: f64| 1.0 - (1.0 - a) * (1.0 - b);
        for fault in &self.faults {
            let effect = fault.effect(Nanos(time));
            if effect == 0.0 {
                continue;
            }
            steady &= time < fault.to().0;
            match &fault.kind {
                FaultKind::Crash => state.refuse = either(state.refuse, effect),
                FaultKind::Stall => state.stalled |= time < fault.to().0,
                FaultKind::Blackhole(p) => state.vanish = either(state.vanish, p.0 * effect),
                FaultKind::Refuse(p) => state.refuse = either(state.refuse, p.0 * effect),
                FaultKind::Errors(p) => state.error = either(state.error, p.0 * effect),
                FaultKind::Loss(p) => state.lose = either(state.lose, p.0 * effect),
                FaultKind::Slow(x) => state.slow *= 1.0 + (x.0 - 1.0) * effect,
                FaultKind::Capacity(x) => state.capacity *= 1.0 + (x.0 - 1.0) * effect,
                FaultKind::Surge(_) | FaultKind::Delay(_) => {}
            }
        }
        for action in &self.actions {
            let effect = action.effect(Nanos(time));
            if effect == 0.0 {
                continue;
            }
            steady &= match (&action.kind, action.to()) {
                (ActionKind::Scale(_), _) | (_, None) => effect == 1.0,
                (_, Some(to)) => time < to.0,
            };
            match action.kind {
                ActionKind::Reject(p) => state.reject = either(state.reject, p.0 * effect),
                ActionKind::Restart(_) => state.refuse = either(state.refuse, effect),
                ActionKind::Scale(x) => state.capacity *= 1.0 + (x.0 - 1.0) * effect,
                ActionKind::Pause(_) | ActionKind::Clear | ActionKind::Policy(_) => {}
            }
        }
        (state, steady)
    }

    /// How much longer one takes that is sent now, in ns.
    #[cold]
    pub fn delay(&self, now: u64, rng: &mut Stream) -> u64 {
        let mut delay = 0;
        for fault in &self.faults {
            let effect = fault.effect(Nanos(now));
            if let (FaultKind::Delay(law), true) = (&fault.kind, effect > 0.0) {
                delay += (law.sample(rng).0 as f64 * effect + 0.5) as u64;
            }
        }
        delay
    }

    /// Passes all edges up to `now`.
    #[inline]
    pub fn seek(&mut self, now: u64) {
        while self.next_edge() <= now {
            self.pass_edge(now);
        }
    }

    /// Until when what was last looked at holds.
    pub fn holds_until(&self) -> u64 {
        self.holds_until
    }

    /// Whether it is known that no fault will have any effect at an instant, not before the
    /// one last looked at.
    #[inline]
    pub fn calm_at(&self, time: u64) -> bool {
        self.is_calm && time < self.holds_until
    }

    /// How long work takes that starts at such an instant.
    pub fn slowed(&self, start: u64, work: u64) -> u64 {
        match self.then(start).slow {
            1.0 => work,
            slow => (work as f64 * slow + 0.5) as u64,
        }
    }

    /// What will be in force at an instant, not before the one last looked at.
    #[inline]
    pub fn then(&self, time: u64) -> FaultState {
        match time < self.holds_until {
            true => self.state,
            false => self.state_at(time).0,
        }
    }

    /// When crashes and restarts begin, in order.
    pub fn crashes(&self) -> Vec<u64> {
        let crashes = self.faults.iter().filter(|f| f.kind == FaultKind::Crash);
        let restarts = self.actions.iter();
        let restarts = restarts.filter(|a| matches!(a.kind, ActionKind::Restart(_)));
        let mut instants: Vec<u64> = crashes.map(|f| f.from.0).collect();
        instants.extend(restarts.map(|a| a.from.0));
        instants.sort_unstable();
        instants
    }

    /// The first instant from `time` on at which work may start, for all that stalls say.
    #[inline]
    pub fn unstalled(&self, time: u64) -> u64 {
        match self.service_clock.is_plain() {
            true => time,
            false => self.after_stalls(time),
        }
    }

    fn after_stalls(&self, mut time: u64) -> u64 {
        loop {
            let stalls = self.faults.iter().filter(|f| f.kind == FaultKind::Stall);
            let ends = stalls.filter(|f| (f.from.0..f.to().0).contains(&time));
            match ends.map(|f| f.to().0).max() {
                Some(end) => time = end,
                None => return time,
            }
        }
    }

    /// When work that starts at an instant is done: it rests while the service stalls.
    #[inline]
    pub fn done_by(&self, start: u64, work: u64) -> u64 {
        match self.service_clock.is_plain() {
            true => start.saturating_add(work),
            false => self.stretched(start, work),
        }
    }

    fn stretched(&self, start: u64, work: u64) -> u64 {
        let clock = &self.service_clock;
        let done = clock.reading(start as f64) + work as f64;
        (clock.time(done) as u64).max(start)
    }
}

/// A clock that runs at a speed other than 1 while faults last.
///
/// Reads u(t) = ∫₀ᵗ speed. An arrival process that is drawn on such a clock and
/// mapped back to time has its rate multiplied by the speed, and so has work.
/// The speed is a product of piecewise linear factors, so u is a polynomial
/// between the instants at which a fault changes.
#[derive(Clone)]
pub struct Clock {
    /// Empty where the speed is 1 throughout.
    pieces: Vec<Piece>,
}

#[derive(Clone)]
struct Piece {
    from: f64,
    /// u(from)
    reading: f64,
    /// Speed at from + x is Σ speed[i] xⁱ, x in nanoseconds.
    speed: Vec<f64>,
}

impl Piece {
    /// u(from + x) − u(from), x in nanoseconds.
    fn run(&self, x: f64) -> f64 {
        let mut sum = 0.0;
        for (i, a) in self.speed.iter().enumerate().rev() {
            sum = sum * x + a / (i + 1) as f64;
        }
        sum * x
    }
}

impl Clock {
    /// `factor(fault, effect)` is what a fault multiplies the speed by; linear in the effect.
    pub fn new(faults: &[Fault], factor: impl Fn(&Fault, f64) -> Option<f64>) -> Clock {
        Clock::with_base(faults, factor, &[])
    }

    /// A clock whose speed, but for faults, is that of the last of `base` to
    /// have begun, from time 0 on; 1 where `base` is empty.
    fn with_base(
        faults: &[Fault],
        factor: impl Fn(&Fault, f64) -> Option<f64>,
        base: &[(u64, f64)],
    ) -> Clock {
        let bending: Vec<&Fault> = faults.iter().filter(|f| factor(f, 1.0).is_some()).collect();
        let mut changes: Vec<u64> = vec![0];
        for fault in &bending {
            changes.extend([fault.from.0, fault.to().0, fault.over().0]);
        }
        changes.extend(base.iter().map(|(from, _)| *from));
        changes.sort_unstable();
        changes.dedup();
        let mut pieces: Vec<Piece> = Vec::new();
        if bending.is_empty() && base.is_empty() {
            return Clock { pieces };
        }
        for from in changes {
            let begun = base.partition_point(|(start, _)| *start <= from);
            let mut speed = vec![match begun.checked_sub(1) {
                Some(last) => base[last].1,
                None => 1.0,
            }];
            for fault in &bending {
                let at = factor(fault, fault.effect(Nanos(from))).unwrap_or(1.0);
                let fading = from >= fault.to().0 && from < fault.over().0;
                let slope = if fading {
                    let end = factor(fault, 0.0).unwrap_or(1.0);
                    (end - at) / (fault.over().0 - from) as f64
                } else {
                    0.0
                };
                // Multiply by at + slope · x.
                let mut product = vec![0.0; speed.len() + usize::from(slope != 0.0)];
                for (i, a) in speed.iter().enumerate() {
                    product[i] += a * at;
                    if slope != 0.0 {
                        product[i + 1] += a * slope;
                    }
                }
                speed = product;
            }
            let from = from as f64;
            let reading = pieces
                .last()
                .map_or(0.0, |p| p.reading + p.run(from - p.from));
            pieces.push(Piece {
                from,
                reading,
                speed,
            });
        }
        Clock { pieces }
    }

    pub fn is_plain(&self) -> bool {
        self.pieces.is_empty()
    }

    /// What the clock shows at a time, both in nanoseconds.
    pub fn reading(&self, time: f64) -> f64 {
        if self.pieces.is_empty() {
            return time;
        }
        let i = self.pieces.partition_point(|p| p.from <= time).max(1) - 1;
        let piece = &self.pieces[i];
        piece.reading + piece.run(time - piece.from)
    }

    /// When it shows a reading; where it stands still, the end of the standstill.
    #[inline]
    pub fn time(&self, reading: f64) -> f64 {
        if self.pieces.is_empty() {
            return reading;
        }
        self.bent_time(reading)
    }

    fn bent_time(&self, reading: f64) -> f64 {
        let i = self.pieces.partition_point(|p| p.reading <= reading).max(1) - 1;
        let piece = &self.pieces[i];
        let target = reading - piece.reading;
        if let [speed] = piece.speed[..] {
            return piece.from + if target > 0.0 { target / speed } else { 0.0 };
        }
        // u is increasing on this piece: bisect.
        let (mut low, mut high) = (
            0.0,
            match self.pieces.get(i + 1) {
                Some(next) => next.from - piece.from,
                None => target,
            },
        );
        // Half the distance each time: 70 rounds exhaust the digits of any.
        for _ in 0..70 {
            let middle = (low + high) / 2.0;
            if piece.run(middle) < target {
                low = middle;
            } else {
                high = middle;
            }
        }
        piece.from + high
    }
}

/// How many times the servers are wanted at an instant, for all that is done about it.
pub fn scale_at(actions: &[Action], t: Nanos) -> f64 {
    let scale = |action: &Action| match action.kind {
        ActionKind::Scale(x) => 1.0 + (x.0 - 1.0) * action.effect(t),
        _ => 1.0,
    };
    actions.iter().map(scale).product()
}

/// So many times the servers of a host, which come whole, as a multiple of these.
pub fn whole(servers: u32, times: f64) -> f64 {
    let servers = f64::from(servers);
    (servers * times).round() / servers
}

/// How many times its servers a host has, in the mean between two instants.
pub fn mean_scale(actions: &[Action], servers: u32, from: u64, to: u64) -> f64 {
    let mut edges = vec![from, to];
    for action in actions
        .iter()
        .filter(|a| matches!(a.kind, ActionKind::Scale(_)))
    {
        let come = action.from.0.saturating_add(action.ramp.0);
        edges.extend([action.from.0, come, action.to().map_or(NEVER, |to| to.0)]);
    }
    if edges.len() == 2 || to <= from {
        return 1.0;
    }
    edges.retain(|edge| (from..=to).contains(edge));
    edges.sort_unstable();
    // Between two of them it does not change, or servers come one by one.
    const SLICES: u64 = 2_000;
    let mean = |a: u64, b: u64| {
        let at = |slice: u64| {
            let into = u128::from(b - a) * u128::from(2 * slice + 1) / u128::from(2 * SLICES);
            whole(servers, scale_at(actions, Nanos(a + into as u64)))
        };
        (0..SLICES).map(at).sum::<f64>() / SLICES as f64 * (b - a) as f64
    };
    let sum: f64 = edges
        .windows(2)
        .filter(|w| w[1] > w[0])
        .map(|w| mean(w[0], w[1]))
        .sum();
    sum / (to - from) as f64
}

/// The clock of callers: faster in a surge.
pub fn call_clock(faults: &[Fault]) -> Clock {
    Clock::new(faults, surge)
}

/// A clock that shows how many calls a trace of rates per second expects by then.
pub fn trace_clock(faults: &[Fault], step: Nanos, rates: &[f64]) -> Clock {
    let start = |i: usize| (i as u64).saturating_mul(step.0);
    let mut base: Vec<(u64, f64)> = rates
        .iter()
        .enumerate()
        .map(|(i, rate)| (start(i), rate / 1e9))
        .collect();
    base.push((start(rates.len()), 0.0));
    Clock::with_base(faults, surge, &base)
}

fn surge(fault: &Fault, effect: f64) -> Option<f64> {
    match fault.kind {
        FaultKind::Surge(x) => Some(1.0 + (x.0 - 1.0) * effect),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn faults(texts: &[&str]) -> Vec<Fault> {
        texts.iter().map(|t| Fault::parse(t).unwrap()).collect()
    }

    #[test]
    fn clock_integrates_speed_and_inverts() {
        let clock = call_clock(&faults(&["surge(3)@10s+2s~4s", "surge(0.5)@13s+4s"]));
        // By hand: 10 s at 1, 2 s at 3, then (3 − x/2) fading over 4 s, halved from 13 s on.
        let s = 1e9;
        let expect = |got: f64, want: f64| assert!((got / s - want).abs() < 1e-9, "{got} {want}");
        expect(clock.reading(10.0 * s), 10.0);
        expect(clock.reading(12.0 * s), 16.0);
        expect(clock.reading(13.0 * s), 16.0 + 2.75);
        expect(
            clock.reading(16.0 * s),
            18.75 + 0.5 * (3.0 * 2.5 - 9.0 / 4.0),
        );
        expect(clock.reading(17.0 * s), 18.75 + 2.625 + 0.5);
        expect(clock.reading(20.0 * s), 21.875 + 3.0);
        for t in 0..400 {
            let t = f64::from(t) * 0.05 * s;
            assert!((clock.time(clock.reading(t)) - t).abs() < 2.0, "{t}");
        }
    }

    #[test]
    fn a_stalled_clock_stands_and_its_readings_come_due_at_the_end() {
        let clock = Faults::new(&faults(&["stall@10s+2s"]), &[]).service_clock;
        assert_eq!(clock.time(9.5e9), 9.5e9);
        assert_eq!(clock.time(10e9), 12e9);
        assert_eq!(clock.time(10.5e9), 12.5e9);
        assert_eq!(clock.reading(11e9), 10e9);
    }

    #[test]
    fn overlapping_faults_combine() {
        let texts = ["errors(50%)@1s+2s", "errors(50%)@2s+2s", "slow(4)@1s+1s~2s"];
        let mut f = Faults::new(&faults(&texts), &[]);
        let mut passed = 0;
        let mut at = |seconds: f64| {
            let now = (seconds * 1e9) as u64;
            while f.next_edge() <= now {
                f.pass_edge(f.next_edge());
                passed += 1;
            }
            *f.state(now)
        };
        assert_eq!(at(0.5), FaultState::CALM);
        assert_eq!(at(1.5).error, 0.5);
        assert_eq!(at(1.5).slow, 4.0);
        assert_eq!(at(2.5).error, 0.75);
        assert!((at(3.0).slow - 2.5).abs() < 1e-9);
        assert_eq!(at(5.0), FaultState::CALM);
        assert!(passed > 1000);
    }
}
