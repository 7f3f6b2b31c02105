//! Quorum results: in words, and as a table for people.

use std::collections::BTreeSet;

use herdsim_core::ensemble::quorum::{Cell, QuorumResults, STALE};
use herdsim_core::scenario::quorum::{Method, QuorumScenario};
use herdsim_core::stats::Estimate;
use herdsim_core::theory::quorum::lost_by_skew;
use herdsim_core::units::Nanos;

use crate::format::{NEVER, chance, likely, list, percent, seconds, thousands, three_digits};
use crate::text_table::{aligned, piped, wrapped};

/// Rows of a table for people; files have all.
const MOST_ROWS: usize = 25;

/// The setting with which every read is fresh and that costs least, of the same N.
fn fresh_beside<'r>(results: &'r QuorumResults<'_>, cell: &Cell) -> Option<&'r Cell> {
    let share = results.scenario.cluster.read_share.0;
    let all = results.cells.iter().chain(&results.majorities);
    all.filter(|other| other.n == cell.n && other.always_fresh)
        .min_by(|a, b| a.cost(share).total_cmp(&b.cost(share)))
}

/// What latencies are instead of others: `as long`, `1.2 ms longer`.
fn longer(before: &[f64; 3], after: &[f64; 3]) -> String {
    let by = |i: usize| match after[i] - before[i] {
        0.0 => "as long".to_string(),
        more if more < 0.0 => format!("{} less", seconds(-more)),
        more => format!("{} longer", seconds(more)),
    };
    match [by(0), by(2)] {
        [median, tail] if median == tail => median,
        [median, tail] => format!("{median} at the median and {tail} at the 99.9th percentile"),
    }
}

/// A chance in a sentence: what is next to nothing is none in practice.
fn of_reads(e: Estimate) -> String {
    match e.mean {
        0.0 if e.high == 0.0 => "none".to_string(),
        p if p > 0.0 && p < NEVER => format!("none in practice ({})", chance(p)),
        _ => likely(e),
    }
}

/// A t in words.
fn later(t: f64) -> String {
    match t {
        0.0 => "right after the write".to_string(),
        t => format!("{} after it", seconds(t)),
    }
}

/// How far the ends of an interval may be from a time that stands alone.
const CLOSE: f64 = 0.02;

/// Whether its interval is so close around a time that the time says it all.
fn is_sure([t, low, high]: &[Option<f64>; 3]) -> bool {
    match (t, low, high) {
        (Some(t), Some(low), Some(high)) => high - low <= 2.0 * CLOSE * t,
        _ => false,
    }
}

/// The interval of a time, for a table.
fn span([_, low, high]: &[Option<f64>; 3]) -> String {
    let low = seconds(low.unwrap_or(0.0));
    match high {
        Some(high) => format!("{low}–{}", seconds(*high)),
        None => format!("≥ {low}"),
    }
}

/// The second t to speak of: 10 ms where it was asked for, or one in the middle.
pub fn second(cell: &Cell) -> usize {
    cell.point_at(0.01).unwrap_or(cell.points.len() / 2)
}

/// What a setting means, in a sentence.
pub fn sentence(results: &QuorumResults<'_>, cell: &Cell) -> String {
    let name = &cell.name;
    let [read50, _, read999] = cell.read_latency.map(seconds);
    let [write50, _, write999] = cell.write_latency.map(seconds);
    if cell.always_fresh {
        return format!(
            "{name}: every read is fresh, as it meets a replica that has the write; reads take \
             {read50} at the median and {read999} at the 99.9th percentile, writes {write50} and \
             {write999}"
        );
    }
    let mut text = format!("{name}:");
    if let Some(point) = cell.points.first() {
        text += &format!(
            " {} of reads {} are stale",
            of_reads(point.best()),
            later(point.t)
        );
    }
    let second = second(cell);
    if second > 0 {
        let point = &cell.points[second];
        text += &format!("; {} later {}", seconds(point.t), of_reads(point.best()));
    }
    if let Some((level, fresh)) = cell.visibility.last()
        && let [Some(t), ..] = fresh
        && *t > 0.0
    {
        let unsure = match is_sure(fresh) {
            true => String::new(),
            false => format!(" ({})", span(fresh)),
        };
        text += &format!(
            "; {} are fresh from {}{unsure} on",
            percent(*level),
            seconds(*t)
        );
    }
    if let Some(fresh) = fresh_beside(results, cell) {
        text += &format!(
            "; R={} W={} eliminates them: reads take {}, writes {}",
            fresh.r,
            fresh.w,
            longer(&cell.read_latency, &fresh.read_latency),
            longer(&cell.write_latency, &fresh.write_latency),
        );
        let gives_up = given_up(cell, fresh);
        if !gives_up.is_empty() {
            text += &format!("; with it {}", gives_up.join("; "));
        }
    }
    text
}

