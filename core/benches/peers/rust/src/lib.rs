//! What the peers have in common: the workload H of herdsim's benches/herd.rs, in numbers,
//! and how a peer's runs are timed.

use std::time::{Duration, Instant};

pub const CALLERS: usize = 5_000;
/// The mean of what a caller thinks between two calls.
pub const THINK: Duration = Duration::from_secs(1);
pub const SERVERS: usize = 50;
/// The mean service time.
pub const SERVICE: Duration = Duration::from_millis(5);
/// How many may wait.
pub const QUEUE: usize = 1_000;
pub const TIMEOUT: Duration = Duration::from_millis(500);
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Of one call, at most.
pub const ATTEMPTS: u32 = 6;
pub const DOWN_AT: Duration = Duration::from_secs(10);
pub const DOWN_FOR: Duration = Duration::from_secs(2);
/// Nothing is counted before.
pub const WARMUP: Duration = Duration::from_secs(2);
pub const END: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub struct Totals {
    pub calls: u64,
    pub attempts: u64,
    pub refused: u64,
}

/// Runs a peer as often as the first argument says, or once, and prints
/// `name,<seconds per run>,<calls>,<attempts>,<refused>`: the median of the times and the
/// means of the counts.
pub fn measure(name: &str, run: impl Fn(u64) -> Totals) {
    let runs: u64 = std::env::args()
        .nth(1)
        .map_or(1, |runs| runs.parse().expect("a number of runs"));
    assert!(runs > 0, "no runs");
    let mut times = Vec::new();
    let mut sums = [0; 3];
    for seed in 1..=runs {
        let start = Instant::now();
        let totals = run(seed);
        times.push(start.elapsed().as_secs_f64());
        let counts = [totals.calls, totals.attempts, totals.refused];
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let [calls, attempts, refused] = sums.map(|sum| sum / runs);
    println!("{name},{median:.4},{calls},{attempts},{refused}");
}
