//! Leases, locks and the keys of operations.

use herdsim_core::scenario::{Job, JobKind, Overlay};
use herdsim_core::stats::Estimate;

use crate::finished;

/// The estimate of a metric in the only cell of a fence or saga.
fn estimates<const N: usize>(text: &str, metrics: [&str; N]) -> [Estimate; N] {
    let mut overlay = Overlay::default();
    overlay.file("field.toml", text).unwrap();
    let job = Job::from_overlay(&overlay, JobKind::Fence).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let finished = finished(&job);
    let [row] = &finished.table.rows[..] else {
        panic!("one cell, not {}", finished.table.rows.len());
    };
    metrics.map(|metric| finished.table.estimate(&row.name, metric))
}

/// The value lies within the interval, stretched to four standard errors, and half a digit.
fn near(what: &str, e: Estimate, right: f64, half_digit: f64) {
    let far = 4.0 / 1.96;
    let [low, high] = [
        e.mean - far * (e.mean - e.low),
        e.mean + far * (e.high - e.mean),
    ];
    assert!(
        low - half_digit <= right && right <= high + half_digit,
        "{what}: {e:?}, where {right} is right"
    );
    assert!(
        high - low < 0.2 * right,
        "{what}: {e:?} proves nothing of {right}"
    );
}

fn late_and_stale(what: &str, fence: &str, late: f64, stale: f64, half_digit: f64) {
    let text = format!("kind = \"fence\"\n[fence]\nguards = [\"none\"]\n{fence}\n");
    let [p_overlap, p_stale] = estimates(&text, ["p_overlap", "p_stale_write"]);
    near(&format!("{what}, late"), p_overlap, late, half_digit);
    near(&format!("{what}, stale"), p_stale, stale, half_digit);
}

#[test]
fn etcd_session() {
    // A third of the lease stays a third of it.
    late_and_stale(
        "etcd",
        "preset = \"etcd\"\nttl = \"5s\"\npause = \"exp(5s)\"",
        0.445,
        0.318_1,
        5e-4,
    );
}

#[test]
fn client_go() {
    for (candidates, stale) in [(1, 0.0238), (2, 0.0277), (3, 0.0298)] {
        let text = format!(
            "kind = \"fence\"\n[fence]\nguards = [\"none\"]\npreset = \"kubernetes\"\n\
             pause = \"exp(5s)\"\ncandidates = {candidates}\n"
        );
        let [p_stale] = estimates(&text, ["p_stale_write"]);
        near(&format!("{candidates} candidates"), p_stale, stale, 5e-5);
    }
    // The mean takeover: what a leader that never wakes in time leaves unavailable, from the
    // last renewal on, less the lease.
    for (candidates, takeover) in [(1, 3.36), (2, 2.52), (3, 2.12)] {
        let text = format!(
            "kind = \"fence\"\n[fence]\nguards = [\"none\"]\npreset = \"kubernetes\"\n\
             pause = \"1h\"\npause_at = \"renewal\"\ncandidates = {candidates}\n"
        );
        let [unavailable] = estimates(&text, ["unavailable_s"]);
        let e = Estimate {
            mean: unavailable.mean - 15.0,
            low: unavailable.low - 15.0,
            high: unavailable.high - 15.0,
            ..unavailable
        };
        near(&format!("takeover with {candidates}"), e, takeover, 0.005);
    }
}

#[test]
fn a_leader_stops_at_its_deadline_where_it_looks() {
    // A pause from the renewal on that ends between 10 and 15 s: deposed by itself, and
    // nobody has taken over.
    let text = |more: &str| {
        format!(
            "kind = \"fence\"\n[fence]\nguards = [\"none\"]\npreset = \"kubernetes\"\n\
             pause = \"12s\"\npause_at = \"renewal\"\nnetwork = \"10s\"\n{more}\n"
        )
    };
    let [late] = estimates(&text("self_check = true"), ["p_overlap"]);
    assert_eq!(late.mean, 0.0);
    let [late] = estimates(
        &text("self_check = true\nrenew_deadline = \"15s\""),
        ["p_overlap"],
    );
    assert_eq!(late.mean, 1.0);
}

#[test]
fn a_job_outlives_its_lock() {
    late_and_stale(
        "lock of 10 min",
        "preset = \"shedlock\"\npause = \"lognormal(median=2m,sigma=1)\"\ntakeover = \"5m\"\n\
         first_step = \"0s\"\nnetwork = \"0s\"",
        0.05376,
        0.02196,
        5e-6,
    );
}

#[test]
fn watchdog() {
    late_and_stale(
        "redisson",
        "preset = \"redisson\"\npause = \"mix(0.99: 0s, 0.01: exp(40s))\"\n\
         first_step = \"exp(500ms)\"\nnetwork = \"0s\"",
        0.00537,
        0.00530,
        5e-6,
    );
}

/// A key that is kept for `retention`, and a caller who tries again after each of `waits`.
fn kept(retention: &str, waits: &str, attempts: u32) -> String {
    format!(
        "kind = \"saga\"\ncompare = [\"later\"]\n\
         [saga]\nkeys = [\"short-retention\"]\nretention = \"{retention}\"\nexecution = \"100ms\"\n\
         request_loss = \"1%\"\nresponse_loss = \"5%\"\n\
         [policy.later]\nattempts = {attempts}\ntimeout = \"10s\"\nbackoff = \"table({waits})\"\n"
    )
}

#[test]
fn keys_of_a_day() {
    for retention in ["24h", "checkout", "ppro"] {
        let text = kept(retention, "1h,5h,18h,24h", 5);
        let [twice] = estimates(&text, ["p_duplicate"]);
        assert!(
            (twice.mean - 1.7730e-4).abs() < 5e-9,
            "{retention}: {twice:?}"
        );
    }
}

#[test]
fn sqs_fifo() {
    for retention in ["5m", "sqs-fifo"] {
        let text = kept(retention, "1m,5m", 3);
        let [twice] = estimates(&text, ["p_duplicate"]);
        assert!(
            (twice.mean - 0.00340585).abs() < 5e-9,
            "{retention}: {twice:?}"
        );
    }
}

#[test]
fn slow_consumer() {
    let text = "kind = \"saga\"\ncompare = [\"again\"]\n\
                [saga]\nkeys = [\"none\"]\nexecution = \"exp(20s)\"\n\
                request_loss = \"0%\"\nresponse_loss = \"0%\"\n\
                [policy.again]\nattempts = 3\ntimeout = \"30s\"\nbackoff = \"none\"\n";
    let [twice, executions] = estimates(text, ["p_duplicate", "executions_per_operation"]);
    near("twice", twice, 0.2231, 5e-5);
    near("executions", executions, 1.2729, 5e-5);
}
