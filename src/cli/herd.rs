//! `herdsim` and `herdsim run FILE`: options of a herd, and what is made of one.

use std::path::Path;

use clap::Args;
use herdsim_core::scenario::{Overlay, Problem, Scenario};

use crate::cli::options::{Common, PolicyFlags};
use crate::judge::settings;
use crate::run::{RunError, read};

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

    /// How many hosts, each with its own servers and queue
    #[arg(long, value_name = "N", help_heading = "Service")]
    hosts: Option<String>,
    /// Which of them an attempt goes to: random, round-robin, least(2), least or sticky
    #[arg(long, value_name = "BALANCE", help_heading = "Service")]
    balance: Option<String>,
    /// How many attempts are let in, such as 20/s; others are rejected
    #[arg(long, value_name = "RATE", help_heading = "Service")]
    limit: Option<String>,
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
    /// What is done about it, such as pause(80%)@30s+10s, restart@30s or scale(1.5)@40s; repeat
    /// for several, `none` for none
    #[arg(long = "action", value_name = "ACTION", help_heading = "Service")]
    actions: Vec<String>,
    /// Without a row of each policy in which nothing is done
    #[arg(long, help_heading = "Service")]
    no_action_row: bool,

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
    /// How long before the end the last judged call starts, by default as long as one may last
    #[arg(long, value_name = "DURATION", help_heading = "Run")]
    cooldown: Option<String>,
    /// Width of a bin of the time series
    #[arg(long, value_name = "DURATION", help_heading = "Run")]
    bin: Option<String>,

    #[command(flatten)]
    pub common: Common,
}

impl Options {
    /// A file, or nothing, under these options.
    pub fn overlay(&self, file: Option<&Path>) -> Result<Overlay, RunError> {
        let mut overlay = Overlay::default();
        if let Some(path) = file {
            overlay.file(&path.display().to_string(), &read(path)?)?;
        }
        self.apply(&mut overlay)?;
        Ok(overlay)
    }

    fn apply(&self, overlay: &mut Overlay) -> Result<(), Problem> {
        match overlay.is_a("saga") {
            true => self.policy.apply_to_one(overlay)?,
            false => self.policy.apply(overlay)?,
        }
        overlay.flags(self.fields())?;
        if self.drop_expired {
            overlay.flag("--drop-expired", "service.drop_expired", "true")?;
        }
        overlay.list_flag("--fault", "faults", &self.faults)?;
        overlay.list_flag("--action", "actions", &self.actions)?;
        if self.no_action_row {
            overlay.flag("--no-action-row", "no_action_row", "false")?;
        }
        self.common.apply(overlay)
    }

    /// Flags with the fields that they stand for, and what is given: (flag, path, text).
    fn fields(&self) -> [(&'static str, &'static str, &Option<String>); 23] {
        [
            ("--callers", "callers.count", &self.callers),
            ("--clients", "callers.clients", &self.clients),
            ("--arrival", "callers.arrival", &self.arrival),
            ("--rate", "callers.rate", &self.rate),
            ("--think", "callers.think", &self.think),
            ("--at", "callers.at", &self.at),
            ("--spread", "callers.spread", &self.spread),
            ("--hosts", "service.hosts", &self.hosts),
            ("--balance", "service.balance", &self.balance),
            ("--limit", "service.limit", &self.limit),
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
            ("--cooldown", "run.cooldown", &self.cooldown),
            ("--bin", "run.bin", &self.bin),
        ]
    }
}

/// What the flags of `herdsim` itself are unless they are given: (flag, default).
pub fn defaults(options: &Options) -> Vec<(&'static str, String)> {
    let scenario = settings::fields(&Scenario::default().to_toml());
    let named = |(flag, path, _): (&'static str, &str, &Option<String>)| (flag, path.to_string());
    let fields = options.fields().into_iter().map(named);
    // A run's cooldown is worked out from its policies.
    let fields = fields.filter(|(flag, _)| *flag != "--cooldown");
    let lists = [("--policy", "compare"), ("--fault", "faults")];
    let lists = lists.map(|(flag, path)| (flag, path.to_string()));
    let common = options.common.fields().into_iter().map(named);
    let all = options.policy.defaults().into_iter();
    let all = all.chain(lists).chain(fields).chain(common);
    all.filter_map(|(flag, path)| Some((flag, scenario.get(&path)?.clone())))
        .collect()
}
