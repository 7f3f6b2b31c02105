//! `herdsim fence`: a paused leader, straight from flags.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::options::Common;
use crate::cli::run::{Desk, Finished, Told};
use crate::ensemble::trials;
use crate::output::curves::{self, Curve};
use crate::output::fence::{self, CAVEAT, HEADERS};
use crate::output::figures::Figures;
use crate::output::scenario_file;
use crate::output::trace::{self, Trace};
use crate::scenario::fence::FenceScenario;
use crate::scenario::{Layers, Problem};

#[derive(Args, Debug)]
pub struct FenceOptions {
    /// A real lease: kubernetes, dynamodb, etcd, kafka, hdfs, chubby
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
    pub fn layers(&self) -> Result<Layers, Failure> {
        let mut layers = Layers::default();
        self.apply(&mut layers)?;
        Ok(layers)
    }

    fn apply(&self, layers: &mut Layers) -> Result<(), Problem> {
        layers.flags([
            ("--preset", "fence.preset", &self.preset),
            ("--ttl", "fence.ttl", &self.ttl),
            ("--renew", "fence.renew", &self.renew),
            ("--takeover", "fence.takeover", &self.takeover),
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
            layers.flag("--self-check", "fence.self_check", "true")?;
        }
        layers.list_flag("--guard", "fence.guards", &self.guards)?;
        self.common.apply(layers)
    }
}

/// Simulates failovers and puts their results together.
pub fn simulate(scenario: &FenceScenario, desk: &Desk<'_>) -> Result<Finished, Failure> {
    if desk.charts && !scenario.fence.pause.mean_s().is_finite() {
        let problem = Problem::new(
            "the chart of stale writes against the mean pause needs a pause with a finite mean",
        );
        return Err(problem.help("give another pause, or --no-charts").into());
    }
    let (tally, done) = trials::run(
        &scenario.fence,
        &scenario.run,
        desk.pool,
        &desk.stop,
        |done, planned| desk.progress(done, planned),
    );
    if done == 0 {
        return Err(Failure::Interrupted);
    }
    let figures = fence::figures(scenario, &tally, done);
    let guards = &scenario.fence.guards;
    let first = guards.iter().zip(&tally.first);
    let example = first
        .filter_map(|(guard, first)| Some(trace::failover(scenario, *guard, first.as_ref()?)))
        .next();
    let curves = desk
        .charts
        .then(|| desk.pool.install(|| curves::stale_writes(scenario)));
    told(scenario, figures, example, curves).finish()
}

/// What is told of failovers, simulated just now or read back.
pub fn told(
    scenario: &FenceScenario,
    figures: Figures,
    example: Option<Trace>,
    curves: Option<Vec<Curve>>,
) -> Told {
    let mut resolved = scenario.clone();
    resolved.run.replications = figures.trials;
    Told {
        scenario: scenario_file(&resolved),
        rows: fence::rows(&figures),
        headline: curves::stale_write(&figures),
        verdict: fence::verdict(scenario, &figures),
        caveat: CAVEAT,
        headers: HEADERS,
        example,
        curves: curves.map(|curves| curves::of_pauses(scenario, &figures, curves)),
        names: ["stale-writes", "failover"],
        figures,
        trials: "pauses",
        setting: format!(
            "A leader under a lease of {}, renewed every {}, pauses for {}",
            scenario.fence.ttl, scenario.fence.renew, scenario.fence.pause
        ),
    }
}
