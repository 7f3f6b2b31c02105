//! The options of a run, and the scenario they make.
//!
//! Values are taken as text and read by the scenario's own parser, so that a
//! flag and a file field mean the same and fail the same way.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::scenario::{Layers, Problem};

#[derive(Args, Debug)]
pub struct Options {
    /// Policies to compare; the first is the baseline. Repeat, or give a comma list
    #[arg(
        long = "policy",
        short = 'p',
        value_name = "NAME",
        help_heading = "Policies"
    )]
    pub policies: Vec<String>,
    /// Most attempts per call, the first included
    #[arg(long, value_name = "N", help_heading = "Policies")]
    attempts: Option<String>,
    /// How long an attempt is waited for
    #[arg(long, value_name = "DURATION", help_heading = "Policies")]
    timeout: Option<String>,
    /// How long a whole call may take
    #[arg(long, value_name = "DURATION", help_heading = "Policies")]
    deadline: Option<String>,
    /// Which failures are retried: error, rejected, refused, reset, timeout
    #[arg(long, value_name = "KINDS", help_heading = "Policies")]
    retry_on: Vec<String>,
    /// Such as fixed(1s) or exponential(base=100ms,multiplier=2,cap=10s)
    #[arg(long, value_name = "BACKOFF", help_heading = "Policies")]
    backoff: Option<String>,
    /// Such as none, full, equal, decorrelated, proportional(20%), additive(1s)
    #[arg(long, value_name = "JITTER", help_heading = "Policies")]
    jitter: Option<String>,

    /// How many callers
    #[arg(long, value_name = "N", help_heading = "Callers")]
    callers: Option<String>,
    /// How many processes they share; budgets are per process
    #[arg(long, value_name = "N", help_heading = "Callers")]
    clients: Option<String>,
    /// open, closed or once
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
    /// fifo or lifo
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

    /// Fixes every random number
    #[arg(long, value_name = "N", help_heading = "Run")]
    seed: Option<String>,
    /// Independent runs of every policy
    #[arg(long, value_name = "N", help_heading = "Run")]
    replications: Option<String>,
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
    /// Any field of the scenario, such as service.servers=80; repeat for several
    #[arg(long = "set", value_name = "PATH=VALUE", help_heading = "Run")]
    set: Vec<String>,
    /// Threads; all cores unless said otherwise. Results do not depend on it
    #[arg(long, value_name = "N", help_heading = "Run",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Run even if the estimate of events or memory is out of reach
    #[arg(long, help_heading = "Run")]
    pub yes: bool,

    /// Where results go: a directory DIR/NAME
    #[arg(
        long,
        value_name = "DIR",
        default_value = "out",
        help_heading = "Output"
    )]
    pub out: PathBuf,
    /// Name of the run; the scenario's unless said otherwise
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    name: Option<String>,
    /// What goes to standard output
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    pub format: Format,
    /// Leave the charts out
    #[arg(long, help_heading = "Output")]
    pub no_charts: bool,
    /// A condition on a metric, such as 'budget.recovery_s < 5'; repeat for several.
    /// Exit status 3 unless all hold
    #[arg(long = "assert", value_name = "CONDITION", help_heading = "Output")]
    pub assertions: Vec<String>,
    /// No progress and no list of files
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
    /// Say what the run took
    #[arg(long, short, help_heading = "Output")]
    pub verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    Csv,
    Markdown,
}

impl Options {
    /// Lays the options over a scenario; `--set` goes on top.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), Problem> {
        let single = [
            ("--name", "name", &self.name),
            ("--attempts", "policy.*.attempts", &self.attempts),
            ("--timeout", "policy.*.timeout", &self.timeout),
            ("--deadline", "policy.*.deadline", &self.deadline),
            ("--backoff", "policy.*.backoff", &self.backoff),
            ("--jitter", "policy.*.jitter", &self.jitter),
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
            ("--seed", "run.seed", &self.seed),
            ("--replications", "run.replications", &self.replications),
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
        for (flag, path, value) in single {
            if let Some(text) = value {
                layers.flag(flag, path, text)?;
            }
        }
        if self.drop_expired {
            layers.flag("--drop-expired", "service.drop_expired", "true")?;
        }
        layers.list_flag("--policy", "compare", &self.policies)?;
        layers.list_flag("--retry-on", "policy.*.retry_on", &self.retry_on)?;
        layers.list_flag("--fault", "faults", &self.faults)?;
        for assignment in &self.set {
            layers.set(assignment)?;
        }
        Ok(())
    }
}
