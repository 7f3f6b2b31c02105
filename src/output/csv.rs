//! The CSV files. Every mean has `_lo` and `_hi` beside it: its 95% interval.

use std::io;

use crate::ensemble::herd::{Results, metric_estimate};
use crate::ensemble::stats::Estimate;
use crate::herd::{METRICS, Metrics, SERIES, Stretch, WAVES};

pub(super) fn number(x: f64) -> String {
    if x.is_nan() {
        String::new()
    } else {
        x.to_string()
    }
}

pub(super) fn with_interval(names: &[&str]) -> impl Iterator<Item = String> {
    names
        .iter()
        .flat_map(|name| [name.to_string(), format!("{name}_lo"), format!("{name}_hi")])
}

fn estimate(e: Estimate) -> [String; 3] {
    [number(e.mean), number(e.low), number(e.high)]
}

/// A text cell that no spreadsheet takes for a formula.
pub(crate) fn text_cell(cell: &str) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell.to_string(),
    }
}

fn writer<W: io::Write>(out: W) -> csv::Writer<W> {
    csv::Writer::from_writer(out)
}

/// The columns of `summary.csv`.
pub fn summary_header() -> Vec<String> {
    let lead = ["policy", "replications"].map(String::from);
    lead.into_iter().chain(with_interval(&METRICS)).collect()
}

/// A policy's row of `summary.csv`, made of the metrics of its replications.
pub fn summary_row(policy: &str, raw: &[Metrics]) -> String {
    let lead = [text_cell(policy), raw.len().to_string()];
    let values = (0..METRICS.len()).flat_map(|i| estimate(metric_estimate(i, raw)));
    lead.into_iter().chain(values).collect::<Vec<_>>().join(",")
}

/// `summary.csv`: one row a policy.
pub fn summary(results: &Results, mut out: impl io::Write) -> io::Result<()> {
    writeln!(out, "{}", summary_header().join(","))?;
    for policy in &results.policies {
        writeln!(out, "{}", summary_row(&policy.name, &policy.raw))?;
    }
    Ok(())
}

/// `tiers.csv`: one row a policy and service of a chain. The calls of a service
/// are those of the one before it.
pub fn tiers(results: &Results, mut out: impl io::Write) -> io::Result<()> {
    let header = summary_header();
    writeln!(out, "{},tier,{}", header[0], header[1..].join(","))?;
    for policy in &results.policies {
        for (i, hop) in std::iter::once(policy).chain(&policy.deeper).enumerate() {
            // The first column of a row is the policy's name.
            let tier = text_cell(&results.scenario.tier_name(i));
            let row = summary_row(&policy.name, &hop.raw);
            let values = row.split_once(',').map_or("", |(_, values)| values);
            writeln!(out, "{},{tier},{values}", text_cell(&policy.name))?;
        }
    }
    Ok(())
}

/// `replications.csv`: every metric of every replication.
pub fn replications(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    csv.write_record(["policy", "replication"].iter().chain(&METRICS))?;
    for policy in &results.policies {
        for (i, metrics) in policy.raw.iter().enumerate() {
            let lead = [text_cell(&policy.name), i.to_string()];
            csv.write_record(lead.into_iter().chain(metrics.iter().map(|x| number(*x))))?;
        }
    }
    csv.flush()
}

/// `tier-replications.csv`: the same of the services behind the first of a chain.
pub fn tier_replications(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    csv.write_record(["policy", "tier", "replication"].iter().chain(&METRICS))?;
    for policy in &results.policies {
        for tier in &policy.deeper {
            for (i, metrics) in tier.raw.iter().enumerate() {
                let lead = [
                    text_cell(&policy.name),
                    text_cell(&tier.name),
                    i.to_string(),
                ];
                let values = metrics.iter().map(|x| number(*x));
                csv.write_record(lead.into_iter().chain(values))?;
            }
        }
    }
    csv.flush()
}

/// `latencies.csv`: how many answered calls of the counted window took up to how long,
/// three digits of it, all replications together.
pub fn latencies(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    csv.write_record(["policy", "latency_ns", "calls"])?;
    for policy in &results.policies {
        for step in policy.latency.iter_recorded() {
            let (ns, calls) = (step.value_iterated_to(), step.count_at_value());
            csv.write_record([text_cell(&policy.name), ns.to_string(), calls.to_string()])?;
        }
    }
    csv.flush()
}

/// `waves.csv`: attempts sent in the first replication around the first fault, one row
/// a policy and bin, by their number; `t_s` is the bin's start.
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
pub fn timeseries(results: &Results, out: impl io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    let header = ["policy", "t_s"].map(String::from);
    csv.write_record(header.into_iter().chain(with_interval(&SERIES)))?;
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
