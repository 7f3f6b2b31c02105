//! A sweep without a grid: how long a queue may be before retries keep it full.
//!
//! `cargo run --release -p herdsim-core --example sweep_in_a_loop`

use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::RECOVERED_RATIO;
use herdsim_core::scenario::Overlay;
use herdsim_core::scenario::Scenario;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let workers = Workers::new(0)?;
    for queue in [50, 100, 150, 200, 300, 500] {
        let mut overlay = Overlay::default();
        for field in [
            "compare=[\"fixed\"]",
            "callers.count=500",
            "service.servers=10",
            "run.replications=5",
            "run.horizon=40s",
            &format!("service.queue={queue}"),
        ] {
            overlay.set(field)?;
        }
        let scenario = Scenario::from_overlay(&overlay)?;
        // Time series are not looked at, so they are not kept.
        let results = run_watched(&scenario, &workers, Keep::Metrics, &Watch::default());
        let recovers = results.policies[0].metric(RECOVERED_RATIO);
        println!(
            "queue {queue:3}: {:3.0}% of runs recover ({:.0}% to {:.0}%)",
            100.0 * recovers.mean,
            100.0 * recovers.low,
            100.0 * recovers.high
        );
    }
    Ok(())
}
