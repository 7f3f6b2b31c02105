//! Options that several commands share.
//!
//! Values are taken as text and read by the scenario's own parser, so that a
//! flag and a file field mean the same and fail the same way.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::chart::theme::Theme;
use crate::judge::baseline::NOISE;
use herdsim_core::ensemble::cost::Limits;
use herdsim_core::herd::Engine;
use herdsim_core::scenario::{Node, Overlay, Problem};
use herdsim_core::units::{Bytes, Probability};

/// What a retry policy is made of.
#[derive(Args, Debug)]
pub struct PolicyFlags {
    /// Policies to compare (a saga takes one); the first is the baseline. Repeat, or give
    /// a comma list. `herdsim policies` shows those with a name
    #[arg(
        long = "policy",
        short = 'p',
        value_name = "NAME",
        help_heading = "Policies"
    )]
    pub policies: Vec<String>,
    /// Most attempts per call, the first included; or unlimited
    #[arg(long, value_name = "N", help_heading = "Policies")]
    attempts: Option<String>,
    /// How long an attempt is waited for
    #[arg(long, value_name = "DURATION", help_heading = "Policies")]
    timeout: Option<String>,
    /// How long a whole call may take
    #[arg(long, value_name = "DURATION", help_heading = "Policies")]
    deadline: Option<String>,
    /// Which failures are retried: error, rejected, refused, reset, timeout, denied
    #[arg(long, value_name = "KINDS", help_heading = "Policies")]
    retry_on: Vec<String>,
    /// Such as fixed(1s) or exponential(base=100ms,multiplier=2,cap=10s)
    #[arg(long, value_name = "BACKOFF", help_heading = "Policies")]
    backoff: Option<String>,
    /// Such as none, full, equal, decorrelated, proportional(20%), scale(1,2), additive(1s), polly
    #[arg(long, value_name = "JITTER", help_heading = "Policies")]
    jitter: Option<String>,
    /// Retries for such a share of calls, in a bucket of 10 per process, as `budget` has it; or
    /// none
    #[arg(long, value_name = "SHARE", help_heading = "Policies")]
    budget: Option<String>,
    /// A second attempt after so long without an answer; or none
    #[arg(long, value_name = "DURATION", help_heading = "Policies")]
    hedge: Option<String>,
}

/// What flags make where no policy is named, and what it starts from.
const YOURS: (&str, &str) = ("yours", "fixed");

impl PolicyFlags {
    /// Lays them over a herd: what shapes a policy alters the one that is named, or defines
    /// one more; how long callers wait goes for all.
    pub fn apply(&self, overlay: &mut Overlay) -> Result<(), Problem> {
        let named: Vec<&str> = self
            .policies
            .iter()
            .flat_map(|list| list.split(','))
            .collect();
        overlay.list_flag("--policy", "compare", &self.policies)?;
        let first = self
            .shapes()
            .into_iter()
            .find(|(_, _, text)| text.is_some());
        let retry_on = (!self.retry_on.is_empty()).then_some("--retry-on");
        let shape = first.map(|(flag, ..)| flag).or(retry_on);
        let to = match (shape, &named[..]) {
            (None, _) => "*",
            (Some(flag), []) => {
                overlay.beside(flag, YOURS.0, YOURS.1)?;
                YOURS.0
            }
            (Some(_), [one]) => one.trim(),
            (Some(flag), [one, ..]) => {
                let field = flag.trim_start_matches('-').replace('-', "_");
                return Err(Problem::new(format!(
                    "whose is `{flag}`? {} policies are named",
                    named.len()
                ))
                .help(format!(
                    "--set policy.{}.{field}=… alters one of them, --set 'policy.*.{field}=…' all",
                    one.trim()
                )));
            }
        };
        self.lay(overlay, to)
    }

    /// Lays them over a saga, which has one policy.
    pub fn apply_to_one(&self, overlay: &mut Overlay) -> Result<(), Problem> {
        overlay.list_flag("--policy", "compare", &self.policies)?;
        self.lay(overlay, "*")
    }

