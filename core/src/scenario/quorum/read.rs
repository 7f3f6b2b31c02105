//! A quorum scenario as its file has it.

use super::{
    Cluster, Datacentres, Delays, FITS, FanOut, Fit, Home, Latency, Level, MOST_REPLICAS, Method,
    Promise, QuorumRun, QuorumScenario, Reads, Repair, Target, Wait, name_of,
};
use crate::dist::Dist;
use crate::dist_text::OneWay;
use crate::scenario::document::{Kind, Node, Place, Problem, Section, Table};
use crate::scenario::fields::{above_zero, by_default, count, named};
use crate::units::{Nanos, Probability, Rate};
use crate::value::{Value, suggest};

impl Default for QuorumScenario {
    fn default() -> QuorumScenario {
        by_default(QuorumScenario::read(&mut Section::new(&Table::default())))
    }
}

impl QuorumScenario {
    pub(in crate::scenario) fn read(top: &mut Section<'_>) -> Result<QuorumScenario, Problem> {
        let empty = Table::default();
        let name = named(top, "quorum")?;
        let mut sub = |key| match top.node(key) {
            Some(node) => node.table(),
            None => Ok(&empty),
        };
        let run = run(sub("run")?)?;
        let (latency, fit) = latency(sub("latency")?, None)?;
        let mut cluster_section = Section::new(sub("cluster")?);
        let target = target(sub("target")?)?;
        let read = reads(sub("read")?, &target)?;
        let datacentres = match top.node("datacentres") {
            Some(node) => Some(datacentres(node.table()?)?),
            None => None,
        };
        let replica = match top.node("replica") {
            None => Vec::new(),
            Some(node) => {
                let each = node.list()?;
                let read = |node: &Node| Ok(self::latency(node.table()?, Some(&latency))?.0);
                each.iter().map(read).collect::<Result<Vec<_>, Problem>>()?
            }
        };
        let known = match (&datacentres, &replica[..]) {
            (Some(d), _) => Some((d.replicas.iter().sum(), "datacentres")),
            (None, []) => None,
            (None, replicas) => Some((replicas.len() as u32, "replica")),
        };
        let cluster = cluster(&mut cluster_section, known, datacentres.is_some())?;
        cluster_section.finish()?;
        if let Some((n, key)) = known
            && (cluster.n != [n] || !replica.is_empty() && replica.len() as u32 != n)
        {
            let place = top.node(key).map(|node| node.place.clone());
            return Err(Problem::new(format!("these are {n} replicas"))
                .at(place)
                .help("`n`, `datacentres.replicas` and the list of `replica` have to agree"));
        }
        let datacentres = match (datacentres, fit) {
            (None, Some(Fit::Wan)) => {
                let [n] = cluster.n[..] else {
                    return Err(
                        Problem::new("the fit `wan` takes one N: a datacentre a replica")
                            .at(sub_place(top, "cluster", "n")),
                    );
                };
                let far = |a: u32, b: u32| Nanos::from_millis(if a == b { 0 } else { 75 });
                Some(Datacentres {
                    replicas: vec![1; n as usize],
                    delay: (0..n)
                        .map(|a| (0..n).map(|b| far(a, b)).collect())
                        .collect(),
                    writer: Home::Random,
                    reader: Home::Random,
                })
            }
            (given, _) => given,
        };
        let scenario = QuorumScenario {
            kind: "quorum",
            name,
            run,
            cluster,
            datacentres,
            read,
            target,
            latency: Delays {
                fit: name_of(fit.filter(|fit| fit.latency() == latency)),
                legs: latency,
            },
            replica,
        };
        scenario.check(top)?;
        Ok(scenario)
    }

    /// What belongs together.
    fn check(&self, top: &mut Section<'_>) -> Result<(), Problem> {
        if self.run.method == Method::Exact
            && let Some(reason) = self.not_exact()
        {
            return Err(Problem::new(format!("there is no exact answer: {reason}"))
                .at(sub_place(top, "run", "method"))
                .help("method = \"monte-carlo\" simulates it; \"auto\" is exact where it can be"));
        }
        const MOST_READS: f64 = 1e4;
        // Until the last read begins: ten mean commits and the last t.
        let legs = &self.latency.legs;
        let commit = legs.write_out.mean_s() + legs.ack.mean_s();
        let last = self.read.t.last().map_or(0.0, |t| t.as_secs()) + 10.0 * commit;
        if self.cluster.repair != Repair::None && self.cluster.reads.0 * last > MOST_READS {
            return Err(
                Problem::new("more than 10,000 reads by others until the last read")
                    .at(sub_place(top, "cluster", "reads"))
                    .help("a lower rate, or an earlier t, tells the same"),
            );
        }
        if self.settings().is_empty() {
            return Err(Problem::new("no R and W fit any N").at(sub_place(top, "cluster", "r")));
        }
        Ok(())
    }
}

