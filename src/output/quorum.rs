//! The files that quorum settings leave beside their table, written and read back.

use std::io::{self, Write};
use std::path::Path;

use herdsim_core::ensemble::quorum::{Cell, Found, LATENCIES, Point, QuorumResults};
use herdsim_core::scenario::quorum::{Method, QuorumScenario, Wait, setting_name};
use herdsim_core::stats::Estimate;

use crate::output::csv::{self, estimate, number, three};
use crate::output::load::{self, CsvFile, LoadError};
use herdsim_words::results::{Column, Manner, Row, Table};

/// `curves.csv`: exact chances of a stale read at many t, by setting.
pub fn curves(results: &QuorumResults<'_>, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "setting,t_s,p_exact")?;
    for (cell, curve) in results.cells.iter().zip(&results.curves) {
        for (t, p) in curve {
            writeln!(out, "{},{t},{p}", cell.name)?;
        }
    }
    Ok(())
}

/// `staleness.csv`: every setting at every t.
pub fn staleness(results: &QuorumResults<'_>, mut out: impl Write) -> io::Result<()> {
    writeln!(
        out,
        "setting,n,r,w,t_s,method,p_stale,p_stale_lo,p_stale_hi,p_exact,\
         p_conditional,p_conditional_lo,p_conditional_hi,\
         p_simulated,p_simulated_lo,p_simulated_hi,\
         p_failed_visible,p_failed_visible_lo,p_failed_visible_hi,\
         p_conditional_n,p_conditional_sd,p_simulated_n,p_failed_visible_n"
    )?;
    for cell in &results.cells {
        for point in &cell.points {
            let mut fields = vec![
                cell.name.clone(),
                cell.n.to_string(),
                cell.r.to_string(),
                cell.w.to_string(),
                number(point.t),
                cell.found.name().to_string(),
            ];
            fields.extend(estimate(point.best()));
            fields.push(point.exact.map_or(String::new(), number));
            for e in [point.weighed, point.simulated, point.visible] {
                fields.extend(match e.n {
                    0 => [const { String::new() }; 3],
                    _ => estimate(e),
                });
            }
            fields.extend([
                point.weighed.n.to_string(),
                number(point.weighed.sd),
                point.simulated.n.to_string(),
                point.visible.n.to_string(),
            ]);
            writeln!(out, "{}", fields.join(","))?;
        }
    }
    Ok(())
}

/// The settings of a quorum in a directory, and what its files lack; `manner` and `columns` are those of its table.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn load<'s>(
    directory: &Path,
    scenario: &'s QuorumScenario,
    manner: &'static Manner,
    columns: &[Column],
) -> Result<(QuorumResults<'s>, Vec<String>), LoadError> {
    let mut gaps = Vec::new();
    let trials = match scenario.run.method {
        Method::Exact => 0,
        _ => scenario.run.replications,
    };
    let mut read = |name: &str, cells: Option<&[String]>| {
        let file = CsvFile::read(directory, name)?;
        gaps.extend(file.gaps(csv::header(manner, columns)));
        settings(
            &file,
            &load::table(&file, manner, columns.to_vec(), cells, Some(trials))?,
            scenario,
        )
    };
    let names: Vec<String> = scenario.settings().iter().map(setting_name).collect();
    let mut cells = read("summary.csv", Some(&names))?;
    let staleness = CsvFile::read(directory, "staleness.csv")?;
    for cell in &mut cells {
        cell.points = points(&staleness, &cell.name)?;
        if cell.points.is_empty() {
            return Err(staleness.lacks(&format!("setting `{}`", cell.name)));
        }
    }
    let mut lines = vec![Vec::new(); cells.len()];
    if directory.join("curves.csv").exists() {
        let file = CsvFile::read(directory, "curves.csv")?;
        let columns = file.columns(&["setting", "t_s", "p_exact"])?;
        for (cell, line) in cells.iter().zip(&mut lines) {
            for row in file.of(columns[0], &cell.name) {
                let point = [file.number(row, columns[1])?, file.number(row, columns[2])?];
                line.push((point[0], point[1]));
            }
        }
    }
    let majorities = match directory.join("majorities.csv").exists() {
        true => read("majorities.csv", None)?,
        false => Vec::new(),
    };
    let results = QuorumResults {
        scenario,
        cells,
        curves: lines,
        majorities,
        trials,
        interrupted: false,
    };
    Ok((results, gaps))
}

