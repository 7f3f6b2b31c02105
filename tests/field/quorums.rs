//! Quorums: staleness, latency, load and what a setting tolerates.

use herdsim_core::ensemble::Workers;
use herdsim_core::ensemble::quorum::{Cell, Found, run};
use herdsim_core::scenario::{Job, JobKind, Overlay};

/// The cells of a quorum.
fn cells(text: &str) -> Vec<Cell> {
    let mut overlay = Overlay::default();
    let text = format!("kind = \"quorum\"\n{text}");
    overlay.file("field.toml", &text).unwrap();
    match Job::from_overlay(&overlay, JobKind::Quorum) {
        Ok(Job::Quorum(scenario)) => run(&scenario, &Workers::new(2).unwrap()).unwrap().cells,
        other => panic!("{other:?}\n{text}"),
    }
}

fn close(what: &str, value: f64, right: f64, half_digit: f64) {
    assert!(
        (value - right).abs() <= half_digit,
        "{what}: {value}, where {right} is right"
    );
}

#[test]
fn measured_steps() {
    let steps: Vec<String> = (1..=10).chain([100]).map(|ms| format!("{ms}")).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("latency_ms\n{}\n", steps.join("\n"))).unwrap();
    let law = format!("file({})", file.path().display());
    let cells = cells(&format!(
        "[cluster]\nn = 3\nr = [1, 2]\nw = 1\n[read]\nt = [\"0s\", \"5ms\", \"50ms\"]\n\
         [latency]\nwrite_out = \"{law}\"\nack = \"{law}\"\nread_out = \"{law}\"\nreply = \"{law}\"\n"
    ));
    assert!(cells.iter().all(|cell| cell.found == Found::Exact));
    for (k, right) in [0.1347, 0.0893, 0.0880].into_iter().enumerate() {
        // The last digit given is noise.
        close("R1 W1", cells[0].points[k].best().mean, right, 1e-4);
    }
    close("R2 W1", cells[1].points[0].best().mean, 0.0127, 5e-5);
}

#[test]
fn a_production_trace() {
    // A thousand measured values and one outlier, on all four ways. P = 3 Σ c_r P(W > τ + t + r),
    // with c_r the chance that a replica replies first and was r on the way, summed over all
    // values by another program.
    let mut trace = "latency_us\n".to_string();
    for i in 0..999 {
        let p = (f64::from(i) + 0.5) / 999.0;
        trace += &format!("{}\n", (4000.0 * (p / (1.0 - p)).powf(0.45)).round());
    }
    trace += "1472000\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), trace).unwrap();
    let cells = cells(&format!(
        "[cluster]\nn = 3\nr = 1\nw = 1\n[latency]\nfit = \"file({})\"\n\
         [read]\nt = [\"0s\", \"1ms\", \"10ms\", \"50ms\", \"100ms\", \"300ms\"]\n\
         visibility = [\"99%\", \"99.8%\", \"99.9%\"]\n",
        file.path().display()
    ));
    assert_eq!(cells[0].found, Found::Exact);
    let right = [
        0.149898142529,
        0.120383990717,
        0.030081365144,
        0.003425342320,
        0.001985092841,
        0.000999996000,
    ];
    for (point, right) in cells[0].points.iter().zip(right) {
        let error = cells[0].error.unwrap();
        assert!(error < 2e-4);
        close("R1 W1", point.exact.unwrap(), right, error * right + 1e-12);
    }
    for ((level, t), right) in cells[0]
        .visibility
        .iter()
        .zip([23.411e-3, 72.552e-3, 121.15e-3])
    {
        assert_eq!(t[0], t[2]);
        close(&format!("{level}"), t[0].unwrap(), right, 2e-3 * right);
    }
}

#[test]
fn the_times_of_the_published_fits() {
    // PBS (Bailis et al. 2012), table 4, prints 1.85, 45.5, 1364 and 202 ms: those are times
    // at which .11 to .13% of reads are stale under its own fits.
    for (fit, r, right, half_digit) in [
        ("lnkd-ssd", 1, 1.968e-3, 5e-7),
        ("lnkd-disk", 1, 52.15e-3, 5e-6),
        ("ymmr", 1, 1460.4e-3, 5e-5),
        ("ymmr", 2, 218.5e-3, 5e-5),
    ] {
        let cells = cells(&format!(
            "[cluster]\nn = 3\nr = {r}\nw = 1\n[latency]\nfit = \"{fit}\"\n\
             [read]\nvisibility = [\"99.9%\"]\n"
        ));
        let (level, t) = cells[0].visibility[0];
        assert_eq!(level, 0.999);
        close(fit, t[0].unwrap(), right, half_digit);
    }
}

#[test]
fn quoracle() {
    let cells = cells("[cluster]\nn = 5\nr = 2\nw = 4\nfan_out = \"quorum\"\nread_share = 0.9\n");
    close("load", cells[0].load, 0.44, 1e-12);
    close("capacity", cells[0].capacity, 2.273, 5e-4);
}

#[test]
fn everybody_is_asked() {
    // Sent to all, every replica has all of it.
    let cells = cells("[cluster]\nn = 5\nr = 2\nw = 4\n");
    close("load", cells[0].load, 1.0, 1e-12);
}

#[test]
fn aurora() {
    let cells = cells("[cluster]\nn = 6\nr = 3\nw = 4\n");
    assert_eq!(cells[0].resilience, [3, 2]);
}

#[test]
fn redundant_reads() {
    let cells = cells("[cluster]\nn = 3\nr = [1, 2, 3]\nw = 1\n[latency]\nfit = \"ymmr\"\n");
    for (cell, right) in cells.iter().zip([5.59e-3, 32.9e-3, 219.2e-3]) {
        close(&cell.name, cell.read_latency[2], right, right * 0.002);
    }
}

#[test]
fn monotonic_reads() {
    let cells = cells(
        "[cluster]\nn = 3\nr = 1\nw = 1\n[latency]\nfit = \"lnkd-disk\"\n\
         [run]\nreplications = 400_000\n",
    );
    let backwards = cells[0].backwards;
    let error = (0.1862f64 * 0.8138 / backwards.n as f64).sqrt();
    close(
        "fresh, then stale",
        backwards.mean,
        0.1862,
        5e-5 + 4.0 * error,
    );
}

#[test]
fn sloppy() {
    let cells = cells(
        "[cluster]\nn = 3\nr = 2\nw = 2\ndown = \"10%\"\ndown_for = \"1s\"\nsloppy = true\n\
         [read]\nt = [\"2s\"]\n[run]\nreplications = 400_000\n",
    );
    assert_eq!(cells.len(), 1);
    let stale = cells[0].points[0].best();
    let error = (0.01f64 * 0.99 / stale.n as f64).sqrt();
    close("stale", stale.mean, 0.0100, 5e-5 + 4.0 * error);
    assert_eq!(cells[0].available[1], 1.0);
}
