//! A cluster played out: one write, the reads after it, and what goes wrong.
//!
//! One set of draws serves every setting (R, W) and every t. The meaning of
//! every name is in `docs/model.md`.

use rand::RngExt;

use crate::dist::unit;
use crate::quorum::counts::{Counts, Tally};
use crate::quorum::sets::{NEVER, Quorum, Set, completed, first, members, places, quorum};
use crate::quorum::simd::Lanes;
use crate::scenario::quorum::{
    Cluster, Datacentres, FanOut, Home, Latency, Level, QuorumScenario, Repair, Wait,
};
use crate::streams::{Purpose, Stream, Streams};
use crate::units::Nanos;

/// Replicas of one N, and the settings to compare.
pub struct World<'s> {
    pub scenario: &'s QuorumScenario,
    cluster: &'s Cluster,
    n: usize,
    /// (R, W).
    pub settings: Vec<(Wait, Wait)>,
    /// By replica.
    legs: Vec<&'s Latency>,
    place: Vec<usize>,
    places: usize,
    /// From here to there, one way, in ns.
    between: Vec<Vec<f64>>,
    /// Quorums of reads and writes by home and setting.
    reads: Vec<Vec<Quorum>>,
    writes: Vec<Vec<Quorum>>,
    /// Reads and writes of one home only, if they are.
    reader: Option<usize>,
    writer: Option<usize>,
    /// In ns.
    times: Vec<f64>,
    events: bool,
    /// Whether to weigh by survival functions what is not drawn.
    pub weighs: bool,
    /// Counts stale reads, where replicas are alike and nothing is the matter.
    pub lanes: Option<Lanes<'s>>,
    /// Whether ties between replies would not be broken evenly by place.
    ties: bool,
}

/// What one write does, by replica; instants in ns after it was sent.
#[derive(Default)]
struct Write {
    home: usize,
    /// Reaches the replica, before any pause of it.
    raw: Vec<f64>,
    /// The replica has it.
    has: Vec<f64>,
    /// Its acknowledgement is back.
    acked: Vec<f64>,
    /// A stand-in has it.
    stand_in: Vec<f64>,
    by_ack: Vec<usize>,
}

/// What one read does, by replica; delays in ns.
#[derive(Default)]
struct Read {
    home: usize,
    out: Vec<f64>,
    back: Vec<f64>,
    asked: Vec<f64>,
    /// In the order of `asked`, and of replies.
    by_turn: Vec<usize>,
    order: Vec<usize>,
}

/// What is the matter with replicas in one trial.
#[derive(Default)]
struct Outages {
    down: Set,
    /// Down until then, in ns; or standing still.
    back: Vec<f64>,
    still_until: Vec<f64>,
    phase: f64,
}

/// What a read comes to.
struct Outcome {
    quorum: Set,
    /// Of those, which had the write.
    fresh: Set,
    /// From the start of the read.
    latency: f64,
}

impl Outages {
    /// Whether a replica is down at an instant.
    fn is_down(&self, i: usize, at: f64) -> bool {
        self.was_down(i) && at < self.back[i]
    }

    /// Whether it was as the write was sent.
    fn was_down(&self, i: usize) -> bool {
        self.down >> i & 1 == 1
    }

    /// Until when it stands still.
    fn still(&self, i: usize) -> f64 {
        self.still_until.get(i).copied().unwrap_or(0.0)
    }
}

