//! The files that a herd leaves beside its table, written and read back.

use std::io;
use std::path::Path;

use herdsim_core::ensemble::herd::{HostResults, PolicyResults, Results, is_independent};
use herdsim_core::herd::{
    ATTEMPTS, JUDGED_CALLS, METRICS, SERIES, Sample, Stretch, Strips, WAVES, Waves, metrics_of,
};
use herdsim_core::histogram::Histogram;
use herdsim_core::metric::{Key, Part};
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::callers::{Arrival, Callers};
use herdsim_core::stats::Estimate;

use crate::output::csv::{estimate, number, text_cell, three};
use crate::output::load::{CsvFile, LoadError};
use herdsim_words::results::{Column, Manner};

fn writer<W: io::Write>(out: W) -> csv::Writer<W> {
    csv::Writer::from_writer(out)
}

fn metric_names(scenario: &Scenario) -> impl Iterator<Item = &'static str> {
    metrics_of(scenario).map(Key::name)
}

fn values(scenario: &Scenario, sample: &Sample) -> impl Iterator<Item = String> {
    metrics_of(scenario).map(|metric| number(sample[metric]))
}

/// `replications.csv`: every metric of every replication.
///
/// # Errors
/// Those of `out`.
pub fn replications(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    let scenario = &results.scenario;
    let names = metric_names(scenario);
    csv.write_record(["policy", "replication"].into_iter().chain(names))?;
    for policy in &results.policies {
        for (i, sample) in policy.raw.iter().enumerate() {
            let lead = [text_cell(&policy.name), i.to_string()];
            csv.write_record(lead.into_iter().chain(values(scenario, sample)))?;
        }
    }
    csv.flush()
}

/// `tier-replications.csv`: the same of the services behind the first of a chain.
///
/// # Errors
/// Those of `out`.
pub fn tier_replications(results: &Results, out: impl io::Write) -> io::Result<()> {
    part_replications(results, "tier", |policy| &policy.tiers, out)
}

/// `group-replications.csv`: the same of the groups of callers.
///
/// # Errors
/// Those of `out`.
pub fn group_replications(results: &Results, out: impl io::Write) -> io::Result<()> {
    part_replications(results, "group", |policy| &policy.groups, out)
}

fn part_replications(
    results: &Results,
    part: &'static str,
    of: impl Fn(&PolicyResults) -> &Vec<PolicyResults>,
    out: impl io::Write,
) -> io::Result<()> {
    let mut csv = writer(out);
    let scenario = &results.scenario;
    let lead = ["policy", part, "replication"];
    csv.write_record(lead.into_iter().chain(metric_names(scenario)))?;
    for policy in &results.policies {
        for part in of(policy) {
            for (i, sample) in part.raw.iter().enumerate() {
                let lead = [
                    text_cell(&policy.name),
                    text_cell(&part.name),
                    i.to_string(),
                ];
                csv.write_record(lead.into_iter().chain(values(scenario, sample)))?;
            }
        }
    }
    csv.flush()
}

/// The columns of `hosts.csv` that tell of a host.
const HOSTS: [&str; 4] = [
    "attempts_share",
    "failed_ratio",
    "utilisation",
    "mean_queue",
];

/// `hosts.csv`: what became of each host, one row a policy, service and host.
///
/// # Errors
/// Those of `out`.
pub fn hosts(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    let header = ["policy", "tier", "host"].map(String::from).into_iter();
    csv.write_record(header.chain(HOSTS.iter().flat_map(|name| three(name))))?;
    for policy in &results.policies {
        for (tier, hosts) in policy.hosts.iter().enumerate() {
            for (i, host) in hosts.iter().enumerate() {
                let lead = [
                    text_cell(&policy.name),
                    text_cell(&results.scenario.tier_name(tier)),
                    (i + 1).to_string(),
                ];
                let told = [host.share, host.failed, host.busy, host.queue];
                csv.write_record(lead.into_iter().chain(told.into_iter().flat_map(estimate)))?;
            }
        }
    }
    csv.flush()
}