fn sub_place(top: &mut Section<'_>, table: &'static str, key: &str) -> Option<Place> {
    let table = top.node(table)?.table().ok()?;
    table.get(key).map(|entry| entry.node.place.clone())
}

fn run(table: &Table) -> Result<QuorumRun, Problem> {
    let mut s = Section::new(table);
    let methods = [
        ("auto", Method::Auto),
        ("exact", Method::Exact),
        ("monte-carlo", Method::MonteCarlo),
        ("both", Method::Both),
    ];
    let run = QuorumRun {
        seed: count(&mut s, "seed", 1, 0..=i64::MAX as u64)?,
        replications: count(&mut s, "replications", 200_000, 1..=1_000_000_000_000)?,
        method: s
            .word("method", "method", &methods)?
            .unwrap_or(Method::Auto),
        fine: s.bool("fine")?.unwrap_or(false),
    };
    s.finish()?;
    Ok(run)
}

/// The delays of a replica; what is not given is as in `base`, or as in a fit.
fn latency(table: &Table, base: Option<&Latency>) -> Result<(Latency, Option<Fit>), Problem> {
    let mut s = Section::new(table);
    let legs = ["write_out", "ack", "read_out", "reply"];
    let given = legs.iter().filter(|leg| table.get(leg).is_some()).count();
    let (fit, every) = match s.node("fit") {
        None => (None, None),
        Some(node) => match node.read::<OneWay>() {
            Ok(OneWay(law)) => (None, Some(law)),
            // A name that is no law is one of a fit, or meant to be.
            Err(_) if !node.plain().contains('(') => (Some(node.word("fit", &FITS)?), None),
            Err(problem) => return Err(problem),
        },
    };
    let default = match (fit, every, base) {
        (Some(fit), ..) => fit.latency(),
        (None, Some(law), _) => Latency {
            write_out: law.clone(),
            ack: law.clone(),
            read_out: law.clone(),
            reply: law,
        },
        (None, None, Some(base)) => base.clone(),
        (None, None, None) if given > 0 && given < 4 => {
            let missing: Vec<&str> = legs
                .into_iter()
                .filter(|l| table.get(l).is_none())
                .collect();
            let here = legs.iter().find_map(|leg| table.get(leg));
            return Err(
                Problem::new(format!("the delays lack {}", missing.join(", ")))
                    .at(here.map(|entry| entry.place.clone()))
                    .help("write_out, ack, read_out and reply go together, or `fit` is the rest"),
            );
        }
        (None, None, None) => Fit::LnkdDisk.latency(),
    };
    // Without a word, the delays of LinkedIn's disks.
    let fit = match (fit, base, given) {
        (None, None, 0) => Some(Fit::LnkdDisk),
        (fit, ..) => fit,
    };
    let mut leg = |key: &'static str, default: Dist| -> Result<Dist, Problem> {
        let Some(node) = s.node(key) else {
            return Ok(default);
        };
        let OneWay(law) = node.read()?;
        if let Dist::Samples(samples) = &law
            && samples.len() == 1
        {
            return Err(Problem::new("one sample is no distribution")
                .at(Some(node.place.clone()))
                .help("for a constant delay write it as a duration"));
        }
        Ok(law)
    };
    let latency = Latency {
        write_out: leg("write_out", default.write_out)?,
        ack: leg("ack", default.ack)?,
        read_out: leg("read_out", default.read_out)?,
        reply: leg("reply", default.reply)?,
    };
    s.finish()?;
    Ok((latency, fit))
}

