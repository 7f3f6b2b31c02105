//! A policy of one's own, from a file's text and from code: the same thing.
//!
//! `cargo run --release -p herdsim-core --example custom_policy`

use herdsim_core::ensemble::{Workers, herd};
use herdsim_core::herd::{ATTEMPTS_PER_CALL, SUCCESS_RATIO};
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::policy::{Failure, RetryOn};

/// What a client with a deadline and a token bucket does; as a scenario file has it.
const FILE: &str = r#"
compare = ["ours"]
faults = ["errors(40%)@5s+5s"]

[run]
replications = 5
horizon = "30s"

[callers]
count = 500

[service]
servers = 10
queue = 500

[policy.ours]
attempts = 4
backoff = "exponential(base=50ms,multiplier=3,cap=2s)"
jitter = "proportional(30%)"
deadline = "3s"
budget = { kind = "token-bucket", capacity = 20, deposit_per_success = 0.2 }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scenario = Scenario::parse("ours.toml", FILE)?;
    // The same, but for one field: timeouts are not tried again.
    let mut narrower = scenario.clone();
    narrower.policies[0].1.retry_on = RetryOn::NOTHING
        .with(Failure::Error)
        .with(Failure::Rejected);

    let workers = Workers::new(0)?;
    for (what, scenario) in [("as written", &scenario), ("without timeouts", &narrower)] {
        let results = herd::run(scenario, &workers)?;
        let policy = &results.policies[0];
        println!(
            "{what:17} success {:.4}, attempts per call {:.3}",
            policy.metric(SUCCESS_RATIO).mean,
            policy.metric(ATTEMPTS_PER_CALL).mean
        );
    }
    println!("\nin full:\n{}", toml::to_string(&scenario.policies[0].1)?);
    Ok(())
}