/// What one setting gives up against another, apart from latency.
fn given_up(before: &Cell, after: &Cell) -> Vec<String> {
    let lost = |i: usize| {
        let tolerates = |cell: &Cell| cell.resilience[i];
        let possible = |cell: &Cell| nines(cell.available[i]);
        let mut lost = Vec::new();
        if tolerates(after) < tolerates(before) {
            lost.push(format!(
                "tolerate {} of their replicas down, not {}",
                tolerates(after),
                tolerates(before)
            ));
        }
        if after.available[i] < before.available[i] {
            lost.push(format!(
                "with each replica down {} of the time are possible {} of it, not {}",
                percent(after.down),
                possible(after),
                possible(before)
            ));
        }
        lost.join(", and ")
    };
    let mut all = match [lost(0), lost(1)] {
        [reads, writes] if reads == writes && !reads.is_empty() => {
            vec![format!("reads and writes {reads}")]
        }
        [reads, writes] => [("reads", reads), ("writes", writes)]
            .into_iter()
            .filter(|(_, lost)| !lost.is_empty())
            .map(|(what, lost)| format!("{what} {lost}"))
            .collect(),
    };
    if !after.writes_meet {
        all.push(LOST.to_string());
    }
    all
}

/// What writes that need not meet mean.
const LOST: &str = "two writes at once need not meet in a replica";

/// What a setting is worth apart from latency.
fn worth(cell: &Cell) -> String {
    let [reads, writes] = cell.resilience;
    let mut text = format!(
        "it tolerates {reads} replicas down in reads and {writes} in writes, which with each \
         replica down {} of the time are possible {} and {} of it",
        percent(cell.down),
        nines(cell.available[0]),
        nines(cell.available[1]),
    );
    if !cell.writes_meet {
        text += &format!(", and {LOST}");
    }
    text
}

/// Whether a setting keeps the promises, and by what factor it misses the one that
/// it misses most.
fn misses(results: &QuorumResults<'_>, cell: &Cell) -> f64 {
    let target = &results.scenario.target;
    let mut worst = 0.0f64;
    for promise in &target.stale {
        let p = cell.stale_at(promise.t.as_secs()).unwrap_or(Estimate::NONE);
        // An interval that reaches the limit does not keep it.
        worst = worst.max(match p.high < promise.most {
            true => 0.0,
            false => (p.high / promise.most).ln().max(1e-9),
        });
    }
    let limits = [
        (target.read_p99, cell.read_latency[1]),
        (target.write_p99, cell.write_latency[1]),
    ];
    for (limit, latency) in limits {
        if let Some(limit) = limit
            && latency > limit.as_secs()
        {
            worst = worst.max((latency / limit.as_secs()).ln().max(1e-9));
        }
    }
    worst
}

/// The promises in words.
fn promises(scenario: &QuorumScenario) -> String {
    let mut all: Vec<String> = scenario
        .target
        .stale
        .iter()
        .map(|p| format!("p_stale({}) < {}", p.t, chance(p.most)))
        .collect();
    let at_most = |what: &str, limit: Option<Nanos>| limit.map(|d| format!("{what} p99 ≤ {d}"));
    all.extend(at_most("read", scenario.target.read_p99));
    all.extend(at_most("write", scenario.target.write_p99));
    list(&all)
}