/// `host-load.csv`: attempts that arrived at each host in the first replication, one row a
/// policy, service and stretch of time, of which `t_s` is the start.
///
/// # Errors
/// Those of `out`.
pub fn host_load(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    csv.write_record(["policy", "tier", "t_s", "host", "attempts"])?;
    for policy in &results.policies {
        for (tier, strips) in policy.strips.iter().enumerate() {
            let Some(strips) = strips else { continue };
            for (host, counts) in strips.counts.iter().enumerate() {
                for (i, count) in counts.iter().enumerate() {
                    let start = (i as u64 * strips.width) as f64 / 1e9;
                    csv.write_record([
                        text_cell(&policy.name),
                        text_cell(&results.scenario.tier_name(tier)),
                        start.to_string(),
                        (host + 1).to_string(),
                        count.to_string(),
                    ])?;
                }
            }
        }
    }
    csv.flush()
}

/// `latencies.csv`: how many judged calls were answered within how long, three digits of
/// it, all replications together.
///
/// # Errors
/// Those of `out`.
pub fn latencies(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    csv.write_record(["policy", "latency_ns", "calls"])?;
    for policy in &results.policies {
        for (ns, calls) in policy.waits.steps() {
            csv.write_record([text_cell(&policy.name), ns.to_string(), calls.to_string()])?;
        }
    }
    csv.flush()
}

/// `waves.csv`: attempts sent in the first replication around the first fault, one row
/// a policy and bin, by their number; `t_s` is the bin's start.
///
/// # Errors
/// Those of `out`.
pub fn waves(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    csv.write_record(["policy", "t_s"].iter().chain(&WAVES))?;
    let Stretch { from, bin, .. } = Stretch::of(&results.scenario);
    for policy in &results.policies {
        for (i, counts) in policy.waves.iter().enumerate() {
            let start = (from + i as u64 * bin) as f64 / 1e9;
            let lead = [text_cell(&policy.name), start.to_string()];
            csv.write_record(lead.into_iter().chain(counts.iter().map(u32::to_string)))?;
        }
    }
    csv.flush()
}

/// `timeseries.csv`: one row a policy and bin; `t_s` is the bin's start.
///
/// # Errors
/// Those of `out`.
pub fn timeseries(results: &Results, out: impl io::Write) -> io::Result<()> {
    let policies = results.policies.iter();
    let rows = policies.map(|policy| (vec![text_cell(&policy.name)], policy));
    bins_of(results, &["policy"], rows, out)
}

/// `group-timeseries.csv`: the same of the groups of callers.
///
/// # Errors
/// Those of `out`.
pub fn group_timeseries(results: &Results, out: impl io::Write) -> io::Result<()> {
    let rows = results.policies.iter().flat_map(|policy| {
        let groups = policy.groups.iter();
        groups.map(|group| (vec![text_cell(&policy.name), text_cell(&group.name)], group))
    });
    bins_of(results, &["policy", "group"], rows, out)
}

fn bins_of<'r>(
    results: &Results,
    lead: &[&str],
    rows: impl Iterator<Item = (Vec<String>, &'r PolicyResults)>,
    out: impl io::Write,
) -> io::Result<()> {
    let mut csv = writer(out);
    let header = lead.iter().chain(&["t_s"]).map(|name| name.to_string());
    csv.write_record(header.chain(SERIES.iter().flat_map(|column| three(column.name))))?;
    let bin = results.scenario.run.bin.0;
    for (lead, part) in rows {
        for (i, values) in part.series.iter().enumerate() {
            let start = (i as u64 * bin) as f64 / 1e9;
            let lead = lead.iter().cloned().chain([start.to_string()]);
            let values = values.iter().flat_map(|e| estimate(*e));
            csv.write_record(lead.chain(values))?;
        }
    }
    csv.flush()
}

/// A herd read back.
pub struct Loaded {
    pub results: Results,
    /// What its files do not have, as another version wrote them: sentences.
    pub gaps: Vec<String>,
    /// Columns of the time series that are not there.
    pub unknown: Vec<&'static str>,
}