/// The rows of a table as settings, without their points.
fn settings(
    file: &CsvFile,
    table: &Table,
    scenario: &QuorumScenario,
) -> Result<Vec<Cell>, LoadError> {
    let read = &scenario.read;
    let setting = file.column(table.manner.column)?;
    for level in &read.visibility {
        file.column(&visibility_name(level.0))?;
    }
    let cell = |row: &Row| -> Result<Cell, LoadError> {
        let wrong = |column: &str, text: &str| {
            let reason = format!("`{text}` in `{column}` is not known");
            match file.of(setting, &row.name).next() {
                Some(at) => file.at(at, reason),
                None => file.lacks(&format!("setting `{}`", row.name)),
            }
        };
        let [n, r, w, method, always_fresh, writes_meet] = &row.labels[..] else {
            return Err(file.lacks("settings with these labels"));
        };
        let wait = |column, text: &String| Wait::parse(text).ok_or_else(|| wrong(column, text));
        let truth = |column, text: &String| text.parse::<bool>().map_err(|_| wrong(column, text));
        let found = [Found::Exact, Found::Conditional, Found::Simulated];
        let found = found.into_iter().find(|found| found.name() == method);
        let replicas: u32 = n.parse().map_err(|_| wrong("n", n))?;
        let estimate = |name: &str| table.estimate(&row.name, name);
        // That there are trials behind it is all that matters.
        let counted = |name: &str| {
            let e = estimate(name);
            let n = if e.mean.is_nan() { 0 } else { row.replications };
            Estimate { n, ..e }
        };
        let known = |x: f64| (!x.is_nan()).then_some(x);
        let latencies = |operation: &str| {
            LATENCIES.map(|(quantile, _)| estimate(&format!("{operation}_latency_{quantile}_s")))
        };
        let (reads, writes) = (latencies("read"), latencies("write"));
        let intervals = |of: &[Estimate; 3]| of.map(|e| [e.low, e.high]);
        let visibility = read.visibility.iter().map(|level| {
            let e = estimate(&visibility_name(level.0));
            (level.0, [e.mean, e.low, e.high].map(known))
        });
        let versions = (1..=read.versions).map(|k| {
            let pbs = estimate(&versions_pbs_name(k)).mean;
            (counted(&versions_name(k)), pbs)
        });
        Ok(Cell {
            name: row.name.clone(),
            n: replicas,
            r: wait("r", r)?,
            w: wait("w", w)?,
            found: found.ok_or_else(|| wrong("method", method))?,
            error: known(estimate("relative_error").mean),
            always_fresh: truth("always_fresh", always_fresh)?,
            writes_meet: truth("writes_meet", writes_meet)?,
            points: Vec::new(),
            visibility: visibility.collect(),
            latency_ci: [intervals(&reads), intervals(&writes)],
            read_latency: reads.map(|e| e.mean),
            write_latency: writes.map(|e| e.mean),
            versions: versions.collect(),
            backwards: counted("p_backwards"),
            failed_writes: counted("failed_writes"),
            failed_reads: counted("failed_reads"),
            available: ["available_reads", "available_writes"].map(|name| estimate(name).mean),
            down: estimate("replica_down").mean,
            resilience: {
                let own = |name: &str| match (estimate(name).mean, estimate("resilience").mean) {
                    // An older run tells the lesser of the two alone.
                    (lost, least) if lost.is_nan() => least,
                    (lost, _) => lost,
                };
                let lost = ["read_resilience", "write_resilience"].map(own);
                let sound = |lost: &f64| (0.0..=f64::from(replicas)).contains(lost);
                match lost.iter().find(|lost| !sound(lost)) {
                    Some(lost) => return Err(wrong("resilience", &lost.to_string())),
                    None => lost.map(|lost| lost as u32),
                }
            },
            load: estimate("load").mean,
            capacity: estimate("capacity").mean,
        })
    };
    table.rows.iter().map(cell).collect()
}

/// What the metrics of a level and of k versions are called.
pub fn visibility_name(level: f64) -> String {
    format!("t_visibility_{level}_s")
}

pub fn versions_name(k: u32) -> String {
    format!("k_staleness_{k}")
}

pub fn versions_pbs_name(k: u32) -> String {
    format!("k_staleness_pbs_{k}")
}

/// The points of a setting.
fn points(file: &CsvFile, setting: &str) -> Result<Vec<Point>, LoadError> {
    let estimate = |row: usize, name: &str| -> Result<Estimate, LoadError> {
        let [mean, low, high] = three(name).map(|name| file.column(&name));
        Ok(Estimate {
            n: file.number(row, file.column(&format!("{name}_n"))?)? as u64,
            ..file.estimate(row, [mean?, low?, high?])?
        })
    };
    let point = |row: usize| -> Result<Point, LoadError> {
        let exact = file.number(row, file.column("p_exact")?)?;
        Ok(Point {
            t: file.number(row, file.column("t_s")?)?,
            exact: (!exact.is_nan()).then_some(exact),
            weighed: Estimate {
                sd: file.number(row, file.column("p_conditional_sd")?)?,
                ..estimate(row, "p_conditional")?
            },
            simulated: estimate(row, "p_simulated")?,
            visible: estimate(row, "p_failed_visible")?,
        })
    };
    file.of(file.column("setting")?, setting)
        .map(point)
        .collect()
}
