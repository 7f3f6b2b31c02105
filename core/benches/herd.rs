//! The herd on one core: the fast path, the event engine, and the engine that anyone would
//! write.
//!
//! Runs of those that are compared take turns, so that a noisy machine disturbs them alike;
//! medians and their ratios are printed. `cargo bench` runs it, in some ten minutes;
//! `cargo bench -- --quick` takes fewer turns and leaves out what is large.

mod plain;
mod workloads;

use std::hint::black_box;
use std::time::Instant;

use herdsim_core::ensemble::herd::{Keep, run_watched};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd::Engine;
use herdsim_core::scenario::Scenario;

/// One side of a comparison: runs a replication, and says how many calls and attempts it
/// counted.
type Side<'a> = Box<dyn Fn(u64) -> [u64; 2] + 'a>;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|a| a == "--peak") {
        return peak(&arguments[place + 1]);
    }
    if arguments.iter().any(|a| a == "--only") {
        return only_h();
    }
    let quick = arguments.iter().any(|a| a == "--quick");
    let turns = if quick { 5 } else { 21 };

    println!("workload                      engine    ms/run  ns/attempt  against");
    let blip = |policy, scale| workloads::blip(policy, scale);
    compare(
        "default, fixed",
        &blip("fixed", 1),
        Some(&plain_blip(1)),
        turns,
    );
    compare("default, full-jitter", &blip("full-jitter", 1), None, turns);
    compare("default, budget", &blip("budget", 1), None, turns);
    compare("H", &workloads::h(1), Some(&plain_h(1)), turns);
    let thinkers = workloads::thinkers(1, "gamma(shape=1,mean=1s)");
    compare(
        "H, thinkers one by one",
        &thinkers,
        Some(&plain_h(1)),
        turns,
    );
    if !quick {
        compare(
            "default, fixed, x 20",
            &blip("fixed", 20),
            Some(&plain_blip(20)),
            3,
        );
        compare("default, fixed, x 200", &blip("fixed", 200), None, 1);
        compare("H, x 200", &workloads::h(200), Some(&plain_h(200)), 1);
    }

    let pools = [1, 2].map(|threads| Workers::new(threads).expect("threads"));
    let scenario = Scenario::default();
    let mut times: [Vec<f64>; 2] = Default::default();
    for _ in 0..if quick { 1 } else { 5 } {
        for (pool, times) in pools.iter().zip(&mut times) {
            let start = Instant::now();
            black_box(run_watched(
                &scenario,
                pool,
                Keep::Everything,
                &Watch::default(),
            ));
            times.push(start.elapsed().as_secs_f64());
        }
    }
    let [one, two] = times.map(|mut times| median(&mut times));
    println!(
        "the default run: {one:.2} s on one thread, {two:.2} s on two, {:.2} x",
        one / two
    );

    if !quick {
        let million = of_a_caller("blip-200", 1_000_000);
        println!("default, fixed, x 200: {million}");
        println!("H, x 200: {}", of_a_caller("h-200", 1_000_000));
    }
}