/// Which settings keep the promises, cheapest first; or the nearest.
pub fn kept(results: &QuorumResults<'_>) -> Option<String> {
    let scenario = results.scenario;
    if scenario.target.is_empty() {
        return None;
    }
    let share = scenario.cluster.read_share.0;
    let cost = |cell: &Cell| format!("{} at {}", cell.name, seconds(cell.cost(share)));
    let mut good: Vec<&Cell> = results
        .cells
        .iter()
        .filter(|cell| misses(results, cell) == 0.0)
        .collect();
    good.sort_by(|a, b| a.cost(share).total_cmp(&b.cost(share)));
    let wanted = promises(scenario);
    Some(match &good[..] {
        [] => {
            let near = |a: &&Cell, b: &&Cell| misses(results, a).total_cmp(&misses(results, b));
            match results.cells.iter().min_by(near) {
                Some(cell) => format!(
                    "No setting of {} keeps {wanted}; the nearest is {}: {} of reads stale at {}, \
                     read p99 {}, write p99 {}",
                    thousands(results.cells.len() as f64),
                    cell.name,
                    likely(
                        cell.stale_at(scenario.target.stale.first().map_or(0.0, |p| p.t.as_secs()))
                            .or(cell.points.first().map(|p| p.best()))
                            .unwrap_or(Estimate::NONE)
                    ),
                    seconds(scenario.target.stale.first().map_or(0.0, |p| p.t.as_secs())),
                    seconds(cell.read_latency[1]),
                    seconds(cell.write_latency[1]),
                ),
                None => format!("No setting keeps {wanted}"),
            }
        }
        [best, others @ ..] => {
            let rest = match others {
                [] => "no other does".to_string(),
                some => {
                    let names: Vec<String> = some.iter().take(5).map(|c| cost(c)).collect();
                    format!("then {}", names.join(", "))
                }
            };
            format!(
                "{} keeps {wanted} at the least cost, {} at p99, reads and writes by their shares; {}; {rest}",
                best.name,
                seconds(best.cost(share)),
                worth(best)
            )
        }
    })
}

/// One line that says what was found.
pub fn verdict(results: &QuorumResults<'_>) -> String {
    if let Some(kept) = kept(results) {
        return kept;
    }
    let worst = results.cells.iter().max_by(|a, b| {
        let p = |c: &Cell| c.metric(STALE).mean;
        p(a).total_cmp(&p(b))
    });
    worst.map_or(String::new(), |cell| sentence(results, cell))
}

fn first_column(results: &QuorumResults<'_>) -> String {
    match results.scenario.cluster.n[..] {
        [n] => format!("N={n}"),
        _ => "setting".to_string(),
    }
}

/// The points that a table shows, in their order: the first, and those promised or else
/// a second.
fn shown(results: &QuorumResults<'_>, cell: &Cell) -> BTreeSet<usize> {
    let promises = &results.scenario.target.stale;
    let mut all: BTreeSet<usize> = promises
        .iter()
        .filter_map(|promise| cell.point_at(promise.t.as_secs()))
        .collect();
    if promises.is_empty() {
        all.insert(second(cell));
    }
    all.insert(0);
    all
}

pub fn headers(results: &QuorumResults<'_>) -> Vec<String> {
    let at = |t: f64| match t {
        0.0 => "stale now".to_string(),
        t => format!("at {}", seconds(t)),
    };
    let mut headers = vec![first_column(results)];
    if let Some(cell) = results.cells.first() {
        let shown = shown(results, cell).into_iter();
        headers.extend(shown.map(|k| at(cell.points[k].t)));
        if let Some((level, _)) = cell.visibility.last() {
            headers.push(format!("{} fresh", percent(*level)));
        }
    }
    for (name, limit) in [
        ("read", results.scenario.target.read_p99),
        ("write", results.scenario.target.write_p99),
    ] {
        // What is promised stands in place of the median.
        headers.push(format!(
            "{name} {}",
            if limit.is_some() { "p99" } else { "p50" }
        ));
        headers.push("p99.9".to_string());
    }
    headers
}