fn cluster(
    s: &mut Section<'_>,
    known: Option<(u32, &str)>,
    has_datacentres: bool,
) -> Result<Cluster, Problem> {
    let mut n = Vec::new();
    match s.node("n") {
        None => n.push(known.map_or(3, |(n, _)| n)),
        Some(node) => {
            for (number, place) in numbers(node)? {
                if !(1..=MOST_REPLICAS).contains(&number) {
                    return Err(Problem::new(format!(
                        "there are 1 to {MOST_REPLICAS} replicas, not {number}"
                    ))
                    .at(Some(place.place.clone())));
                }
                if !n.contains(&number) {
                    n.push(number);
                }
            }
        }
    }
    let most = n.iter().copied().max().unwrap_or(0);
    let w = waits(s, "w", most, has_datacentres, &[])?;
    let r = waits(s, "r", most, has_datacentres, &[Level::Any])?;
    let fan_outs = [
        ("all", FanOut::All),
        ("quorum", FanOut::Quorum),
        ("closest", FanOut::Closest),
    ];
    let repairs = [
        ("none", Repair::None),
        ("background", Repair::Background),
        ("blocking", Repair::Blocking),
    ];
    let fan_out = s
        .word("fan_out", "fan-out", &fan_outs)?
        .unwrap_or(FanOut::All);
    if fan_out == FanOut::Closest && !has_datacentres {
        return Err(
            Problem::new("without datacentres no replica is closer than another")
                .at(s.place("fan_out"))
                .help("fan_out = \"quorum\" asks R of them at random"),
        );
    }
    let chance = |s: &mut Section<'_>, key| -> Result<Probability, Problem> {
        Ok(s.read(key)?.unwrap_or(Probability(0.0)))
    };
    let down = chance(s, "down")?;
    let drop = chance(s, "drop")?;
    for (key, p) in [("down", down), ("drop", drop)] {
        if p.0 >= 1.0 {
            return Err(Problem::new("nothing would ever be written").at(s.place(key)));
        }
    }
    for key in ["down_for", "handoff", "sloppy"] {
        // A chance of 0 is said in a sweep, and in the scenario that a run writes.
        if s.place("down").is_none() && s.place(key).is_some() {
            return Err(Problem::new(format!("`{key}` goes with `down`"))
                .at(s.place(key))
                .help("`down` is the chance that a replica is down"));
        }
    }
    let repair = s
        .word("repair", "repair", &repairs)?
        .unwrap_or(Repair::None);
    let reads = s.read("reads")?.unwrap_or(Rate(0.0));
    if repair != Repair::None && reads.0 <= 0.0 {
        return Err(Problem::new("reads repair, and there are none")
            .at(s.place("repair"))
            .help("`reads` is the rate of other reads, such as 100/s"));
    }
    let anti_entropy = match s.read("anti_entropy")? {
        Some(every) => Some(above_zero(s, "anti_entropy", every)?),
        None => None,
    };
    let write_timeout = match s.read("write_timeout")? {
        Some(limit) => Some(above_zero(s, "write_timeout", limit)?),
        None => None,
    };
    Ok(Cluster {
        n,
        w,
        r,
        fan_out,
        down,
        down_for: s.read("down_for")?,
        sloppy: s.bool("sloppy")?.unwrap_or(false),
        handoff: s.read("handoff")?,
        drop,
        pause: chance(s, "pause")?,
        pause_for: s
            .read("pause_for")?
            .unwrap_or(Dist::Const(Nanos::from_secs(1))),
        repair,
        reads,
        anti_entropy,
        write_timeout,
        clock_skew: s.read("clock_skew")?.unwrap_or(Nanos::ZERO),
        write_gap: s.read("write_gap")?.unwrap_or(Nanos::ZERO),
        read_share: s.read("read_share")?.unwrap_or(Probability(0.5)),
    })
}

/// Numbers, lists and ranges of them: `3`, `[1, 2]`, `"1..=5"`.
fn numbers(node: &Node) -> Result<Vec<(u32, Node)>, Problem> {
    let items = match &node.kind {
        Kind::List(items) => items.clone(),
        _ => vec![node.clone()],
    };
    let mut all = Vec::new();
    for item in items {
        let text = item.plain();
        let Some((from, to)) = text.split_once("..") else {
            all.push((item.read::<u64>()?.min(u64::from(u32::MAX)) as u32, item));
            continue;
        };
        let wrong = || {
            Problem::new(format!("`{text}` is no range"))
                .at(Some(item.place.clone()))
                .help("for example 1..=5, both ends included")
        };
        let to = to.strip_prefix('=').ok_or_else(wrong)?;
        let (from, to): (u32, u32) = match (from.trim().parse(), to.trim().parse()) {
            (Ok(from), Ok(to)) if from <= to && to - from < 1000 => (from, to),
            _ => return Err(wrong()),
        };
        all.extend((from..=to).map(|k| (k, item.clone())));
    }
    match all.is_empty() {
        true => Err(Problem::new("an empty list").at(Some(node.place.clone()))),
        false => Ok(all),
    }
}