impl<'s> World<'s> {
    pub fn new(scenario: &'s QuorumScenario, n: u32, settings: Vec<(Wait, Wait)>) -> World<'s> {
        let cluster = &scenario.cluster;
        let size = n as usize;
        let (place, places) = places(scenario, n);
        let between: Vec<Vec<f64>> = match &scenario.datacentres {
            None => vec![vec![0.0]],
            Some(d) => {
                let ns = |row: &Vec<Nanos>| row.iter().map(|d| d.0 as f64).collect();
                d.delay.iter().map(ns).collect()
            }
        };
        let legs: Vec<&Latency> = (0..size)
            .map(|i| scenario.replica.get(i).unwrap_or(&scenario.latency.legs))
            .collect();
        let home = |of: fn(&Datacentres) -> Home| match scenario.datacentres.as_ref().map(of) {
            None => Some(0),
            Some(Home::At(place)) => Some(place),
            Some(Home::Random) => None,
        };
        let quorums = |pick: fn(&(Wait, Wait)) -> Wait| -> Vec<Vec<Quorum>> {
            (0..places)
                .map(|home| {
                    let of = |setting| quorum(pick(setting), &place, places, home);
                    settings.iter().map(of).collect()
                })
                .collect()
        };
        let atoms = legs
            .iter()
            .any(|l| !l.read_out.atoms().is_empty() && !l.reply.atoms().is_empty());
        World {
            reads: quorums(|(r, _)| *r),
            writes: quorums(|(_, w)| *w),
            scenario,
            cluster,
            n: size,
            settings,
            legs,
            place,
            places,
            between,
            reader: home(|d| d.reader),
            writer: home(|d| d.writer),
            times: scenario.read.t.iter().map(|t| t.0 as f64).collect(),
            events: cluster.needs_events().is_some(),
            weighs: cluster.needs_events().is_none(),
            lanes: None,
            ties: atoms && !scenario.is_uniform(),
        }
    }

    /// Reads at other times after the commit than the scenario's, in ns, rising: what is
    /// fresh at one is so at all later ones.
    pub fn look_at(&mut self, times: Vec<f64>) {
        debug_assert!(times.is_sorted());
        self.times = times;
    }

    /// N.
    pub fn n(&self) -> u32 {
        self.n as u32
    }

    fn all(&self) -> Set {
        Set::MAX >> (64 - self.n)
    }

    /// So many trials: a pure function of the streams.
    pub fn batch(&self, streams: Streams, trials: u64) -> Tally {
        let Some(lanes) = &self.lanes else {
            return self.played(streams, trials);
        };
        // Stale reads are counted in lanes, what else is of interest in some trials.
        let some = match self.weighs {
            true => trials,
            false => trials.div_ceil(8),
        };
        let mut tally = self.played(streams, some);
        tally.trials = trials;
        let seeds = streams.stream_at(Purpose::Arrivals, self.n as u64);
        let (stale, reads) = lanes.stale(seeds, trials);
        for (counts, stale) in tally.settings.iter_mut().zip(stale) {
            counts.reads.fill(reads);
            counts.stale = stale;
        }
        tally
    }

    /// What no trials add up to.
    pub fn empty(&self) -> Tally {
        let versions = self.scenario.read.versions as usize;
        Tally::new(self.settings.len(), self.times.len(), versions)
    }

    fn played(&self, streams: Streams, trials: u64) -> Tally {
        let mut tally = self.empty();
        let mut rngs = Rngs {
            write: streams.stream_at(Purpose::Service, self.n as u64),
            read: streams.stream_at(Purpose::Network, self.n as u64),
            outages: streams.stream_at(Purpose::Faults, self.n as u64),
        };
        let mut trial = Trial::default();
        for _ in 0..trials {
            self.trial(&mut rngs, &mut trial, &mut tally);
        }
        tally
    }

    fn trial(&self, rngs: &mut Rngs, trial: &mut Trial, tally: &mut Tally) {
        self.outages(&mut rngs.outages, &mut trial.outages);
        let home = self.home(self.writer, &mut rngs.outages);
        self.write(home, &trial.outages, &mut rngs.write, &mut trial.write);
        let home = self.home(self.reader, &mut rngs.outages);
        self.read(home, &mut rngs.read, &mut trial.read);
        self.read(home, &mut rngs.read, &mut trial.next);
        let versions = if self.events {
            1
        } else {
            self.scenario.read.versions
        };
        for version in 1..versions as usize {
            if trial.others.len() < version {
                trial.others.push(Write::default());
            }
            let home = self.home(self.writer, &mut rngs.outages);
            let other = &mut trial.others[version - 1];
            self.write(home, &trial.outages, &mut rngs.write, other);
        }
        for setting in 0..self.settings.len() {
            let counts = &mut tally.settings[setting];
            counts.played += 1;
            match self.events {
                true => self.play(setting, rngs, trial, counts),
                false => self.settle(setting, trial, counts),
            }
        }
        tally.trials += 1;
    }

    fn home(&self, fixed: Option<usize>, rng: &mut Stream) -> usize {
        fixed.unwrap_or_else(|| rng.random_range(0..self.places))
    }

    fn outages(&self, rng: &mut Stream, outages: &mut Outages) {
        let c = self.cluster;
        outages.down = 0;
        if c.down.0 > 0.0 {
            outages.back.clear();
            for i in 0..self.n {
                let down = unit(rng) < c.down.0;
                outages.down |= Set::from(down) << i;
                outages.back.push(match (&c.down_for, down) {
                    (_, false) => 0.0,
                    (None, true) => NEVER,
                    (Some(law), true) => law.draw(rng),
                });
            }
        }
        if c.pause.0 > 0.0 {
            outages.still_until.clear();
            for _ in 0..self.n {
                let still = unit(rng) < c.pause.0;
                outages
                    .still_until
                    .push(if still { c.pause_for.draw(rng) } else { 0.0 });
            }
        }
        if c.anti_entropy.is_some() {
            outages.phase = unit(rng);
        }
    }

    fn write(&self, home: usize, outages: &Outages, rng: &mut Stream, write: &mut Write) {
        let c = self.cluster;
        write.home = home;
        for list in [
            &mut write.raw,
            &mut write.has,
            &mut write.acked,
            &mut write.stand_in,
        ] {
            list.clear();
        }
        for i in 0..self.n {
            let there = self.between[home][self.place[i]];
            let back = self.between[self.place[i]][home];
            let raw = self.legs[i].write_out.draw(rng) + there;
            let ack = self.legs[i].ack.draw(rng) + back;
            let dropped = c.drop.0 > 0.0 && unit(rng) < c.drop.0;
            let still = outages.still(i);
            let is_down = outages.was_down(i);
            let (mut has, mut acked, mut stand_in) = (raw.max(still), 0.0, NEVER);
            if is_down {
                if c.sloppy {
                    // Another node in its place takes as long as it would have.
                    stand_in = raw;
                    acked = raw + ack;
                } else {
                    acked = NEVER;
                }
                has = match &c.handoff {
                    Some(law) => outages.back[i] + law.draw(rng),
                    None => NEVER,
                };
            } else if dropped {
                (has, acked) = (NEVER, NEVER);
            } else {
                acked += has + ack;
            }
            write.raw.push(raw);
            write.has.push(has);
            write.acked.push(acked);
            write.stand_in.push(stand_in);
        }
        sort(&mut write.by_ack, &write.acked);
    }

    fn read(&self, home: usize, rng: &mut Stream, read: &mut Read) {
        read.home = home;
        read.out.clear();
        read.back.clear();
        read.asked.clear();
        for i in 0..self.n {
            let there = self.between[home][self.place[i]];
            let back = self.between[self.place[i]][home];
            read.out.push(self.legs[i].read_out.draw(rng) + there);
            read.back.push(self.legs[i].reply.draw(rng) + back);
        }
        match self.cluster.fan_out {
            FanOut::All => {}
            // In this order R of them are asked.
            FanOut::Quorum => read.asked.extend((0..self.n).map(|_| unit(rng))),
            FanOut::Closest => {
                let asked = (0..self.n).map(|i| self.between[home][self.place[i]] + unit(rng));
                read.asked.extend(asked);
            }
        }
        sort(&mut read.by_turn, &read.asked);
        read.order.clear();
        read.order.extend(0..self.n);
        if self.ties {
            for i in (1..self.n).rev() {
                read.order.swap(i, rng.random_range(0..=i));
            }
        }
        let (out, back) = (&read.out, &read.back);
        read.order
            .sort_by(|a, b| (out[*a] + back[*a]).total_cmp(&(out[*b] + back[*b])));
    }

    /// Those that a read asks: all, or as many as it needs of each set.
    fn asked(&self, read: &Read, quorum: &Quorum, up: Set) -> Set {
        if self.cluster.fan_out == FanOut::All {
            return quorum.iter().fold(0, |all, (set, _)| all | set);
        }
        let mut asked = 0;
        for (set, k) in quorum {
            let those = read.by_turn.iter().filter(|i| (set & up) >> **i & 1 == 1);
            for i in those.take(*k as usize) {
                asked |= 1 << i;
            }
        }
        asked
    }

    /// One setting without events: all follows from the draws.
    fn settle(&self, setting: usize, trial: &Trial, counts: &mut Counts) {
        let Trial {
            outages,
            write,
            read,
            ..
        } = trial;
        let up = self.all() & !outages.down;
        let needs = &self.reads[read.home][setting];
        let acks = &self.writes[write.home][setting];
        let asked = self.asked(read, needs, up) & up;
        let latency = |i: usize| read.out[i] + read.back[i];
        let first = first(&read.order, needs, asked);
        let commit = completed(&write.by_ack, &write.acked, acks, 0);
        let completes = first.is_some() && commit < NEVER;
        match commit < NEVER {
            true => counts.write(commit),
            false => counts.failed_writes += 1,
        }
        let Some((quorum, last)) = first else {
            counts.failed_reads += 1;
            if self.weighs {
                counts.weigh_nothing(completes);
            }
            return;
        };
        counts.read(latency(last));
        let members = || members(quorum);
        if completes {
            let ahead = members().map(|i| write.has[i] - read.out[i]);
            let need = ahead.fold(NEVER, f64::min) - commit;
            counts.need(need, &self.times);
            counts.pairs += 1;
            if need <= 0.0 {
                // The next read of the same client begins when this one ends.
                self.look_again(setting, trial, commit + latency(last), counts);
            }
        }
        let without = completed(&write.by_ack, &write.acked, acks, quorum);
        let weighed = match self.weighs {
            true => &self.times[..],
            false => &[],
        };
        for (k, t) in weighed.iter().enumerate() {
            let stale = self.weight(write.home, quorum, without + t, read);
            counts.weigh(k, stale, completes);
            if stale == 0.0 {
                // Nor is it later on.
                for k in k + 1..self.times.len() {
                    counts.weigh(k, 0.0, completes);
                }
                break;
            }
        }
        let mut all = self.weight(write.home, quorum, without, read);
        let mut committed = completes;
        counts.version(0, all, committed);
        for (version, other) in trial.others.iter().enumerate() {
            let acks = &self.writes[other.home][setting];
            let without = completed(&other.by_ack, &other.acked, acks, quorum);
            all *= self.weight(other.home, quorum, without, read);
            committed &= completed(&other.by_ack, &other.acked, acks, 0) < NEVER;
            counts.version(version + 1, all, committed);
        }
    }

    /// The chance that none of a quorum has a write `x` ns after it was sent and
    /// the read's way there.
    fn weight(&self, home: usize, quorum: Set, x: f64, read: &Read) -> f64 {
        if x == NEVER {
            return 0.0;
        }
        let drop = self.cluster.drop.0;
        members(quorum)
            .map(|i| {
                let there = self.between[home][self.place[i]];
                let late = self.legs[i].write_out.survival(x + read.out[i] - there);
                drop + (1.0 - drop) * late
            })
            .product()
    }

    fn look_again(&self, setting: usize, trial: &Trial, start: f64, counts: &mut Counts) {
        let read = &trial.next;
        let up = self.all() & !trial.outages.down;
        let needs = &self.reads[read.home][setting];
        let asked = self.asked(read, needs, up) & up;
        if let Some((quorum, _)) = first(&read.order, needs, asked) {
            let stale = members(quorum).all(|i| trial.write.has[i] > start + read.out[i]);
            counts.backwards += u64::from(stale);
        }
    }

    /// One setting, event by event.
    fn play(&self, setting: usize, rngs: &mut Rngs, trial: &mut Trial, counts: &mut Counts) {
        let c = self.cluster;
        let acks = &self.writes[trial.write.home][setting];
        let mut commit = completed(&trial.write.by_ack, &trial.write.acked, acks, 0);
        let any = self.settings[setting].1 == Wait::Level(Level::Any);
        if any && commit == NEVER && c.handoff.is_some() {
            commit = 0.0; // The hint is as good as a replica.
        }
        let limit = c.write_timeout.map_or(NEVER, |limit| limit.0 as f64);
        let failed = commit > limit;
        let from = commit.min(limit);
        match failed || commit == NEVER {
            true => counts.failed_writes += 1,
            false => counts.write(commit),
        }
        trial.has.clear();
        trial.has.extend_from_slice(&trial.write.has);
        trial.raw.clear();
        trial.raw.extend_from_slice(&trial.write.raw);
        if from == NEVER {
            // Reads go on all the same.
            let needs = &self.reads[trial.read.home][setting];
            match self.look(&trial.read, needs, 0.0, trial) {
                Some(seen) => counts.read(seen.latency),
                None => counts.failed_reads += 1,
            }
            return;
        }
        self.exchange(&trial.outages, &mut trial.has);
        if c.repair != Repair::None {
            self.others(setting, from, rngs, trial);
        }
        let needs = &self.reads[trial.read.home][setting];
        for (k, t) in self.times.iter().enumerate() {
            match self.look(&trial.read, needs, from + t, trial) {
                Some(seen) if failed => counts.see(k, seen.fresh != 0),
                Some(seen) => counts.stale_or_not(k, seen.fresh == 0),
                None => {}
            }
        }
        // Right after the commit: how long it takes, and what the next read finds.
        let Some(seen) = self.look(&trial.read, needs, from, trial) else {
            counts.failed_reads += 1;
            return;
        };
        let mut latency = seen.latency;
        if c.repair == Repair::Blocking && seen.fresh != 0 {
            // Who was behind is brought up to date before the read returns.
            let home = trial.read.home;
            let behind = || members(seen.quorum & !seen.fresh);
            for i in behind() {
                let there = self.between[home][self.place[i]];
                let back = self.between[self.place[i]][home];
                let out = self.legs[i].write_out.draw(&mut rngs.write) + there;
                let ack = self.legs[i].ack.draw(&mut rngs.write) + back;
                trial.repair(i, from + seen.latency + out);
                latency = latency.max(seen.latency + out + ack);
            }
        }
        counts.read(latency);
        if failed {
            return;
        }
        counts.pairs += 1;
        if seen.fresh != 0 {
            let needs = &self.reads[trial.next.home][setting];
            let again = self.look(&trial.next, needs, from + latency, trial);
            counts.backwards += u64::from(again.is_some_and(|seen| seen.fresh == 0));
        }
    }

    /// Anti-entropy: at every round, who lacks the write gets it from who has it.
    fn exchange(&self, outages: &Outages, has: &mut [f64]) {
        let Some(every) = self.cluster.anti_entropy else {
            return;
        };
        let every = every.0 as f64;
        let first = has.iter().copied().fold(NEVER, f64::min);
        if first == NEVER {
            return;
        }
        let offset = outages.phase * every;
        for (i, has) in has.iter_mut().enumerate() {
            let back = match outages.was_down(i) {
                true => outages.back[i],
                false => 0.0,
            };
            let from = first.max(back);
            if from < NEVER {
                let round = ((from - offset) / every).ceil().max(0.0) * every + offset;
                *has = has.min(round);
            }
        }
    }

    /// A read that starts at an instant, against what replicas have by then.
    fn look(&self, read: &Read, needs: &Quorum, start: f64, trial: &Trial) -> Option<Outcome> {
        let Trial {
            outages,
            write,
            has,
            raw,
            ..
        } = trial;
        let (mut replies, mut fresh): (Vec<(f64, usize)>, Set) = (Vec::new(), 0);
        let mut up = self.all();
        for (i, has) in has.iter().enumerate() {
            let arrives = start + read.out[i];
            let is_down = outages.is_down(i, arrives);
            if is_down && !self.cluster.sloppy {
                up &= !(1 << i);
                continue;
            }
            let still = outages.still(i);
            let served = arrives.max(if is_down { 0.0 } else { still });
            let knows = match is_down {
                true => write.stand_in[i] <= arrives,
                // Both waited for the end of its pause: in the order of their arrival.
                false if served == *has && served == still => raw[i] <= arrives,
                false => *has <= served,
            };
            fresh |= Set::from(knows) << i;
            replies.push((served + read.back[i], i));
        }
        let asked = self.asked(read, needs, up);
        replies.sort_by(|a, b| a.0.total_cmp(&b.0));
        let order: Vec<usize> = replies.iter().map(|(_, i)| *i).collect();
        let (quorum, last) = first(&order, needs, asked & up)?;
        let end = replies.iter().find(|(_, i)| *i == last)?.0;
        Some(Outcome {
            quorum,
            fresh: quorum & fresh,
            latency: end - start,
        })
    }

    /// Reads by others after the write, and what they repair.
    fn others(&self, setting: usize, from: f64, rngs: &mut Rngs, trial: &mut Trial) {
        let mean = 1e9 / self.cluster.reads.0;
        let last = from + self.times[self.times.len() - 1];
        // Instants at which a read meets a replica, or is done.
        let mut steps: Vec<Step> = Vec::new();
        let mut reads: Vec<(Set, Set, Vec<f64>)> = Vec::new();
        let mut at = 0.0;
        loop {
            at -= mean * (1.0 - unit(&mut rngs.read)).ln();
            if at > last {
                break;
            }
            let home = self.home(self.reader, &mut rngs.outages);
            let mut read = Read::default();
            self.read(home, &mut rngs.read, &mut read);
            let needs = &self.reads[home][setting];
            let Some(seen) = self.look(&read, needs, at, trial) else {
                continue;
            };
            // Who is down does not reply, and is not repaired.
            let asked = self.asked(&read, needs, self.all());
            let outages = &trial.outages;
            let mut served = vec![0.0; self.n];
            let mut replied: Set = 0;
            for i in members(asked) {
                let arrives = at + read.out[i];
                if !outages.is_down(i, arrives) {
                    served[i] = arrives.max(outages.still(i));
                    replied |= 1 << i;
                }
            }
            let (heard, done) = match self.cluster.repair {
                Repair::Blocking => (seen.quorum & replied, at + seen.latency),
                _ => {
                    let replies = members(replied).map(|i| served[i] + read.back[i]);
                    (replied, replies.fold(0.0, f64::max))
                }
            };
            let number = reads.len();
            steps.extend(members(heard).map(|i| (served[i], number, Some((i, at + read.out[i])))));
            steps.push((done, number, None));
            // The repair takes as long as a write of its own.
            let way = (0..self.n).map(|i| {
                let there = self.between[home][self.place[i]];
                self.legs[i].write_out.draw(&mut rngs.write) + there
            });
            reads.push((heard, 0, way.collect()));
        }
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (now, number, replica) in steps {
            let (heard, knew, way) = &mut reads[number];
            match replica {
                Some((i, arrived)) => {
                    // Both waited for the end of a pause: in the order of their arrival.
                    let has = trial.has[i] < now || trial.has[i] == now && trial.raw[i] <= arrived;
                    *knew |= Set::from(has) << i;
                }
                None if *knew != 0 => {
                    for i in members(*heard & !*knew) {
                        trial.repair(i, now + way[i]);
                    }
                }
                None => {}
            }
        }
    }
}

impl Trial {
    /// A repair reaches a replica, unless that is down.
    fn repair(&mut self, i: usize, arrives: f64) {
        if self.outages.is_down(i, arrives) {
            return;
        }
        let has = arrives.max(self.outages.still(i));
        if has < self.has[i] || has == self.has[i] && arrives < self.raw[i] {
            (self.has[i], self.raw[i]) = (has, arrives);
        }
    }
}

/// At an instant, of the read of that number: it is done, or served by a replica at
/// which it arrived when.
type Step = (f64, usize, Option<(usize, f64)>);

/// What a trial needs from one to the next.
#[derive(Default)]
struct Trial {
    outages: Outages,
    write: Write,
    /// Further versions, for k-staleness.
    others: Vec<Write>,
    read: Read,
    /// The next read of the same client.
    next: Read,
    /// When each replica has the write, whatever it is that brought it, and when
    /// that arrived, before any pause.
    has: Vec<f64>,
    raw: Vec<f64>,
}

struct Rngs {
    write: Stream,
    read: Stream,
    outages: Stream,
}

fn sort(order: &mut Vec<usize>, by: &[f64]) {
    order.clear();
    order.extend(0..by.len());
    order.sort_by(|a, b| by[*a].total_cmp(&by[*b]));
}