pub fn rows(results: &QuorumResults<'_>) -> Vec<Vec<String>> {
    let row = |cell: &Cell| {
        let mut row = vec![short(results, cell)];
        let shown = shown(results, cell).into_iter();
        row.extend(shown.map(|k| likely(cell.points[k].best())));
        if let Some((_, fresh)) = cell.visibility.last() {
            row.push(match fresh[0] {
                Some(0.0) => "at once".to_string(),
                Some(t) if is_sure(fresh) => seconds(t),
                Some(_) => span(fresh),
                None if results.scenario.cluster.needs_events().is_some() => "–".to_string(),
                None => "never".to_string(),
            });
        }
        let target = &results.scenario.target;
        for (of, limit) in [
            (&cell.read_latency, target.read_p99),
            (&cell.write_latency, target.write_p99),
        ] {
            row.extend([of[usize::from(limit.is_some())], of[2]].map(seconds));
        }
        row
    };
    results.cells.iter().take(MOST_ROWS).map(row).collect()
}

/// What R + W > N and W > N/2 mean for these settings.
pub fn meanings(results: &QuorumResults<'_>) -> String {
    let names = |holds: &dyn Fn(&Cell) -> bool| -> String {
        let those: Vec<String> = results
            .cells
            .iter()
            .filter(|cell| holds(cell))
            .map(|cell| short(results, cell))
            .collect();
        match those.len() {
            0 => "none".to_string(),
            n if n == results.cells.len() => "all".to_string(),
            n if n > 6 => format!("{n} of {}", results.cells.len()),
            _ => list(&those),
        }
    };
    // With places it takes more than numbers.
    let [reads, writes] = match results.scenario.datacentres.is_some() {
        true => ["", ""],
        false => [" (R + W > N)", " (W > N/2)"],
    };
    let mut out = format!(
        "every read meets the last write{reads}: {}\n\
         two writes at once meet in a replica{writes}: {}\n",
        names(&|cell| cell.always_fresh),
        names(&|cell| cell.writes_meet),
    );
    let skew = results.scenario.cluster.clock_skew.as_secs();
    if skew > 0.0 {
        let gap = results.scenario.cluster.write_gap.as_secs();
        out += &format!(
            "last write wins by clocks off by {}: of two writes {} apart the later one is lost \
             with {}\n",
            seconds(skew),
            seconds(gap),
            chance(lost_by_skew(results.scenario))
        );
    }
    out
}

/// Availability, resilience, load, and what only simulation tells.
pub fn more_rows(results: &QuorumResults<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let cell = results.cells.first();
    let k = results.scenario.read.versions;
    let has_versions = cell.is_some_and(|c| c.versions.iter().any(|(e, _)| !e.mean.is_nan()));
    let mut headers = vec![first_column(results)];
    headers.extend(["availability r/w", "tolerates r/w", "load"].map(String::from));
    if has_versions {
        headers.push(format!("{k} missed"));
        headers.push("(PBS)".to_string());
    }
    headers.push("non-monotonic".to_string());
    let rows = results.cells.iter().take(MOST_ROWS).map(|cell| {
        let mut row = vec![
            short(results, cell),
            format!("{}/{}", nines(cell.available[0]), nines(cell.available[1])),
            format!("{}/{}", cell.resilience[0], cell.resilience[1]),
            three_digits(cell.load),
        ];
        if has_versions && let Some((missed, pbs)) = cell.versions.last() {
            row.push(likely(*missed));
            row.push(chance(*pbs));
        }
        row.push(match cell.backwards.n {
            0 if !cell.always_fresh => "–".to_string(),
            _ => likely(cell.backwards),
        });
        row
    });
    (headers, rows.collect())
}

/// An availability with all its nines: `99.9999%`.
fn nines(p: f64) -> String {
    let missing = 1.0 - p;
    if missing <= 0.0 {
        return "100%".to_string();
    }
    // More nines than that say nothing.
    if missing < 1e-9 {
        return ">99.9999999%".to_string();
    }
    let decimals = (-missing.log10()).ceil().clamp(1.0, 9.0) as usize;
    let digits = decimals.saturating_sub(1).max(1);
    let shown = format!("{:.digits$}", p * 100.0);
    match shown.starts_with("100") {
        true => format!("{:.1$}%", p * 100.0, digits + 1),
        false => format!("{shown}%"),
    }
}

