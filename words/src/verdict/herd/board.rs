//! The policies side by side, in the four numbers that answer the scenario's question.

use herdsim_core::ensemble::herd::PolicyResults;
use herdsim_core::herd::{
    ANSWERED_RATIO, ATTEMPTS_PER_CALL, COMPLETION_S, DEGRADED_S, DOUBLE_EFFECTS, GOODPUT_PER_S,
    PEAK_AFTER_PER_S, WASTED_SERVICE_RATIO,
};
use herdsim_core::metric::Key;
use herdsim_core::scenario::Scenario;

use crate::format::{percent, seconds, thousands, three_digits};
use crate::verdict::herd::ranking::Measure;
use crate::verdict::herd::{Question, is_ill_at_end};

/// One of the four columns.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub heading: [&'static str; 2],
    pub metric: Key,
    /// The scale ends at least here.
    pub least: f64,
    /// A value to compare with, drawn across, and its name.
    pub reference: Option<(f64, &'static str)>,
    pub show: fn(f64) -> String,
}

const ANSWERED: Column = Column {
    heading: ["Answered", "share of calls"],
    metric: ANSWERED_RATIO,
    least: 1.0,
    reference: Some((1.0, "100%")),
    show: percent,
};
/// In place of that where callers wait for an answer before they call again.
const RATE: Column = Column {
    heading: ["Answered", "calls per second"],
    metric: GOODPUT_PER_S,
    least: 1.0,
    reference: None,
    show: three_digits,
};
const AMPLIFICATION: Column = Column {
    heading: ["Amplification", "attempts per call"],
    metric: ATTEMPTS_PER_CALL,
    least: 2.0,
    reference: Some((1.0, "1")),
    show: |x| format!("{x:.2}"),
};
const DEGRADED: Column = Column {
    heading: ["Degraded", "since the fault began"],
    metric: DEGRADED_S,
    least: 0.1,
    reference: None,
    show: seconds,
};
const COMPLETION: Column = Column {
    heading: ["All done", "after the first call"],
    metric: COMPLETION_S,
    least: 0.1,
    reference: None,
    show: seconds,
};
const WASTE: Column = Column {
    heading: ["Wasted work", "share of service"],
    metric: WASTED_SERVICE_RATIO,
    least: 0.1,
    reference: None,
    show: percent,
};
const PEAK: Column = Column {
    heading: ["Peak after", "attempts per second"],
    metric: PEAK_AFTER_PER_S,
    least: 1.0,
    reference: None,
    show: thousands,
};

const DOUBLES: Column = Column {
    heading: ["Double effects", "per run"],
    metric: DOUBLE_EFFECTS,
    least: 1.0,
    reference: None,
    show: thousands,
};

/// The columns that answer the scenario's question.
pub fn columns(scenario: &Scenario) -> [Column; 4] {
    let fourth = match scenario.entry().effect {
        Some(_) => DOUBLES,
        None => peak(scenario),
    };
    let third = match Question::of(scenario) {
        Question::Recovery => DEGRADED,
        Question::Completion => COMPLETION,
        Question::Waste => WASTE,
    };
    let first = match Measure::of(scenario) {
        Measure::Share => ANSWERED,
        Measure::Rate => RATE,
    };
    [first, AMPLIFICATION, third, fourth]
}

/// The column of the peak: beside the capacity of the service, where it has one and callers
/// meet no other.
fn peak(scenario: &Scenario) -> Column {
    let capacity = scenario.entry().capacity_per_s();
    let alone = scenario.services.len() == 1;
    Column {
        heading: match scenario.harm() {
            Some(_) => PEAK.heading,
            None => ["Peak", PEAK.heading[1]],
        },
        reference: (alone && capacity.is_finite()).then_some((capacity, "capacity")),
        ..PEAK
    }
}

impl Column {
    /// The value of a policy as it is written beside its bar.
    pub fn words(&self, policy: &PolicyResults) -> String {
        let mean = policy.metric(self.metric).mean;
        // Ill to the end of the run, and who knows how long.
        let longer = self.metric == DEGRADED_S && is_ill_at_end(policy);
        match longer {
            _ if mean.is_nan() => "–".to_string(),
            true => format!("≥ {}", (self.show)(mean)),
            false => (self.show)(mean),
        }
    }
}