    fn shapes(&self) -> [(&'static str, &'static str, &Option<String>); 5] {
        [
            ("--attempts", "attempts", &self.attempts),
            ("--backoff", "backoff", &self.backoff),
            ("--jitter", "jitter", &self.jitter),
            ("--budget", "budget", &self.budget),
            ("--hedge", "hedge", &self.hedge),
        ]
    }

    /// Flags with the fields of the default scenario that they start from.
    pub fn defaults(&self) -> Vec<(&'static str, String)> {
        let of = |field: &str| format!("policy.{}.{field}", YOURS.1);
        let shapes = self.shapes().into_iter();
        let shapes = shapes.map(|(flag, field, _)| (flag, of(field)));
        let others = [
            ("--retry-on", "retry_on"),
            ("--timeout", "timeout"),
            ("--deadline", "deadline"),
        ];
        let others = others.map(|(flag, field)| (flag, of(field)));
        shapes.chain(others).collect()
    }

    fn lay(&self, overlay: &mut Overlay, policy: &str) -> Result<(), Problem> {
        for (flag, field, text) in self.shapes() {
            if let Some(text) = text {
                overlay.flag(flag, &format!("policy.\"{policy}\".{field}"), text)?;
            }
        }
        overlay.flags([
            ("--timeout", "policy.*.timeout", &self.timeout),
            ("--deadline", "policy.*.deadline", &self.deadline),
        ])?;
        let retry_on = format!("policy.\"{policy}\".retry_on");
        overlay.list_flag("--retry-on", &retry_on, &self.retry_on)
    }
}

/// What every run has: a seed, a size, a place for its results.
#[derive(Args, Debug)]
pub struct Common {
    /// Fixes every random number
    #[arg(long, value_name = "N", help_heading = "Run")]
    seed: Option<String>,
    /// Independent runs of every policy; pauses of a fence, operations of a saga
    #[arg(long, value_name = "N", help_heading = "Run")]
    replications: Option<String>,
    /// Any field of the scenario, such as service.servers=80; repeat for several
    #[arg(long = "set", value_name = "PATH=VALUE", help_heading = "Run")]
    set: Vec<String>,
    /// Threads; all cores unless said otherwise. Results do not depend on it
    #[arg(long, value_name = "N", help_heading = "Run",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// The most events that a run is begun with, by an estimate [default: 100G]
    #[arg(long, value_name = "N", help_heading = "Run")]
    max_events: Option<String>,
    /// The most memory, likewise [default: 8GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Run")]
    max_memory: Option<String>,
    /// Run whatever the estimate of events and memory is
    #[arg(long, help_heading = "Run")]
    pub yes: bool,

