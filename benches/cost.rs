//! What an attempt costs, by the number of callers: the default scenario under `fixed`,
//! everything as many times as large, on one core.
//!
//! `cargo bench --bench cost` draws it; `-- --quick` measures the smallest only and draws
//! nothing.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use herdsim::chart::render::{self, Align, Chart, ChartError, Type};
use herdsim::chart::theme;
use herdsim_core::herd::{Engine, Herd};
use herdsim_core::scenario::{Overlay, Scenario};
use herdsim_core::streams::Streams;

/// Callers, in thousands.
const THOUSANDS: [u32; 7] = [1, 3, 10, 30, 100, 300, 1_000];
const ENGINES: [(&str, Engine); 2] = [
    ("event by event", Engine::Events),
    ("fast path", Engine::Fitting),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quick = std::env::args().any(|a| a == "--quick");
    let sizes = &THOUSANDS[..if quick { 1 } else { THOUSANDS.len() }];
    println!(
        "callers      {:>15} {:>10}, ns an attempt",
        ENGINES[0].0, ENGINES[1].0
    );
    let mut lines = [vec![], vec![]];
    for thousands in sizes {
        let scenario = blip(*thousands)?;
        for ((_, engine), line) in ENGINES.iter().zip(&mut lines) {
            line.push((
                f64::from(*thousands) * 1e3,
                cost(&scenario, *engine, *thousands),
            ));
        }
        let [events, fast] = [&lines[0], &lines[1]].map(|line| line[line.len() - 1].1);
        println!("{:>9},000 {events:>15.1} {fast:>10.1}", thousands);
    }
    if quick {
        return Ok(());
    }
    let chart = draw(&lines)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images/cost.png");
    std::fs::write(path, chart.png()?)?;
    Ok(())
}

/// The default scenario with so many thousands of callers, and all else in proportion.
fn blip(thousands: u32) -> Result<Scenario, Box<dyn std::error::Error>> {
    let mut overlay = Overlay::default();
    overlay.set("compare=['fixed']")?;
    overlay.set(&format!("callers.count={}", 1_000 * thousands))?;
    overlay.set(&format!("service.servers={}", 20 * thousands))?;
    overlay.set(&format!("service.queue={}", 1_000 * thousands))?;
    Ok(Scenario::from_overlay(&overlay)?)
}

/// Nanoseconds an attempt: the least of some runs, fewer of those that take long.
fn cost(scenario: &Scenario, engine: Engine, thousands: u32) -> f64 {
    let herd = Herd {
        scenario,
        policy: &scenario.policies[0].1,
        engine,
    };
    let runs = 1 + 30 / u64::from(thousands);
    let took = (1..=runs).map(|replication| {
        let start = Instant::now();
        let outcome = black_box(herd.replicate(Streams {
            seed: 1,
            replication,
        }));
        start.elapsed().as_secs_f64() * 1e9 / outcome.total.attempts as f64
    });
    took.fold(f64::INFINITY, f64::min)
}

/// The sheet, and the area of the plot within it.
const SHEET: (f64, f64) = (theme::WIDTH, 640.0);
const LEFT_TOP: (f64, f64) = (theme::LEFT, 140.0);
const RIGHT_BOTTOM: (f64, f64) = (1_150.0, 530.0);

/// Both engines' lines over the number of callers, which is told logarithmically.
fn draw(lines: &[Vec<(f64, f64)>; 2]) -> Result<Chart, ChartError> {
    let most = lines
        .iter()
        .flatten()
        .map(|(_, ns)| *ns)
        .fold(0.0, f64::max);
    let top = (most / 50.0).ceil() * 50.0;
    let ((left, upper), (right, lower)) = (LEFT_TOP, RIGHT_BOTTOM);
    let x = |callers: f64| left + (callers.log10() - 3.0) / 3.0 * (right - left);
    let y = |ns: f64| lower - ns / top * (lower - upper);
    let title = "What an attempt costs";
    let description = "Nanoseconds of one core for an attempt of the default scenario under \
                       `fixed`, by the number of callers, event by event and on the fast path.";
    render::draw("cost", SHEET, title, description, |canvas| {
        let subtitle = "Default scenario under fixed, all in proportion: ns of one core an attempt";
        canvas.frame(SHEET.1, &[title.to_string()], subtitle, "");
        let tick = Type::new(theme::TICK, theme::SOFT);
        for step in 0..=5 {
            let ns = top * f64::from(step) / 5.0;
            canvas.line(&[(left, y(ns)), (right, y(ns))], theme::GRID, 1.5);
            let at = (left - 12.0, y(ns) + 7.0);
            canvas.text(at, &format!("{ns:.0}"), tick.align(Align::Right));
        }
        for (callers, name) in [
            (1e3, "1,000"),
            (1e4, "10,000"),
            (1e5, "100,000"),
            (1e6, "a million"),
        ] {
            canvas.text((x(callers), lower + 32.0), name, tick.align(Align::Centre));
        }
        let middle = (left + right) / 2.0;
        canvas.text((middle, lower + 68.0), "callers", tick.align(Align::Centre));
        for (i, ((name, _), line)) in ENGINES.iter().zip(lines).enumerate() {
            let points: Vec<(f64, f64)> = line.iter().map(|(n, ns)| (x(*n), y(*ns))).collect();
            canvas.curve(&points, i);
            for point in &points {
                canvas.dot(*point, 5.0, theme::colour(i));
            }
            if let Some((end_x, end_y)) = points.last() {
                let label = Type::new(theme::LABEL, theme::colour(i)).bold();
                canvas.text((end_x + 14.0, end_y + 7.0), name, label);
            }
        }
    })
}
