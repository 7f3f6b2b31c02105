//! The files that a herd leaves beside its table, written and read back.

use std::io;
use std::path::Path;

use herdsim_core::ensemble::herd::{PolicyResults, Results, is_independent};
use herdsim_core::herd::{ATTEMPTS, JUDGED_CALLS, METRICS, SERIES, Sample, Stretch, WAVES, Waves};
use herdsim_core::histogram::Histogram;
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::callers::Arrival;
use herdsim_core::stats::Estimate;

use crate::output::csv::{estimate, number, text_cell, three};
use crate::output::load::{CsvFile, LoadError};
use crate::results::{Column, Manner};

fn writer<W: io::Write>(out: W) -> csv::Writer<W> {
    csv::Writer::from_writer(out)
}

fn metric_names() -> impl Iterator<Item = &'static str> {
    METRICS.iter().map(|entry| entry.metric.name)
}

fn values(sample: &Sample) -> impl Iterator<Item = String> {
    sample.values().iter().map(|x| number(*x))
}

/// `replications.csv`: every metric of every replication.
///
/// # Errors
/// Those of `out`.
pub fn replications(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    csv.write_record(["policy", "replication"].into_iter().chain(metric_names()))?;
    for policy in &results.policies {
        for (i, sample) in policy.raw.iter().enumerate() {
            let lead = [text_cell(&policy.name), i.to_string()];
            csv.write_record(lead.into_iter().chain(values(sample)))?;
        }
    }
    csv.flush()
}

/// `tier-replications.csv`: the same of the services behind the first of a chain.
///
/// # Errors
/// Those of `out`.
pub fn tier_replications(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    let lead = ["policy", "tier", "replication"];
    csv.write_record(lead.into_iter().chain(metric_names()))?;
    for policy in &results.policies {
        for tier in &policy.tiers {
            for (i, sample) in tier.raw.iter().enumerate() {
                let lead = [
                    text_cell(&policy.name),
                    text_cell(&tier.name),
                    i.to_string(),
                ];
                csv.write_record(lead.into_iter().chain(values(sample)))?;
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
    let mut csv = writer(out);
    let header = ["policy", "t_s"].map(String::from).into_iter();
    csv.write_record(header.chain(SERIES.iter().flat_map(|column| three(column.name))))?;
    let bin = results.scenario.run.bin.0;
    for policy in &results.policies {
        for (i, values) in policy.series.iter().enumerate() {
            let start = i as u64 * bin;
            let lead = [text_cell(&policy.name), (start as f64 / 1e9).to_string()];
            let values = values.iter().flat_map(|e| estimate(*e));
            csv.write_record(lead.into_iter().chain(values))?;
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
    let series = Bins::read(directory)?;
    let latencies = CsvFile::read(directory, "latencies.csv")?;
    let waves = CsvFile::read(directory, "waves.csv")?;
    let tiers = match scenario.services.len() {
        1 => None,
        _ => Some(read("tier-replications.csv")?),
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
            behind.push(PolicyResults {
                raw: samples(file, &[("policy", name), ("tier", &tier)])?,
                name: tier,
                series: Vec::new(),
                waits: Histogram::up_to(scenario.run.horizon),
                independent: false,
                waves: Waves::new(),
                tiers: Vec::new(),
            });
        }
        policies.push(PolicyResults {
            series: series.of(name, &scenario, raw.len() as u64)?,
            waits: latencies_of(&latencies, name, &scenario)?,
            independent: is_independent(&scenario, policy),
            waves: waves_of(&waves, name, &scenario)?,
            name: name.clone(),
            raw,
            tiers: behind,
        });
    }
    let least = policies.iter().map(|p| p.raw.len()).min().unwrap_or(0);
    let gaps = [
        replications.gaps(metric_names().map(String::from)),
        tiers
            .as_ref()
            .and_then(|file| file.gaps(metric_names().map(String::from))),
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

/// The metrics of all replications of the rows with some texts in some columns.
fn samples(file: &CsvFile, keys: &[(&str, &str)]) -> Result<Vec<Sample>, LoadError> {
    let columns: Vec<(Column, Option<usize>)> = METRICS
        .iter()
        .map(|entry| (Column::of(entry.metric), file.find(entry.metric.name)))
        .collect();
    let mut rows: Vec<usize> = (0..file.rows.len()).collect();
    for (column, text) in keys {
        let own: Vec<usize> = file.of(file.column(column)?, text).collect();
        rows.retain(|row| own.binary_search(row).is_ok());
    }
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

/// `timeseries.csv` with the places of its columns.
struct Bins {
    file: CsvFile,
    policy: usize,
    start: usize,
    columns: Vec<Option<[usize; 3]>>,
}

impl Bins {
    fn read(directory: &Path) -> Result<Bins, LoadError> {
        let file = CsvFile::read(directory, "timeseries.csv")?;
        let columns = SERIES.iter().map(|column| {
            let [mean, low, high] = three(column.name).map(|name| file.find(&name));
            Some([mean?, low?, high?])
        });
        Ok(Bins {
            policy: file.column("policy")?,
            start: file.column("t_s")?,
            columns: columns.collect(),
            file,
        })
    }

    fn of(
        &self,
        policy: &str,
        scenario: &Scenario,
        n: u64,
    ) -> Result<Vec<[Estimate; SERIES.len()]>, LoadError> {
        let mut all = Vec::new();
        for row in self.file.of(self.policy, policy) {
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
        let arrival = &scenario.callers().arrival;
        let ends = matches!(arrival, Arrival::Once { .. } | Arrival::Trace { .. });
        match all.len() > due || all.len() < due && !ends {
            true => {
                let what = format!("policy `{policy}` at every one of {due} bins, and no more");
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
