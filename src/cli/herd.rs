//! `herdsim` and `herdsim run FILE`: options of a herd, and what is made of one.

use std::path::Path;

use clap::Args;

use crate::chart::{self, Chart};
use crate::cli::failure::Failure;
use crate::cli::options::{Common, PolicyFlags, read};
use crate::cli::run::{Desk, File, Finished};
use crate::ensemble::herd::{self, Results};
use crate::output::{csv, json, scenario_file, table, verdict};
use crate::report;
use crate::scenario::{Layers, Problem, Scenario};

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    policy: PolicyFlags,

    /// How many callers
    #[arg(long, value_name = "N", help_heading = "Callers")]
    callers: Option<String>,
    /// How many processes they share; budgets are per process
    #[arg(long, value_name = "N", help_heading = "Callers")]
    clients: Option<String>,
    /// open, closed, once, periodic or trace
    #[arg(long, value_name = "KIND", help_heading = "Callers")]
    arrival: Option<String>,
    /// Calls per caller (open), such as 1/s
    #[arg(long, value_name = "RATE", help_heading = "Callers")]
    rate: Option<String>,
    /// Pause between calls (closed), such as exp(1s)
    #[arg(long, value_name = "DIST", help_heading = "Callers")]
    think: Option<String>,
    /// When everybody calls (once)
    #[arg(long, value_name = "DURATION", help_heading = "Callers")]
    at: Option<String>,
    /// Drawn and added to that for each caller (once)
    #[arg(long, value_name = "DIST", help_heading = "Callers")]
    spread: Option<String>,

    /// How many servers
    #[arg(long, value_name = "N", help_heading = "Service")]
    servers: Option<String>,
    /// Such as exp(14ms) or gamma(shape=2,mean=14ms)
    #[arg(long, value_name = "DIST", help_heading = "Service")]
    service_time: Option<String>,
    /// How many attempts may wait
    #[arg(long, value_name = "N", help_heading = "Service")]
    queue: Option<String>,
    /// fifo, lifo, adaptive-lifo or codel
    #[arg(long, value_name = "KIND", help_heading = "Service")]
    discipline: Option<String>,
    /// Skip queued attempts whose caller has left
    #[arg(long, help_heading = "Service")]
    drop_expired: bool,
    /// What a caller that gives up takes back: none, queued, all
    #[arg(long, value_name = "KIND", help_heading = "Service")]
    cancel: Option<String>,
    /// Delay from caller to service
    #[arg(long, value_name = "DIST", help_heading = "Service")]
    network_out: Option<String>,
    /// Delay from service to caller
    #[arg(long, value_name = "DIST", help_heading = "Service")]
    network_back: Option<String>,
    /// Such as crash@10s+2s or errors(30%)@10s+5s~1s; repeat for several, `none` for none
    #[arg(long = "fault", value_name = "FAULT", help_heading = "Service")]
    faults: Vec<String>,

    /// Add runs until the main intervals are this tight, such as 2%
    #[arg(long, value_name = "SHARE", help_heading = "Run")]
    precision: Option<String>,
    /// But no more than this
    #[arg(long, value_name = "N", help_heading = "Run")]
    max_replications: Option<String>,
    /// When counting begins
    #[arg(long, value_name = "DURATION", help_heading = "Run")]
    warmup: Option<String>,
    /// When a run ends
    #[arg(long, value_name = "DURATION", help_heading = "Run")]
    horizon: Option<String>,
    /// Width of a bin of the time series
    #[arg(long, value_name = "DURATION", help_heading = "Run")]
    bin: Option<String>,

    #[command(flatten)]
    pub common: Common,
}

impl Options {
    /// A file, or nothing, under these options.
    pub fn layers(&self, file: Option<&Path>) -> Result<Layers, Failure> {
        let mut layers = Layers::default();
        if let Some(path) = file {
            layers.file(&path.display().to_string(), &read(path)?)?;
        }
        self.apply(&mut layers)?;
        Ok(layers)
    }

    fn apply(&self, layers: &mut Layers) -> Result<(), Problem> {
        self.policy.apply(layers)?;
        let single = [
            ("--callers", "callers.count", &self.callers),
            ("--clients", "callers.clients", &self.clients),
            ("--arrival", "callers.arrival", &self.arrival),
            ("--rate", "callers.rate", &self.rate),
            ("--think", "callers.think", &self.think),
            ("--at", "callers.at", &self.at),
            ("--spread", "callers.spread", &self.spread),
            ("--servers", "service.servers", &self.servers),
            ("--service-time", "service.service_time", &self.service_time),
            ("--queue", "service.queue", &self.queue),
            ("--discipline", "service.discipline", &self.discipline),
            ("--cancel", "service.cancel", &self.cancel),
            ("--network-out", "network.out", &self.network_out),
            ("--network-back", "network.back", &self.network_back),
            ("--precision", "run.precision", &self.precision),
            (
                "--max-replications",
                "run.max_replications",
                &self.max_replications,
            ),
            ("--warmup", "run.warmup", &self.warmup),
            ("--horizon", "run.horizon", &self.horizon),
            ("--bin", "run.bin", &self.bin),
        ];
        layers.flags(single)?;
        if self.drop_expired {
            layers.flag("--drop-expired", "service.drop_expired", "true")?;
        }
        layers.list_flag("--fault", "faults", &self.faults)?;
        self.common.apply(layers)
    }
}

/// Simulates a herd and puts its results together.
pub fn simulate(scenario: &Scenario, desk: &Desk<'_>) -> Result<Finished, Failure> {
    let results = herd::run(scenario, desk.pool, &desk.stop, |done, planned| {
        desk.progress(done, planned);
    });
    if results.replications == 0 {
        return Err(Failure::Interrupted);
    }
    let charts = match desk.charts {
        true => chart::herd(&results, desk.before.as_ref())?,
        false => Vec::new(),
    };
    told(results, charts)
}

/// What is told of results, simulated just now or read back.
pub fn told(results: Results, charts: Vec<Chart>) -> Result<Finished, Failure> {
    let verdict = verdict::verdict(&results);
    let mut tables = vec![
        File::csv("summary.csv", |out| csv::summary(&results, out))?,
        File::csv("replications.csv", |out| csv::replications(&results, out))?,
        File::csv("timeseries.csv", |out| csv::timeseries(&results, out))?,
        File::csv("latencies.csv", |out| csv::latencies(&results, out))?,
        File::csv("waves.csv", |out| csv::waves(&results, out))?,
    ];
    if results.scenario.services.len() > 1 {
        tables.push(File::csv("tiers.csv", |out| csv::tiers(&results, out))?);
        tables.push(File::csv("tier-replications.csv", |out| {
            csv::tier_replications(&results, out)
        })?);
    }
    Ok(Finished {
        scenario: scenario_file(&results.scenario),
        tables,
        json: json::result(&results),
        text: format!("{}\n{}", table::wrapped(&verdict), table::text(&results)),
        markdown: format!("{verdict}\n\n{}", table::markdown(&results)),
        charts,
        story: report::herd::story(&results),
        events: results.events as f64,
        interrupted: results
            .interrupted
            .then(|| format!("{} replications", results.replications)),
        judged: Box::new(results),
    })
}
