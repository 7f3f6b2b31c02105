//! `herdsim saga`: a compensation under retries, straight from flags.

use clap::Args;
use herdsim_core::scenario::idempotency::RETENTION_PRESETS;
use herdsim_core::scenario::{Overlay, Problem};

use crate::cli::options::{Common, PolicyFlags};
use crate::run::RunError;

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
    pub fn overlay(&self) -> Result<Overlay, RunError> {
        let mut overlay = Overlay::default();
        self.apply(&mut overlay)?;
        Ok(overlay)
    }

    fn apply(&self, overlay: &mut Overlay) -> Result<(), Problem> {
        self.policy.apply_to_one(overlay)?;
        overlay.flags([
            ("--request-loss", "saga.request_loss", &self.request_loss),
            ("--response-loss", "saga.response_loss", &self.response_loss),
            ("--crash", "saga.crash", &self.crash),
            ("--execution", "saga.execution", &self.execution),
            ("--retention", "saga.retention", &self.retention),
            ("--preset", "saga.retention", &self.preset),
            ("--amount", "saga.amount", &self.amount),
            ("--compensations", "saga.compensations", &self.compensations),
        ])?;
        overlay.list_flag("--key", "saga.keys", &self.keys)?;
        self.common.apply(overlay)
    }
}