/// The results of the herd in a directory.
///
/// A metric or a column of the series that an older run does not have is unknown.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn load(directory: &Path, scenario: Scenario, manner: &Manner) -> Result<Loaded, LoadError> {
    let read = |name: &str| -> Result<CsvFile, LoadError> {
        let metrics = METRICS.iter().map(|entry| entry.metric);
        Ok(CsvFile::read(directory, name)?.by_definitions(JUDGED_CALLS, metrics))
    };
    let replications = read("replications.csv")?;
    replications.needs(manner)?;
    let series = Bins::read(directory, "timeseries.csv", &["policy"])?;
    let latencies = CsvFile::read(directory, "latencies.csv")?;
    let waves = CsvFile::read(directory, "waves.csv")?;
    let tiers = match scenario.services.len() {
        1 => None,
        _ => Some(read("tier-replications.csv")?),
    };
    let groups = match scenario.told_groups() {
        0 => None,
        _ => Some((
            read("group-replications.csv")?,
            Bins::read(directory, "group-timeseries.csv", &["policy", "group"])?,
        )),
    };
    let hosts = match scenario.has(Part::Hosts) {
        true => Some(Hosts::read(directory)?),
        false => None,
    };
    if let Some(tiers) = &tiers {
        tiers.needs(manner)?;
        tiers.column(ATTEMPTS.name())?;
        replications.column(ATTEMPTS.name())?;
    }
    let mut policies = Vec::new();
    for (name, policy) in &scenario.policies {
        let raw = samples(&replications, &[("policy", name)])?;
        let mut behind = Vec::new();
        for tier in 1..scenario.services.len() {
            let Some(file) = &tiers else { break };
            let tier = scenario.tier_name(tier);
            let raw = samples(file, &[("policy", name), ("tier", &tier)])?;
            behind.push(part(tier, raw, Vec::new(), &scenario));
        }
        let mut of_groups = Vec::new();
        for group in 0..scenario.told_groups() {
            let Some((file, series)) = &groups else { break };
            let group = scenario.group_name(group);
            let raw = samples(file, &[("policy", name), ("group", &group)])?;
            let series = series.of(&[name, &group], &scenario, raw.len() as u64)?;
            of_groups.push(part(group, raw, series, &scenario));
        }
        let services = 0..scenario.services.len();
        let each = services.map(|tier| match &hosts {
            Some(hosts) => hosts.of(name, tier, &scenario),
            None => Ok((Vec::new(), None)),
        });
        let each = each.collect::<Result<Vec<_>, LoadError>>()?;
        let (of_hosts, strips) = each.into_iter().unzip();
        policies.push(PolicyResults {
            groups: of_groups,
            hosts: of_hosts,
            strips,
            series: series.of(&[name], &scenario, raw.len() as u64)?,
            waits: latencies_of(&latencies, name, &scenario)?,
            independent: is_independent(&scenario, policy),
            waves: waves_of(&waves, name, &scenario)?,
            name: name.clone(),
            raw,
            tiers: behind,
        });
    }
    let least = policies.iter().map(|p| p.raw.len()).min().unwrap_or(0);
    let names = || metric_names(&scenario).map(String::from);
    let gaps = [
        replications.gaps(names()),
        tiers.as_ref().and_then(|file| file.gaps(names())),
        groups.as_ref().and_then(|(file, _)| file.gaps(names())),
        series.file.gaps(SERIES.iter().flat_map(|c| three(c.name))),
    ];
    let absent = SERIES.iter().zip(&series.columns);
    let absent = absent.filter(|(_, three)| three.is_none());
    Ok(Loaded {
        gaps: gaps.into_iter().flatten().collect(),
        unknown: absent.map(|(column, _)| column.name).collect(),
        results: Results {
            replications: least as u64,
            interrupted: false,
            precise: None,
            events: 0,
            scenario,
            policies,
        },
    })
}

