//! `herdsim fence`: a paused leader, straight from flags.

use clap::Args;
use herdsim_core::scenario::{Overlay, Problem};

use crate::cli::options::Common;
use crate::run::RunError;

#[derive(Args, Debug)]
pub struct FenceOptions {
    /// A real lease: kubernetes, dynamodb, dynamodb-readme, etcd, zookeeper, consul, redisson,
    /// redlock, shedlock, kafka, hdfs, chubby
    #[arg(long, value_name = "NAME", help_heading = "Lease")]
    preset: Option<String>,
    /// Length of the lease, by the lock service's clock
    #[arg(long, value_name = "DURATION", help_heading = "Lease")]
    ttl: Option<String>,
    /// Time between renewals
    #[arg(long, value_name = "DURATION", help_heading = "Lease")]
    renew: Option<String>,
    /// From expiry to the successor's acquisition
    #[arg(long, value_name = "DIST", help_heading = "Lease")]
    takeover: Option<String>,
    /// Candidates that poll for it, in place of that: each waits a lease from its last look
    #[arg(long, value_name = "N", help_heading = "Lease")]
    candidates: Option<String>,
    /// How often they look, at least (2s); up to 2.2 times that
    #[arg(long, value_name = "DURATION", help_heading = "Lease")]
    retry: Option<String>,
    /// After how long without a renewal the leader stops by itself; what --self-check looks at
    #[arg(long, value_name = "DURATION", help_heading = "Lease")]
    renew_deadline: Option<String>,

    /// How long the leader stands still before its write, such as exp(5s)
    #[arg(long, value_name = "DIST", help_heading = "Leaders")]
    pause: Option<String>,
    /// Where in the renewal cycle it does: random or renewal
    #[arg(long, value_name = "WHEN", help_heading = "Leaders")]
    pause_at: Option<String>,
    /// Pauses per leader, for the chance per hour
    #[arg(long, value_name = "RATE", help_heading = "Leaders")]
    pause_rate: Option<String>,
    /// How much slower than true time its clock runs, such as 1%
    #[arg(long, value_name = "SHARE", help_heading = "Leaders")]
    drift: Option<String>,
    /// The leader checks its lease again, by its own clock, as it wakes
    #[arg(long, help_heading = "Leaders")]
    self_check: bool,
    /// From acquisition to the successor's first write, and between further ones
    #[arg(long, value_name = "DIST", help_heading = "Leaders")]
    first_step: Option<String>,
    /// Short for an exponential first step
    #[arg(long, value_name = "RATE", help_heading = "Leaders")]
    step_rate: Option<String>,

    /// Guards to compare: none, remember-after, check-then-write, atomic, atomic-barrier
    #[arg(long = "guard", value_name = "NAMES", help_heading = "Resource")]
    guards: Vec<String>,
    /// Between the check and the write of check-then-write
    #[arg(long, value_name = "DIST", help_heading = "Resource")]
    gap: Option<String>,
    /// From a leader to the resource
    #[arg(long, value_name = "DIST", help_heading = "Resource")]
    network: Option<String>,

    #[command(flatten)]
    pub common: Common,
}

impl FenceOptions {
    /// The scenario that these options make.
    pub fn overlay(&self) -> Result<Overlay, RunError> {
        let mut overlay = Overlay::default();
        self.apply(&mut overlay)?;
        Ok(overlay)
    }

    fn apply(&self, overlay: &mut Overlay) -> Result<(), Problem> {
        overlay.flags([
            ("--preset", "fence.preset", &self.preset),
            ("--ttl", "fence.ttl", &self.ttl),
            ("--renew", "fence.renew", &self.renew),
            ("--takeover", "fence.takeover", &self.takeover),
            ("--candidates", "fence.candidates", &self.candidates),
            ("--retry", "fence.retry", &self.retry),
            (
                "--renew-deadline",
                "fence.renew_deadline",
                &self.renew_deadline,
            ),
            ("--pause", "fence.pause", &self.pause),
            ("--pause-at", "fence.pause_at", &self.pause_at),
            ("--pause-rate", "fence.pause_rate", &self.pause_rate),
            ("--drift", "fence.drift", &self.drift),
            ("--first-step", "fence.first_step", &self.first_step),
            ("--step-rate", "fence.step_rate", &self.step_rate),
            ("--gap", "fence.gap", &self.gap),
            ("--network", "fence.network", &self.network),
        ])?;
        if self.self_check {
            overlay.flag("--self-check", "fence.self_check", "true")?;
        }
        overlay.list_flag("--guard", "fence.guards", &self.guards)?;
        self.common.apply(overlay)
    }
}