/// Exact and simulated beside each other, with their distance in standard errors.
pub fn compared(results: &QuorumResults<'_>) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    if results.scenario.run.method != Method::Both {
        return None;
    }
    let headers = ["setting", "t", "exact", "simulated", "interval", "z"].map(String::from);
    let mut rows = Vec::new();
    for cell in &results.cells {
        for (k, point) in cell.points.iter().enumerate() {
            let e = point.estimate();
            let number = |p: f64| format!("{p:.4e}");
            rows.push(vec![
                cell.name.clone(),
                seconds(point.t),
                point.exact.map_or("–".to_string(), number),
                number(e.mean),
                format!("{} to {}", number(e.low), number(e.high)),
                cell.z(k).map_or("–".to_string(), |z| format!("{z:+.2}")),
            ]);
        }
    }
    Some((headers.to_vec(), rows))
}

/// How the numbers came about.
pub fn method(results: &QuorumResults<'_>) -> String {
    let error = results
        .cells
        .iter()
        .filter_map(|c| c.error)
        .fold(0.0, f64::max);
    let exact = results.cells.iter().any(|c| c.error.is_some());
    let mut parts = Vec::new();
    if exact {
        parts.push(format!(
            "stale reads by quadrature, relative error {error:.0e} by its own estimate"
        ));
    }
    if results.trials > 0 {
        parts.push(format!(
            "{} trials simulated",
            thousands(results.trials as f64)
        ));
    }
    format!("{}\n", parts.join("; "))
}

/// What the columns of [`more_rows`] are, a line each.
pub fn columns(results: &QuorumResults<'_>) -> String {
    results.cells.first().map_or(String::new(), |cell| {
        format!(
            "availability: of reads and of writes, with each replica down {}% of the time\n\
             tolerates: how many replicas may fail before reads, and writes, are impossible\n\
             load: share of operations that the busiest replica serves\n\
             non-monotonic: a client's next read does not know what its first one did\n",
            three_digits(cell.down * 100.0)
        )
    })
}

fn layout(
    results: &QuorumResults<'_>,
    table: impl Fn(&[String], &[Vec<String>]) -> String,
    wrap: impl Fn(&str) -> String,
) -> String {
    let verdict = verdict(results);
    let mut out = wrap(&verdict);
    out += &format!("\n{}\n", table(&headers(results), &rows(results)));
    let (headers, more) = more_rows(results);
    out += &format!("{}\n", table(&headers, &more));
    for line in (columns(results) + &meanings(results) + &method(results)).lines() {
        out += &wrap(line);
    }
    if results.cells.len() > MOST_ROWS {
        out += &format!(
            "{} more settings in summary.csv\n",
            results.cells.len() - MOST_ROWS
        );
    }
    if let Some((headers, rows)) = compared(results) {
        out += &format!("\n{}", table(&headers, &rows));
    }
    let others: Vec<String> = results
        .cells
        .iter()
        .map(|cell| sentence(results, cell))
        .filter(|text| *text != verdict)
        .collect();
    if !others.is_empty() && results.cells.len() <= 6 {
        out.push('\n');
        out.extend(others.iter().map(|text| wrap(text)));
    }
    out
}

/// A setting by what tells it from the others: without N where all have the same.
pub fn short(results: &QuorumResults<'_>, cell: &Cell) -> String {
    match results.scenario.cluster.n.len() {
        1 => format!("R={} W={}", cell.r, cell.w),
        _ => cell.name.clone(),
    }
}

/// What was found, for a title.
pub fn headline(results: &QuorumResults<'_>) -> String {
    let stale = |c: &&Cell| c.points[0].best().mean;
    let open = results.cells.iter().filter(|cell| !cell.always_fresh);
    let Some(cell) = open.max_by(|a, b| stale(a).total_cmp(&stale(b))) else {
        return "No read is stale: every read meets the last write".to_string();
    };
    let point = &cell.points[0];
    let when = match point.t {
        0.0 => "right after a write".to_string(),
        t => format!("{} after a write", seconds(t)),
    };
    let names = short(results, cell);
    format!(
        "With {}, {} of reads {when} are stale",
        list(&names.split(' ').collect::<Vec<_>>()),
        likely(point.best())
    )
}

/// For a terminal of 80 columns.
pub fn text(results: &QuorumResults<'_>) -> String {
    layout(results, aligned, wrapped)
}

pub fn markdown(results: &QuorumResults<'_>) -> String {
    layout(results, piped, |text| format!("{text}.\n\n"))
}