/// A part of a run.
fn part(
    name: String,
    raw: Vec<Sample>,
    series: Vec<[Estimate; SERIES.len()]>,
    scenario: &Scenario,
) -> PolicyResults {
    PolicyResults {
        name,
        raw,
        series,
        waits: Histogram::up_to(scenario.run.horizon),
        independent: false,
        waves: Waves::new(),
        tiers: Vec::new(),
        groups: Vec::new(),
        hosts: Vec::new(),
        strips: Vec::new(),
    }
}

/// `hosts.csv` and `host-load.csv`.
struct Hosts {
    told: CsvFile,
    load: CsvFile,
}

impl Hosts {
    fn read(directory: &Path) -> Result<Hosts, LoadError> {
        Ok(Hosts {
            told: CsvFile::read(directory, "hosts.csv")?,
            load: CsvFile::read(directory, "host-load.csv")?,
        })
    }

    /// The hosts of a service, under a policy.
    fn of(
        &self,
        policy: &str,
        tier: usize,
        scenario: &Scenario,
    ) -> Result<(Vec<HostResults>, Option<Strips>), LoadError> {
        let service = &scenario.services[tier];
        if service.hosts.is_none() {
            return Ok((Vec::new(), None));
        }
        let (name, run) = (scenario.tier_name(tier), &scenario.run);
        let file = &self.told;
        let mut hosts = Vec::new();
        for row in file.rows_of(&[("policy", policy), ("tier", &name)])? {
            file.expect(row, file.column("host")?, (hosts.len() + 1) as f64)?;
            let mut told = [Estimate::NONE; HOSTS.len()];
            for (own, column) in told.iter_mut().zip(HOSTS) {
                let [mean, low, high] = three(column);
                let columns = [&mean, &low, &high].map(|name| file.column(name));
                let [mean, low, high] = columns;
                *own = file.estimate(row, [mean?, low?, high?])?;
            }
            let [share, failed, busy, queue] = told;
            hosts.push(HostResults {
                share,
                failed,
                busy,
                queue,
            });
        }
        if hosts.len() != service.host_count() as usize {
            return Err(file.lacks(&format!(
                "policy `{policy}` at each of {} hosts",
                service.host_count()
            )));
        }
        let mut strips = Strips::new(service.host_count(), run.horizon.0, run.bin.0);
        let file = &self.load;
        let [at, host, attempts] = ["t_s", "host", "attempts"].map(|name| file.column(name));
        let (at, host, attempts) = (at?, host?, attempts?);
        for row in file.rows_of(&[("policy", policy), ("tier", &name)])? {
            let stretch = (file.number(row, at)? * 1e9 / strips.width as f64).round() as usize;
            let host = file.number(row, host)? as usize;
            let counts = host.checked_sub(1).and_then(|n| strips.counts.get_mut(n));
            match counts.and_then(|counts| counts.get_mut(stretch)) {
                Some(count) => *count = file.number(row, attempts)? as u32,
                None => return Err(file.at(row, "there is no such host, or time".to_string())),
            }
        }
        Ok((hosts, Some(strips)))
    }
}

/// The metrics of all replications of the rows with some texts in some columns.
fn samples(file: &CsvFile, keys: &[(&str, &str)]) -> Result<Vec<Sample>, LoadError> {
    let columns: Vec<(Column, Option<usize>)> = METRICS
        .iter()
        .map(|entry| (Column::of(entry.metric), file.find(entry.metric.name)))
        .collect();
    let rows = file.rows_of(keys)?;
    let replication = file.column("replication")?;
    let mut all = Vec::new();
    for row in rows {
        file.expect(row, replication, all.len() as f64)?;
        let mut own = [f64::NAN; METRICS.len()];
        for (own, (column, place)) in own.iter_mut().zip(&columns) {
            if let Some(place) = place {
                *own = file.signed(row, *place)?;
                file.hold(row, column, *own)?;
            }
        }
        all.push(Sample::from_values(own));
    }
    match all.is_empty() {
        true => {
            let names: Vec<String> = keys.iter().map(|(c, t)| format!("{c} `{t}`")).collect();
            Err(file.lacks(&names.join(", ")))
        }
        false => Ok(all),
    }
}

