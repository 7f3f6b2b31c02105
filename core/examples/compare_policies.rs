//! Two policies through one blip, on the same random numbers.
//!
//! `cargo run --release -p herdsim-core --example compare_policies`

use herdsim_core::ensemble::{Workers, herd};
use herdsim_core::herd::{ANSWERED_RATIO, ATTEMPTS_PER_CALL, RECOVERED_RATIO};
use herdsim_core::scenario::callers::Callers;
use herdsim_core::scenario::policy::{Backoff, Policy};
use herdsim_core::scenario::service::{Pool, Service, ServiceKind};
use herdsim_core::scenario::{Run, Scenario};
use herdsim_core::units::Nanos;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let patient = Policy {
        attempts: 2,
        backoff: Backoff::Fixed(Nanos::from_secs(5)),
        ..Policy::default()
    };
    let scenario = Scenario {
        groups: vec![Callers {
            count: 500,
            ..Callers::default()
        }],
        services: vec![Service {
            kind: ServiceKind::Queue(Pool {
                servers: 10,
                queue: 500,
                ..Pool::default()
            }),
            ..Service::default()
        }],
        policies: vec![
            ("eager".to_string(), Policy::default()),
            ("patient".to_string(), patient),
        ],
        run: Run {
            replications: 10,
            ..Run::default()
        },
        ..Scenario::default()
    };
    let results = herd::run(&scenario, &Workers::new(0)?)?;
    for policy in &results.policies {
        let [answered, attempts] = [ANSWERED_RATIO, ATTEMPTS_PER_CALL].map(|m| policy.metric(m));
        println!(
            "{:8} answers {:.3} of its calls ({:.3} to {:.3}) with {:.2} attempts a call; \
             {:.0}% of runs recover",
            policy.name,
            answered.mean,
            answered.low,
            answered.high,
            attempts.mean,
            100.0 * policy.metric(RECOVERED_RATIO).mean,
        );
    }
    let more = results.policies[1].difference(&results.policies[0], ANSWERED_RATIO);
    println!(
        "patient answers {:+.3} more ({:+.3} to {:+.3}, paired)",
        more.mean, more.low, more.high
    );
    Ok(())
}
