//! `herdsim quorum`: what a read is worth after a write, straight from flags.

use clap::Args;
use herdsim_core::scenario::{Overlay, Problem};

use crate::cli::options::Common;
use crate::run::RunError;

/// What a setting of N, R and W has to keep.
#[derive(Args, Debug)]
pub struct Promises {
    /// A promise to keep, such as 'p_stale(10ms) < 1e-3'; repeat for several
    #[arg(long = "target", value_name = "PROMISE", help_heading = "Target")]
    targets: Vec<String>,
    /// The most that reads may take at the 99th percentile
    #[arg(long, value_name = "DURATION", help_heading = "Target")]
    read_p99: Option<String>,
    /// The most that writes may take at the 99th percentile
    #[arg(long, value_name = "DURATION", help_heading = "Target")]
    write_p99: Option<String>,
}

impl Promises {
    pub fn apply(&self, overlay: &mut Overlay) -> Result<(), Problem> {
        overlay.list_flag("--target", "target.stale", &self.targets)?;
        overlay.flags([
            ("--read-p99", "target.read_p99", &self.read_p99),
            ("--write-p99", "target.write_p99", &self.write_p99),
        ])
    }
}

#[derive(Args, Debug)]
pub struct QuorumOptions {
    /// Replicas of a key: a number, a list or a range such as 3..=7
    #[arg(long, value_name = "N", help_heading = "Quorum")]
    n: Vec<String>,
    /// Acknowledgements that a write waits for: numbers, ranges, or levels such as QUORUM
    #[arg(long, value_name = "W", help_heading = "Quorum")]
    w: Vec<String>,
    /// Replies that a read waits for, likewise
    #[arg(long, value_name = "R", help_heading = "Quorum")]
    r: Vec<String>,
    /// Which replicas a read asks: all, quorum, closest
    #[arg(long, value_name = "WHICH", help_heading = "Quorum")]
    fan_out: Option<String>,

    /// Published delays: lnkd-ssd, lnkd-disk, ymmr, ymmr-code, wan; or a law for every way
    #[arg(long, value_name = "FIT|DIST", help_heading = "Delays")]
    latency: Option<String>,
    /// From the writer to a replica
    #[arg(long, value_name = "DIST", help_heading = "Delays")]
    write_out: Option<String>,
    /// An acknowledgement's way back
    #[arg(long, value_name = "DIST", help_heading = "Delays")]
    ack: Option<String>,
    /// From the reader to a replica
    #[arg(long, value_name = "DIST", help_heading = "Delays")]
    read_out: Option<String>,
    /// A reply's way back
    #[arg(long, value_name = "DIST", help_heading = "Delays")]
    reply: Option<String>,

    /// From the commit to the start of the read: times, or a range such as
    /// '0ms..=50ms step 1ms'
    #[arg(long = "t", value_name = "TIMES", help_heading = "Reads")]
    t: Vec<String>,
    /// Shares of fresh reads to say the time of, such as 99.9%
    #[arg(long, value_name = "SHARES", help_heading = "Reads")]
    visibility: Vec<String>,

    /// Chance that a replica is down
    #[arg(long, value_name = "P", help_heading = "Cluster")]
    down: Option<String>,
    /// Chance that a replica never gets the write
    #[arg(long, value_name = "P", help_heading = "Cluster")]
    drop: Option<String>,

    #[command(flatten)]
    promises: Promises,

    /// How: auto, exact, monte-carlo, both
    #[arg(long, value_name = "HOW", help_heading = "Run")]
    method: Option<String>,
    /// Exact to 1e-8 in place of 1e-5
    #[arg(long, help_heading = "Run")]
    fine: bool,

    #[command(flatten)]
    pub common: Common,
}

impl QuorumOptions {
    /// The scenario that these options make.
    pub fn overlay(&self) -> Result<Overlay, RunError> {
        let mut overlay = Overlay::default();
        self.apply(&mut overlay)?;
        Ok(overlay)
    }

    fn apply(&self, overlay: &mut Overlay) -> Result<(), Problem> {
        overlay.list_flag("--n", "cluster.n", &self.n)?;
        overlay.list_flag("--w", "cluster.w", &self.w)?;
        overlay.list_flag("--r", "cluster.r", &self.r)?;
        overlay.list_flag("--t", "read.t", &self.t)?;
        overlay.list_flag("--visibility", "read.visibility", &self.visibility)?;
        self.promises.apply(overlay)?;
        overlay.flags([
            ("--fan-out", "cluster.fan_out", &self.fan_out),
            ("--latency", "latency.fit", &self.latency),
            ("--write-out", "latency.write_out", &self.write_out),
            ("--ack", "latency.ack", &self.ack),
            ("--read-out", "latency.read_out", &self.read_out),
            ("--reply", "latency.reply", &self.reply),
            ("--down", "cluster.down", &self.down),
            ("--drop", "cluster.drop", &self.drop),
            ("--method", "run.method", &self.method),
        ])?;
        if self.fine {
            overlay.flag("--fine", "run.fine", "true")?;
        }
        self.common.apply(overlay)
    }
}