/// `timeseries.csv`, or one like it, with the places of its columns.
struct Bins {
    file: CsvFile,
    /// The columns by which rows go together.
    keys: &'static [&'static str],
    start: usize,
    columns: Vec<Option<[usize; 3]>>,
}

impl Bins {
    fn read(
        directory: &Path,
        name: &str,
        keys: &'static [&'static str],
    ) -> Result<Bins, LoadError> {
        let file = CsvFile::read(directory, name)?;
        let columns = SERIES.iter().map(|column| {
            let [mean, low, high] = three(column.name).map(|name| file.find(&name));
            Some([mean?, low?, high?])
        });
        Ok(Bins {
            keys,
            start: file.column("t_s")?,
            columns: columns.collect(),
            file,
        })
    }

    fn of(
        &self,
        names: &[&str],
        scenario: &Scenario,
        n: u64,
    ) -> Result<Vec<[Estimate; SERIES.len()]>, LoadError> {
        let mut all = Vec::new();
        let keys: Vec<(&str, &str)> = self
            .keys
            .iter()
            .copied()
            .zip(names.iter().copied())
            .collect();
        for row in self.file.rows_of(&keys)? {
            let start = all.len() as f64 * scenario.run.bin.as_secs();
            self.file.expect(row, self.start, start)?;
            let mut bin = [Estimate::NONE; SERIES.len()];
            for ((own, three), column) in bin.iter_mut().zip(&self.columns).zip(SERIES) {
                if let Some(three) = three {
                    *own = Estimate {
                        n,
                        ..self.file.estimate_of(row, *three, column.signed)?
                    };
                }
            }
            all.push(bin);
        }
        let due = scenario.run.horizon.0.div_ceil(scenario.run.bin.0) as usize;
        // Callers that are done end a run before its horizon.
        let trace = |group: &Callers| matches!(group.arrival, Arrival::Trace { .. });
        let ends = scenario.is_once() || scenario.groups.iter().all(trace);
        match all.len() > due || all.len() < due && !ends {
            true => {
                let what = names.join(", ");
                let what = format!("policy `{what}` at every one of {due} bins, and no more");
                Err(self.file.lacks(&what))
            }
            false => Ok(all),
        }
    }
}

fn latencies_of(file: &CsvFile, policy: &str, scenario: &Scenario) -> Result<Histogram, LoadError> {
    let [value, count] = [file.column("latency_ns")?, file.column("calls")?];
    let mut latency = Histogram::up_to(scenario.run.horizon);
    let mut last = -1.0;
    for row in file.of(file.column("policy")?, policy) {
        let ns = file.number(row, value)?;
        if ns <= last {
            let reason = format!("`{ns}` in `latency_ns` does not come after {last}");
            return Err(file.at(row, reason));
        }
        last = ns;
        let calls = file.number(row, count)?;
        if !latency.record_many(ns as u64, calls as u64) {
            let reason = format!("`{ns}` in `latency_ns` lies beyond the horizon");
            return Err(file.at(row, reason));
        }
    }
    Ok(latency)
}

fn waves_of(file: &CsvFile, policy: &str, scenario: &Scenario) -> Result<Waves, LoadError> {
    let stretch = Stretch::of(scenario);
    let attempts = file.columns(&WAVES)?;
    let t_s = file.column("t_s")?;
    let mut counts = Waves::new();
    for row in file.of(file.column("policy")?, policy) {
        let start = stretch.from as f64 + stretch.bin as f64 * counts.len() as f64;
        file.expect(row, t_s, start / 1e9)?;
        let mut bin = [0; WAVES.len()];
        for (own, column) in bin.iter_mut().zip(&attempts) {
            *own = file.number(row, *column)? as u32;
        }
        counts.push(bin);
    }
    match counts.len() == stretch.bins {
        true => Ok(counts),
        false => {
            let what = format!("policy `{policy}` at every one of {} bins", stretch.bins);
            Err(file.lacks(&what))
        }
    }
}