/// R or W: numbers, ranges and consistency levels.
fn waits(
    s: &mut Section<'_>,
    key: &'static str,
    most: u32,
    has_datacentres: bool,
    without: &[Level],
) -> Result<Vec<Wait>, Problem> {
    let Some(node) = s.node(key) else {
        return Ok(vec![Wait::For(1)]);
    };
    let items = match &node.kind {
        Kind::List(items) => items.clone(),
        _ => vec![node.clone()],
    };
    let mut all: Vec<Wait> = Vec::new();
    for item in items {
        let place = Some(item.place.clone());
        let text = item.plain();
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            for (number, _) in numbers(&item)? {
                let name = key.to_uppercase();
                if number == 0 {
                    return Err(Problem::new(format!("{name} is at least 1"))
                        .at(place)
                        .help("an operation that waits for no replica says nothing"));
                }
                if number > most {
                    return Err(
                        Problem::new(format!("{name} = {number} of {most} replicas"))
                            .at(place)
                            .help(format!("{name} is at most N")),
                    );
                }
                if !all.contains(&Wait::For(number)) {
                    all.push(Wait::For(number));
                }
            }
            continue;
        }
        let known: Vec<Level> = Level::ALL
            .into_iter()
            .filter(|l| !without.contains(l))
            .collect();
        let names: Vec<&str> = known.iter().map(|l| l.name()).collect();
        let upper = text.to_uppercase().replace('-', "_");
        let Some(level) = known.iter().find(|l| l.name() == upper) else {
            let other = Level::ALL.iter().any(|l| l.name() == upper);
            let problem = match other {
                true => Problem::new(format!("{upper} is a level of writes")),
                false => Problem::new(format!("`{text}` is no number and no consistency level")),
            };
            return Err(problem.at(place).help(suggest(&upper, &names)));
        };
        if level.is_local() && !has_datacentres {
            return Err(Problem::new(format!("{upper} needs datacentres"))
                .at(place)
                .help("say where replicas are: datacentres.replicas = [3, 3]"));
        }
        let wait = Wait::Level(*level);
        if wait.of(most).is_some_and(|k| k > most) {
            return Err(Problem::new(format!("{upper} of {most} replicas")).at(place));
        }
        if !all.contains(&wait) {
            all.push(wait);
        }
    }
    match all.is_empty() {
        true => Err(Problem::new("an empty list").at(Some(node.place.clone()))),
        false => Ok(all),
    }
}

fn datacentres(table: &Table) -> Result<Datacentres, Problem> {
    let mut s = Section::new(table);
    let Some(node) = s.node("replicas") else {
        return Err(Problem::new("datacentres need their `replicas`")
            .at(table.entries.first().map(|entry| entry.place.clone()))
            .help("how many there are in each, such as [3, 3]"));
    };
    let mut replicas = Vec::new();
    for (number, item) in numbers(node)? {
        if !(1..=MOST_REPLICAS).contains(&number) {
            return Err(Problem::new("a datacentre has 1 to 64 replicas").at(Some(item.place)));
        }
        replicas.push(number);
    }
    let places = replicas.len();
    if replicas.iter().sum::<u32>() > MOST_REPLICAS {
        return Err(Problem::new(format!("more than {MOST_REPLICAS} replicas"))
            .at(Some(node.place.clone())));
    }
    let delay = match s.node("delay") {
        None => vec![vec![Nanos::ZERO; places]; places],
        Some(node) if matches!(node.kind, Kind::List(_)) => {
            let rows = node.list()?;
            let shape = || {
                Problem::new(format!("a delay from each of {places} to each of {places}"))
                    .at(Some(node.place.clone()))
                    .help("or one duration, between any two")
            };
            if rows.len() != places {
                return Err(shape());
            }
            let mut matrix = Vec::new();
            for row in &rows {
                let row: Vec<Nanos> = row
                    .list()?
                    .iter()
                    .map(|item| item.read())
                    .collect::<Result<_, _>>()?;
                if row.len() != places {
                    return Err(shape());
                }
                matrix.push(row);
            }
            matrix
        }
        Some(node) => {
            let far: Nanos = node.read()?;
            let between = |a: usize, b: usize| if a == b { Nanos::ZERO } else { far };
            (0..places)
                .map(|a| (0..places).map(|b| between(a, b)).collect())
                .collect()
        }
    };
    let mut home = |key: &'static str| -> Result<Home, Problem> {
        match s.node(key) {
            None => Ok(Home::Random),
            Some(node) if node.is_word("random") => Ok(Home::Random),
            Some(node) => match node.read::<u64>()? {
                place if (1..=places as u64).contains(&place) => Ok(Home::At(place as usize - 1)),
                _ => Err(Problem::new(format!("the datacentres are 1 to {places}"))
                    .at(Some(node.place.clone()))),
            },
        }
    };
    let centres = Datacentres {
        replicas,
        delay,
        writer: home("writer")?,
        reader: home("reader")?,
    };
    s.finish()?;
    Ok(centres)
}

