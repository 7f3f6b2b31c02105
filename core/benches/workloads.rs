//! The workloads of the benchmarks, for herdsim and for the plain engine.

use herdsim_core::herd::{Engine, Herd, Outcome};
use herdsim_core::scenario::{Overlay, Scenario};
use herdsim_core::streams::Streams;

/// The default scenario under one of its policies, everything so many times as large.
pub fn blip(policy: &str, scale: u32) -> Scenario {
    scenario(&[
        format!("compare=['{policy}']"),
        format!("callers.count={}", 5_000 * scale),
        format!("service.servers={}", 100 * scale),
        format!("service.queue={}", 5_000 * scale),
    ])
}

/// H: closed callers, exponential thinking and service, a crash.
pub fn h(scale: u32) -> Scenario {
    thinkers(scale, "exp(1s)")
}

/// The same with think times of some law of mean 1 s.
pub fn thinkers(scale: u32, think: &str) -> Scenario {
    scenario(&[
        "callers.arrival=closed".to_string(),
        format!("callers.think={think}"),
        "service.service_time=exp(5ms)".to_string(),
        "policy.fixed.timeout=500ms".to_string(),
        "compare=['fixed']".to_string(),
        format!("callers.count={}", 5_000 * scale),
        format!("service.servers={}", 50 * scale),
        format!("service.queue={}", 1_000 * scale),
    ])
}

/// The default scenario with some fields set.
pub fn scenario(settings: &[String]) -> Scenario {
    let mut overlay = Overlay::default();
    for setting in settings {
        overlay.set(setting).expect("a field");
    }
    Scenario::from_overlay(&overlay).expect("a scenario")
}

/// One replication under the first policy.
pub fn run(scenario: &Scenario, engine: Engine, replication: u64) -> Outcome {
    let herd = Herd {
        scenario,
        policy: &scenario.policies[0].1,
        engine,
    };
    herd.replicate(Streams {
        seed: 1,
        replication,
    })
}
