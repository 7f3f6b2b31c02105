//! All charts of the default run, drawn and rasterised, on two threads and on one.
//!
//! Both take turns, so that a noisy machine disturbs them alike; medians are printed.
//! `cargo bench --bench charts`; `-- --quick` takes fewer turns.

use std::hint::black_box;
use std::time::Instant;

use herdsim::chart;
use herdsim::report::{self, Part};
use herdsim_core::ensemble::{Workers, herd};
use herdsim_core::scenario::Scenario;

fn main() {
    let quick = std::env::args().any(|a| a == "--quick");
    let turns = if quick { 5 } else { 21 };
    let pools = [1, 2].map(|threads| Workers::new(threads).expect("threads"));
    let scenario = Scenario::default();
    let results = herd::run(&scenario, &pools[1]).expect("a scenario");
    let mut times: [Vec<f64>; 4] = Default::default();
    let mut count = 0;
    for _ in 0..turns {
        let start = Instant::now();
        let charts = black_box(chart::herd(black_box(&results), None, &[], None))
            .expect("charts")
            .drawn;
        times[0].push(start.elapsed().as_secs_f64());
        count = charts.len();
        for (pool, times) in pools.iter().zip(&mut times[1..]) {
            let start = Instant::now();
            let pixels = pool.map(&charts, chart::Chart::png);
            black_box(pixels);
            times.push(start.elapsed().as_secs_f64());
        }
        let start = Instant::now();
        let story = report::herd::story(&results);
        let parts = [Part::of(charts)];
        black_box((
            report::markdown(&story, &parts),
            report::html(&story, &parts),
        ));
        times[3].push(start.elapsed().as_secs_f64());
    }
    let [drawn, one, two, documents] = times.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2] * 1e3
    });
    println!("{count} charts of the default run, medians of {turns} turns:");
    println!("  drawn as SVG       {drawn:7.1} ms");
    println!("  as PNG, 1 thread   {one:7.1} ms");
    println!(
        "  as PNG, 2 threads  {two:7.1} ms, {:.2} × as fast",
        one / two
    );
    println!("  documents          {documents:7.1} ms");
    println!("  charts in all      {:7.1} ms on 2 threads", drawn + two);
}