    /// An axis to sweep: 'service.queue=500,1000' or 'service.queue=100..10_000 log 20';
    /// repeat for several, which are crossed
    #[arg(long, value_name = "PATH=VALUES", help_heading = "Sweep")]
    pub vary: Vec<String>,
    /// Run share I of N only, such as 2/7; auto asks Slurm, AWS Batch or Kubernetes (auto/N)
    #[arg(long, value_name = "I/N", help_heading = "Sweep")]
    pub shard: Option<String>,
    /// Say how many cells there are and what they take, and stop
    #[arg(long, help_heading = "Sweep")]
    pub dry_run: bool,
    /// Write summary.parquet as well (needs a herdsim built with --features parquet)
    #[arg(long, help_heading = "Sweep")]
    pub parquet: bool,
    /// Begin anew where an unfinished sweep of the same name is in the way
    #[arg(long, help_heading = "Sweep")]
    pub restart: bool,

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
    /// Charts for a light or a dark ground; the page has both
    #[arg(long, value_enum, default_value = "light", help_heading = "Output")]
    pub theme: Ground,
    /// A condition on a metric, such as 'budget.recovery_s < 5' or 'p_stale_write < 1%';
    /// repeat for several.
    /// Exit status 3 unless all hold
    #[arg(long = "assert", value_name = "CONDITION", help_heading = "Output")]
    pub assertions: Vec<String>,
    /// Say what is better and what is worse than in an earlier result.json
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub baseline: Option<PathBuf>,
    /// With --baseline the least change worth calling better or worse: points of a share, a part
    /// of other values; 1% unless said otherwise
    #[arg(
        long,
        value_name = "SHARE",
        help_heading = "Output",
        requires = "baseline"
    )]
    noise: Option<String>,
    /// Measured series to draw over a herd's: CSV with a column of times, or the JSON of a
    /// range query of Prometheus
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Output",
        requires = "series"
    )]
    pub overlay: Option<PathBuf>,
    /// Which of them is what: offered, goodput, queue, busy, p50 or p99 = a column or a label;
    /// repeat for several
    #[arg(
        long,
        value_name = "WHAT=NAME",
        help_heading = "Output",
        requires = "overlay"
    )]
    pub series: Vec<String>,
    /// What the clock of --overlay shows as the run begins; by default its first time
    #[arg(
        long,
        value_name = "TIME",
        help_heading = "Output",
        requires = "overlay"
    )]
    pub overlay_start: Option<String>,
    /// Write what became of every --assert as JUnit XML
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub junit: Option<PathBuf>,
    /// No progress and no list of files
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
    /// Say what the run took
    #[arg(long, short, help_heading = "Output")]
    pub verbose: bool,
    /// What a herd is worked out by: `events` keeps to the event engine
    #[arg(long, value_name = "ENGINE", hide = true, default_value = "fitting")]
    pub engine: EngineName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    Fitting,
    Events,
}

impl From<EngineName> for Engine {
    fn from(name: EngineName) -> Engine {
        match name {
            EngineName::Fitting => Engine::Fitting,
            EngineName::Events => Engine::Events,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    Csv,
    Markdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ground {
    Light,
    Dark,
}

impl Ground {
    pub fn theme(self) -> Theme {
        match self {
            Ground::Light => Theme::Light,
            Ground::Dark => Theme::Dark,
        }
    }
}

impl Common {
    pub fn theme(&self) -> Theme {
        self.theme.theme()
    }

    /// How many threads to use.
    pub fn threads(&self) -> usize {
        match self.threads {
            Some(n) => usize::from(n),
            None => all_threads(),
        }
    }

    /// The most that a run may take by an estimate.
    ///
    /// # Errors
    /// A limit that cannot be meant.
    pub fn limits(&self) -> Result<Limits, Problem> {
        let mut most = Limits::default();
        if let Some(text) = &self.max_events {
            most.events = Node::from_flag("--max-events", text).read::<u64>()? as f64;
        }
        if let Some(text) = &self.max_memory {
            most.bytes = Node::from_flag("--max-memory", text).read::<Bytes>()?.0;
        }
        Ok(most)
    }

    /// The least change that is called better or worse.
    pub fn noise(&self) -> Result<f64, Problem> {
        match &self.noise {
            None => Ok(NOISE),
            Some(text) => Ok(Node::from_flag("--noise", text).read::<Probability>()?.0),
        }
    }

    /// Whether these options ask for a sweep.
    pub fn sweeps(&self) -> bool {
        !self.vary.is_empty() || self.shard.is_some() || self.dry_run
    }

    /// Flags with the fields that they stand for, and what is given: (flag, path, text).
    pub fn fields(&self) -> [(&'static str, &'static str, &Option<String>); 3] {
        [
            ("--name", "name", &self.name),
            ("--seed", "run.seed", &self.seed),
            ("--replications", "run.replications", &self.replications),
        ]
    }

    /// Lays these options over a scenario, `--set` last.
    pub fn apply(&self, overlay: &mut Overlay) -> Result<(), Problem> {
        overlay.flags(self.fields())?;
        for assignment in &self.set {
            overlay.set(assignment)?;
        }
        Ok(())
    }
}

/// As many threads as there are cores.
pub fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