/// Times a scenario on both engines, and the plain one where there is one.
fn compare(name: &str, scenario: &Scenario, model: Option<&plain::Model>, turns: u64) {
    let ours = |engine| -> Side<'_> {
        Box::new(move |turn| {
            let outcome = workloads::run(black_box(scenario), engine, turn + 1);
            [outcome.window.calls, outcome.window.attempts]
        })
    };
    let mut sides = vec![
        ("fast", ours(Engine::Fitting)),
        ("events", ours(Engine::Events)),
    ];
    if let Some(model) = model {
        let side: Side<'_> = Box::new(move |turn| {
            let totals = plain::run(black_box(model), turn);
            [totals.calls, totals.attempts]
        });
        sides.push(("plain", side));
    }
    let mut times = vec![Vec::new(); sides.len()];
    let mut counted = vec![[0; 2]; sides.len()];
    for turn in 0..turns {
        for (((_, side), times), counted) in sides.iter().zip(&mut times).zip(&mut counted) {
            let start = Instant::now();
            let counts = black_box(side(turn));
            times.push(start.elapsed().as_secs_f64());
            counted
                .iter_mut()
                .zip(counts)
                .for_each(|(sum, n)| *sum += n);
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    for ((engine, _), (took, [calls, attempts])) in sides.iter().zip(medians.iter().zip(&counted)) {
        let ns = took * 1e9 / (*attempts as f64 / turns as f64);
        let ratio = match *engine {
            "fast" => String::new(),
            engine => format!("fast is {:.2} x as fast as {engine}", took / medians[0]),
        };
        println!(
            "{name:<29} {engine:<7} {:>8.1}  {ns:>10.1}  {ratio}",
            took * 1e3
        );
        let like = |n: u64, m: u64| (n as f64 / m as f64 - 1.0).abs() < 0.02;
        let [our_calls, our_attempts] = counted[0];
        assert!(
            like(*calls, our_calls) && like(*attempts, our_attempts),
            "{engine} counts {calls} calls and {attempts} attempts of {name}, not {our_calls} and {our_attempts}"
        );
    }
}

fn plain_blip(scale: usize) -> plain::Model {
    plain::Model {
        callers: 5_000 * scale,
        open: true,
        gap_ns: 1e9,
        servers: 100 * scale,
        service_ns: 14e6,
        queue: 5_000 * scale,
        timeout: 250_000_000,
        backoff: 1_000_000_000,
        attempts: 6,
        crash: (10_000_000_000, 12_000_000_000),
        warmup: 2_000_000_000,
        horizon: 60_000_000_000,
    }
}

fn plain_h(scale: usize) -> plain::Model {
    plain::Model {
        open: false,
        servers: 50 * scale,
        service_ns: 5e6,
        queue: 1_000 * scale,
        timeout: 500_000_000,
        ..plain_blip(scale)
    }
}

/// H by itself, as a line that `peers/run.sh` reads.
fn only_h() {
    let scenario = workloads::h(1);
    let mut times = Vec::new();
    let mut sums = [0; 3];
    let runs = 5;
    for turn in 0..runs {
        let start = Instant::now();
        let window = workloads::run(&scenario, Engine::Fitting, turn + 1).window;
        times.push(start.elapsed().as_secs_f64());
        let counts = [window.calls, window.attempts, window.refused];
        sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
    }
    let [calls, attempts, refused] = sums.map(|sum| sum / runs);
    println!(
        "herdsim,{},{calls},{attempts},{refused}",
        median(&mut times)
    );
}

/// Runs a workload once, for its memory.
fn peak(workload: &str) {
    let (name, scale) = workload.split_once('-').expect("a workload and its scale");
    let scale = scale.parse().expect("a scale");
    let scenario = match name {
        "h" => workloads::h(scale),
        _ => workloads::blip("fixed", scale),
    };
    black_box(workloads::run(&scenario, Engine::Fitting, 1));
    println!("{}", high_water().unwrap_or(0));
}

/// What a workload takes at its peak for each of its callers, measured in a process of its
/// own, everything included.
fn of_a_caller(workload: &str, callers: u32) -> String {
    let run = std::env::current_exe().and_then(|own| {
        std::process::Command::new(own)
            .args(["--peak", workload])
            .output()
    });
    let bytes = run.ok().and_then(|out| {
        String::from_utf8_lossy(&out.stdout)
            .trim()
            .parse::<f64>()
            .ok()
    });
    match bytes {
        Some(bytes) if bytes > 0.0 => {
            format!(
                "{:.0} bytes a caller at the peak",
                bytes / f64::from(callers)
            )
        }
        _ => "memory not known here".to_string(),
    }
}

/// The most memory that this process has had, in bytes, where the system says so.
fn high_water() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kb: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kb)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
