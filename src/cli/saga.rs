//! `herdsim saga`: a compensation under retries, straight from flags.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::options::{Common, PolicyFlags};
use crate::cli::run::{Desk, Finished, Told, note};
use crate::ensemble::trials;
use crate::output::curves::{self, Curve};
use crate::output::figures::Figures;
use crate::output::saga::{self, HEADERS};
use crate::output::scenario_file;
use crate::output::trace::{self, Trace};
use crate::scenario::saga::{RETENTION_PRESETS, SagaScenario};
use crate::scenario::{Layers, Problem};

#[derive(Args, Debug)]
pub struct SagaOptions {
    /// How often a request is lost before it executes
    #[arg(long, value_name = "P", help_heading = "Failures")]
    request_loss: Option<String>,
    /// How often an answer is lost after it
    #[arg(long, value_name = "P", help_heading = "Failures")]
    response_loss: Option<String>,
    /// How often the receiver crashes between effect and record
    #[arg(long, value_name = "P", help_heading = "Failures")]
    crash: Option<String>,

    /// How long an execution takes
    #[arg(long, value_name = "DIST", help_heading = "Receiver")]
    execution: Option<String>,
    /// Key modes to compare: none, per-attempt, per-operation, short-retention,
    /// check-then-act, effect-then-record, record-then-effect, mismatch
    #[arg(long = "key", value_name = "NAMES", help_heading = "Receiver")]
    keys: Vec<String>,
    /// How long short-retention remembers a key: a duration, or a number of later attempts
    #[arg(long, value_name = "TIME", help_heading = "Receiver")]
    retention: Option<String>,
    /// Retention of a real receiver
    #[arg(long, value_name = "NAME", help_heading = "Receiver",
          conflicts_with = "retention",
          value_parser = clap::builder::PossibleValuesParser::new(
              RETENTION_PRESETS.map(|(name, ..)| name)))]
    preset: Option<String>,
    /// Money that one execution moves
    #[arg(long, value_name = "X", help_heading = "Receiver")]
    amount: Option<String>,
    /// Compensations of one saga
    #[arg(long, value_name = "N", help_heading = "Receiver")]
    compensations: Option<String>,

    #[command(flatten)]
    policy: PolicyFlags,
    #[command(flatten)]
    pub common: Common,
}

impl SagaOptions {
    /// The scenario that these options make.
    pub fn layers(&self) -> Result<Layers, Failure> {
        let mut layers = Layers::default();
        self.apply(&mut layers)?;
        Ok(layers)
    }

    fn apply(&self, layers: &mut Layers) -> Result<(), Problem> {
        self.policy.apply(layers)?;
        layers.flags([
            ("--request-loss", "saga.request_loss", &self.request_loss),
            ("--response-loss", "saga.response_loss", &self.response_loss),
            ("--crash", "saga.crash", &self.crash),
            ("--execution", "saga.execution", &self.execution),
            ("--retention", "saga.retention", &self.retention),
            ("--preset", "saga.retention", &self.preset),
            ("--amount", "saga.amount", &self.amount),
            ("--compensations", "saga.compensations", &self.compensations),
        ])?;
        layers.list_flag("--key", "saga.keys", &self.keys)?;
        self.common.apply(layers)
    }
}

/// Simulates operations and puts their results together.
pub fn simulate(scenario: &SagaScenario, desk: &Desk<'_>) -> Result<Finished, Failure> {
    let (tally, done) = trials::run(
        scenario,
        &scenario.run,
        desk.pool,
        &desk.stop,
        |done, planned| desk.progress(done, planned),
    );
    if done == 0 {
        return Err(Failure::Interrupted);
    }
    let figures = saga::figures(scenario, &tally, done);
    let policy = &scenario.policy[0].0;
    let first = scenario.saga.keys.iter().zip(&tally.first);
    let example = first
        .filter_map(|(mode, first)| Some(trace::doubled(policy, *mode, first.as_ref()?)))
        .next();
    if scenario.retry_layer().budget.is_some() {
        note(&format!(
            "note: the budget of {policy} is left out, as it is shared with other operations"
        ));
    }
    let curves = desk
        .charts
        .then(|| desk.pool.install(|| curves::duplicates(scenario)));
    told(scenario, figures, example, curves).finish()
}

/// What is told of compensations, simulated just now or read back.
pub fn told(
    scenario: &SagaScenario,
    figures: Figures,
    example: Option<Trace>,
    curves: Option<Vec<Curve>>,
) -> Told {
    let mut resolved = scenario.clone();
    resolved.run.replications = figures.trials;
    Told {
        scenario: scenario_file(&resolved),
        rows: saga::rows(&figures),
        headline: curves::duplicate(&figures),
        verdict: saga::verdict(scenario, &figures),
        caveat: "",
        headers: HEADERS,
        example,
        curves: curves.map(|curves| curves::of_losses(scenario, &figures, curves)),
        names: ["duplicates", "double-refund"],
        figures,
        trials: "operations",
        setting: format!("A compensation under the policy {}", scenario.policy[0].0),
    }
}