/// Times after the commit: durations, lists, and ranges such as `"0ms..=50ms step 1ms"`.
fn times(node: &Node) -> Result<Vec<Nanos>, Problem> {
    let items = match &node.kind {
        Kind::List(items) => items.clone(),
        _ => vec![node.clone()],
    };
    let mut all = Vec::new();
    for item in &items {
        let text = item.plain();
        let Some((from, rest)) = text.split_once("..=") else {
            all.push(item.read::<Nanos>()?);
            continue;
        };
        let wrong = |message: String| {
            Problem::new(message)
                .at(Some(item.place.clone()))
                .help("for example 0ms..=50ms, or 0ms..=50ms step 1ms")
        };
        let (to, step) = match rest.split_once("step") {
            Some((to, step)) => (to, Some(step)),
            None => (rest, None),
        };
        let time = |text: &str| Nanos::parse(text.trim()).map_err(|e| wrong(e.message));
        let (from, to) = (time(from)?, time(to)?);
        let step = match step {
            Some(step) => time(step)?,
            None => Nanos((to.0.saturating_sub(from.0) / 50).max(1)),
        };
        if from > to || step == Nanos::ZERO || (to.0 - from.0) / step.0 > 10_000 {
            return Err(wrong(format!(
                "`{text}` is no range of at most 10,000 times"
            )));
        }
        all.extend((from.0..=to.0).step_by(step.0 as usize).map(Nanos));
    }
    all.sort_unstable();
    all.dedup();
    match all.is_empty() {
        true => Err(Problem::new("an empty list").at(Some(node.place.clone()))),
        false => Ok(all),
    }
}

fn reads(table: &Table, target: &Target) -> Result<Reads, Problem> {
    let mut s = Section::new(table);
    let mut t = match s.node("t") {
        Some(node) => times(node)?,
        None => [0, 1, 2, 5, 10, 20, 50, 100]
            .map(Nanos::from_millis)
            .to_vec(),
    };
    // What a target asks about is worked out as well.
    t.extend(target.stale.iter().map(|promise| promise.t));
    t.sort_unstable();
    t.dedup();
    let visibility = match s.node("visibility") {
        None => [0.9, 0.99, 0.999].map(Probability).to_vec(),
        Some(node) => {
            let items = match &node.kind {
                Kind::List(items) => items.clone(),
                _ => vec![node.clone()],
            };
            let mut levels: Vec<Probability> = Vec::new();
            for item in &items {
                let level: Probability = item.read()?;
                if !(0.0 < level.0 && level.0 < 1.0) {
                    return Err(Problem::new("a level lies between 0 and 100%")
                        .at(Some(item.place.clone())));
                }
                levels.push(level);
            }
            levels.sort_by(|a, b| a.0.total_cmp(&b.0));
            levels.dedup();
            levels
        }
    };
    let versions = count(&mut s, "versions", 3, 1..=20)? as u32;
    s.finish()?;
    Ok(Reads {
        t,
        visibility,
        versions,
    })
}

fn target(table: &Table) -> Result<Target, Problem> {
    let mut s = Section::new(table);
    let mut stale = Vec::new();
    if let Some(node) = s.node("stale") {
        let items = match &node.kind {
            Kind::List(items) => items.clone(),
            _ => vec![node.clone()],
        };
        for item in &items {
            stale.push(promise(item)?);
        }
    }
    let target = Target {
        stale,
        read_p99: s.read("read_p99")?,
        write_p99: s.read("write_p99")?,
    };
    s.finish()?;
    Ok(target)
}

/// `p_stale(10ms) < 1e-3`.
fn promise(node: &Node) -> Result<Promise, Problem> {
    let text = node.text()?;
    let wrong = || {
        Problem::new(format!("`{text}` is no promise about stale reads"))
            .at(Some(node.place.clone()))
            .help("for example p_stale(10ms) < 1e-3, or p_stale(0ms) < 1%")
    };
    let (left, most) = text.split_once('<').ok_or_else(wrong)?;
    let t = left
        .trim()
        .strip_prefix("p_stale(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(wrong)?;
    let t = Nanos::parse(t.trim()).map_err(|_| wrong())?;
    if most.starts_with('=') {
        return Err(Problem::new("a promise is kept strictly below its limit")
            .at(Some(node.place.clone()))
            .help("write <, not <="));
    }
    let most = Probability::parse(most.trim()).map_err(|_| wrong())?;
    Ok(Promise { t, most: most.0 })
}
