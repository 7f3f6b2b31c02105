//! What a read is worth right after a write, for every R and W of three replicas.
//!
//! `cargo run --release -p herdsim-core --example quorum`

use herdsim_core::ensemble::Workers;
use herdsim_core::ensemble::quorum::{READ_P99, STALE, WRITE_P99, run};
use herdsim_core::scenario::quorum::{QuorumScenario, Wait};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut scenario = QuorumScenario::default();
    scenario.cluster.n = vec![3];
    scenario.cluster.r = (1..=3).map(Wait::For).collect();
    scenario.cluster.w = (1..=3).map(Wait::For).collect();

    let results = run(&scenario, &Workers::new(0)?)?;
    println!("setting        P(stale)  read p99   write p99");
    for cell in &results.cells {
        println!(
            "{}  {:8.2e}  {:6.2} ms  {:6.2} ms",
            cell.name,
            cell.metric(STALE).mean,
            1e3 * cell.metric(READ_P99).mean,
            1e3 * cell.metric(WRITE_P99).mean
        );
    }
    Ok(())
}
