//! A run read back from its directory, number by number.

use std::path::{Path, PathBuf};

use crate::ensemble::herd::{PolicyResults, Results};
use crate::ensemble::quorum::{Cell as Setting, Found, LATENCIES, Point as Chance, QuorumResults};
use crate::ensemble::stats::Estimate;
use crate::herd::{METRICS, Metrics, SERIES, Stretch, WAVES, Waves, is_share, new_histogram};
use crate::output::curves::{self, Curve, Point};
use crate::output::figures::{Figure, Figures};
use crate::output::grid::{Atlas, header, main_metric};
use crate::output::trace::{Arrow, Bar, Event, LANES, Tone, Trace};
use crate::scenario::quorum::{Method, QuorumScenario, Wait};
use crate::scenario::service::Arrival;
use crate::scenario::sweep::Grid;
use crate::scenario::{Job, JobKind, Layers, Problem, Scenario};

/// Why a run cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("cannot read `{path}`: {reason}")]
    File { path: PathBuf, reason: String },
    #[error("`{path}`, line {line}: {reason}")]
    Line {
        path: PathBuf,
        line: u64,
        reason: String,
    },
    #[error("`{path}` {reason}")]
    Run { path: PathBuf, reason: String },
    #[error("{0}")]
    Scenario(#[from] Problem),
}

/// One CSV file, whose columns are found by name.
struct Table {
    path: PathBuf,
    header: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    fn read(directory: &Path, name: &str) -> Result<Table, RestoreError> {
        let path = directory.join(name);
        let failed = |e: csv::Error| RestoreError::File {
            path: directory.join(name),
            reason: e.to_string(),
        };
        let mut reader = csv::Reader::from_path(&path).map_err(failed)?;
        let header = reader.headers().map_err(failed)?.clone();
        let rows = reader.records().collect::<Result<_, _>>().map_err(failed)?;
        Ok(Table { path, header, rows })
    }

    fn column(&self, name: &str) -> Result<usize, RestoreError> {
        let at = self.header.iter().position(|h| h == name);
        at.ok_or_else(|| RestoreError::Line {
            path: self.path.clone(),
            line: 1,
            reason: format!("there is no column `{name}`; another version may have written it"),
        })
    }

    fn columns(&self, names: &[&str]) -> Result<Vec<usize>, RestoreError> {
        names.iter().map(|name| self.column(name)).collect()
    }

    /// What is wrong with a row.
    fn at(&self, row: usize, reason: String) -> RestoreError {
        let place = self.rows[row].position();
        RestoreError::Line {
            path: self.path.clone(),
            line: place.map_or(row as u64 + 2, |p| p.line()),
            reason,
        }
    }

    fn lacks(&self, what: &str) -> RestoreError {
        RestoreError::Run {
            path: self.path.clone(),
            reason: format!("has no row of {what}"),
        }
    }

    /// A number, NaN where there is none.
    fn signed(&self, row: usize, column: usize) -> Result<f64, RestoreError> {
        let text = self.rows[row].get(column).unwrap_or("");
        if text.is_empty() {
            return Ok(f64::NAN);
        }
        let number = text.parse().ok().filter(|x: &f64| x.is_finite());
        number.ok_or_else(|| {
            let reason = format!("`{text}` in `{}` is no number", &self.header[column]);
            self.at(row, reason)
        })
    }

    /// The same of what is never negative: next to everything.
    fn number(&self, row: usize, column: usize) -> Result<f64, RestoreError> {
        let x = self.signed(row, column)?;
        match x < 0.0 {
            true => {
                let reason = format!("`{x}` in `{}` is negative", &self.header[column]);
                Err(self.at(row, reason))
            }
            false => Ok(x),
        }
    }

    /// Holds a row to the number that it must have in a column.
    fn expect(&self, row: usize, column: usize, expected: f64) -> Result<(), RestoreError> {
        let x = self.number(row, column)?;
        match (x - expected).abs() <= 1e-9 * expected.abs().max(1.0) {
            true => Ok(()),
            false => {
                let name = &self.header[column];
                Err(self.at(
                    row,
                    format!("`{x}` in `{name}`, where {expected} should be"),
                ))
            }
        }
    }

    /// A mean with its interval, from three columns.
    fn estimate(&self, row: usize, three: &[usize]) -> Result<Estimate, RestoreError> {
        Ok(Estimate {
            mean: self.number(row, three[0])?,
            low: self.number(row, three[1])?,
            high: self.number(row, three[2])?,
            n: 0,
            sd: f64::NAN,
        })
    }

    /// The rows that have a text in a column.
    fn of<'t>(&'t self, column: usize, text: &'t str) -> impl Iterator<Item = usize> + 't {
        let own = move |cell: &str| plain(cell) == text;
        (0..self.rows.len()).filter(move |i| self.rows[*i].get(column).is_some_and(own))
    }

    /// The metrics of all replications of the rows with some texts in some columns.
    fn metrics(&self, keys: &[(&str, &str)]) -> Result<Vec<Metrics>, RestoreError> {
        let columns = self.columns(&METRICS)?;
        let mut rows: Vec<usize> = (0..self.rows.len()).collect();
        for (column, text) in keys {
            let own: Vec<usize> = self.of(self.column(column)?, text).collect();
            rows.retain(|row| own.binary_search(row).is_ok());
        }
        let replication = self.column("replication")?;
        let mut all = Vec::new();
        for row in rows {
            self.expect(row, replication, all.len() as f64)?;
            let mut own = [f64::NAN; METRICS.len()];
            for (i, (own, column)) in own.iter_mut().zip(&columns).enumerate() {
                *own = self.number(row, *column)?;
                if is_share(METRICS[i]) && *own > 1.0 {
                    let reason = format!("`{own}` in `{}` is above 1", METRICS[i]);
                    return Err(self.at(row, reason));
                }
            }
            all.push(own);
        }
        match all.is_empty() {
            true => {
                let names: Vec<String> = keys.iter().map(|(c, t)| format!("{c} `{t}`")).collect();
                Err(self.lacks(&names.join(", ")))
            }
            false => Ok(all),
        }
    }
}

/// What a directory says it holds.
///
/// # Errors
/// A scenario that is missing or cannot be meant.
pub fn layers(directory: &Path) -> Result<Layers, RestoreError> {
    let path = directory.join("scenario.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| RestoreError::File {
        path: path.clone(),
        reason: e.to_string(),
    })?;
    let mut layers = Layers::default();
    layers.file(&path.display().to_string(), &text)?;
    Ok(layers)
}

/// The results of the herd in a directory.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn herd(directory: &Path, scenario: Scenario) -> Result<Results, RestoreError> {
    let replications = Table::read(directory, "replications.csv")?;
    let series = Table::read(directory, "timeseries.csv")?;
    let latencies = Table::read(directory, "latencies.csv")?;
    let waves = Table::read(directory, "waves.csv")?;
    let tiers = match scenario.services.len() {
        1 => None,
        _ => Some(Table::read(directory, "tier-replications.csv")?),
    };
    let names: Vec<[String; 3]> = SERIES
        .iter()
        .map(|name| [name.to_string(), format!("{name}_lo"), format!("{name}_hi")])
        .collect();
    let bins: Vec<Vec<usize>> = names
        .iter()
        .map(|three| series.columns(&three.each_ref().map(String::as_str)))
        .collect::<Result<_, _>>()?;
    let policy_columns = [
        series.column("policy")?,
        latencies.column("policy")?,
        waves.column("policy")?,
    ];
    let starts = [series.column("t_s")?, waves.column("t_s")?];
    let stretch = Stretch::of(&scenario);
    let attempts = waves.columns(&WAVES)?;
    let [value, count] = [latencies.column("latency_ns")?, latencies.column("calls")?];
    let mut policies = Vec::new();
    for (name, _) in &scenario.policies {
        let raw = replications.metrics(&[("policy", name)])?;
        let mut all = Vec::new();
        for row in series.of(policy_columns[0], name) {
            series.expect(
                row,
                starts[0],
                all.len() as f64 * scenario.run.bin.as_secs(),
            )?;
            let mut bin = [Estimate::NONE; SERIES.len()];
            for (own, three) in bin.iter_mut().zip(&bins) {
                *own = Estimate {
                    n: raw.len() as u64,
                    ..series.estimate(row, three)?
                };
            }
            all.push(bin);
        }
        let bins_due = scenario.run.horizon.0.div_ceil(scenario.run.bin.0) as usize;
        // Callers that are done end a run before its horizon.
        let arrival = &scenario.callers.arrival;
        let ends = matches!(arrival, Arrival::Once { .. } | Arrival::Trace { .. });
        if all.len() > bins_due || all.len() < bins_due && !ends {
            let what = format!("policy `{name}` at every one of {bins_due} bins, and no more");
            return Err(series.lacks(&what));
        }
        let mut latency = new_histogram(scenario.run.horizon);
        let mut last = -1.0;
        for row in latencies.of(policy_columns[1], name) {
            let ns = latencies.number(row, value)?;
            if ns <= last {
                let reason = format!("`{ns}` in `latency_ns` does not come after {last}");
                return Err(latencies.at(row, reason));
            }
            last = ns;
            let calls = latencies.number(row, count)?;
            let recorded = latency.record_n(ns as u64, calls as u64);
            recorded.map_err(|e| RestoreError::Run {
                path: latencies.path.clone(),
                reason: format!("holds a latency beyond the horizon: {e}"),
            })?;
        }
        let mut counts = Waves::new();
        for row in waves.of(policy_columns[2], name) {
            let start = stretch.from as f64 + stretch.bin as f64 * counts.len() as f64;
            waves.expect(row, starts[1], start / 1e9)?;
            let mut bin = [0; WAVES.len()];
            for (own, column) in bin.iter_mut().zip(&attempts) {
                *own = waves.number(row, *column)? as u32;
            }
            counts.push(bin);
        }
        if counts.len() != stretch.bins {
            let what = format!("policy `{name}` at every one of {} bins", stretch.bins);
            return Err(waves.lacks(&what));
        }
        let mut deeper = Vec::new();
        for tier in 1..scenario.services.len() {
            let Some(table) = &tiers else { break };
            let tier = scenario.tier_name(tier);
            deeper.push(PolicyResults {
                raw: table.metrics(&[("policy", name), ("tier", &tier)])?,
                name: tier,
                series: Vec::new(),
                latency: new_histogram(scenario.run.horizon),
                waves: Waves::new(),
                deeper: Vec::new(),
            });
        }
        policies.push(PolicyResults {
            name: name.clone(),
            raw,
            series: all,
            latency,
            waves: counts,
            deeper,
        });
    }
    let least = policies.iter().map(|p| p.raw.len()).min().unwrap_or(0);
    Ok(Results {
        replications: least as u64,
        interrupted: false,
        events: 0,
        scenario,
        policies,
    })
}

/// What trials left in a directory: figures, curves and an example, as they are there.
pub struct Tried {
    pub figures: Figures,
    pub curves: Option<Vec<Curve>>,
    pub example: Option<Trace>,
}

/// The figures of a directory; `like` says which cells and metrics there are to be.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn trials(directory: &Path, like: Figures) -> Result<Tried, RestoreError> {
    let table = Table::read(directory, "summary.csv")?;
    let lead = table.column(like.lead)?;
    let count = table.column("replications")?;
    let mut figures = like;
    for (i, cell) in figures.cells.iter_mut().enumerate() {
        let row = table.of(lead, cell.name).next();
        let row = row.ok_or_else(|| table.lacks(&format!("{} `{}`", figures.lead, cell.name)))?;
        if i == 0 {
            figures.trials = table.number(row, count)? as u64;
        }
        cell.figures.clear();
        for metric in &figures.metrics {
            let own = ["", "_lo", "_hi"].map(|end| format!("{metric}{end}"));
            let columns = table.columns(&own.each_ref().map(String::as_str))?;
            let known = |end: &str| -> Result<Option<f64>, RestoreError> {
                let x = table.signed(row, table.column(&format!("{metric}_{end}"))?)?;
                Ok((!x.is_nan()).then_some(x))
            };
            cell.figures.push(Figure {
                estimate: Estimate {
                    n: figures.trials,
                    ..table.estimate(row, &columns)?
                },
                simulated: known("simulated")?.map(|x| (Estimate::certain(x), Estimate::NONE)),
                exact: known("exact")?,
                z: known("z")?,
            });
        }
    }
    let names: Vec<&'static str> = figures.cells.iter().map(|cell| cell.name).collect();
    Ok(Tried {
        curves: match directory.join("curves.csv").exists() {
            true => Some(curves(directory, &names)?),
            false => None,
        },
        example: match directory.join("lanes.csv").exists() {
            true => Some(example(directory)?),
            false => None,
        },
        figures,
    })
}

/// The curves of some cells.
fn curves(directory: &Path, names: &[&'static str]) -> Result<Vec<Curve>, RestoreError> {
    let table = Table::read(directory, "curves.csv")?;
    let columns = table.columns(&curves::COLUMNS)?;
    let curve = |name: &&'static str| {
        let point = |row: usize| {
            let exact = table.number(row, columns[5])?;
            Ok(Point {
                x: table.number(row, columns[1])?,
                simulated: table.estimate(row, &columns[2..5])?,
                exact: (!exact.is_nan()).then_some(exact),
            })
        };
        let points: Vec<Point> = table
            .of(columns[0], name)
            .map(point)
            .collect::<Result<_, RestoreError>>()?;
        match points.is_empty() {
            true => Err(table.lacks(&format!("curve `{name}`"))),
            false => Ok(Curve { name, points }),
        }
    };
    names.iter().map(curve).collect()
}

/// The trial that is told.
fn example(directory: &Path) -> Result<Trace, RestoreError> {
    let events = Table::read(directory, "trace.csv")?;
    let [t_s, who, what] = ["t_s", "who", "what"].map(|name| events.column(name));
    let (t_s, who, what) = (t_s?, who?, what?);
    let mut trace = Trace::default();
    for (row, record) in events.rows.iter().enumerate() {
        let text = |column: usize| record.get(column).unwrap_or("").to_string();
        trace.events.push(Event {
            t_s: events.number(row, t_s)?,
            who: text(who),
            what: text(what),
        });
    }
    let table = Table::read(directory, "lanes.csv")?;
    let columns = table.columns(&LANES)?;
    for (row, record) in table.rows.iter().enumerate() {
        let text = |i: usize| record.get(columns[i]).unwrap_or("");
        let place = |i: usize| -> Result<(usize, f64), RestoreError> {
            let lane = table.number(row, columns[i])? as usize;
            Ok((lane, table.number(row, columns[i + 1])?))
        };
        let name = text(7).to_string();
        let tone = Tone::NAMES.iter().find(|(name, _)| *name == text(5));
        let tone = tone.map(|(_, tone)| *tone);
        match (text(0), tone) {
            ("title", _) => (trace.title, trace.end) = (name, place(3)?.1),
            ("subtitle", _) => trace.subtitle = name,
            ("lane", _) => trace.lanes.push(name),
            ("bar", Some(tone)) => trace.bars.push(Bar {
                lane: place(1)?.0,
                from: place(1)?.1,
                to: place(3)?.1,
                tone,
                name,
            }),
            ("arrow", Some(tone)) => trace.arrows.push(Arrow {
                from: place(1)?,
                to: place(3)?,
                tone,
                lost: text(6) == "lost",
                name,
            }),
            (what, _) => {
                let reason = format!("`{what}` in `what`, or its tone, is not known");
                return Err(table.at(row, reason));
            }
        }
    }
    Ok(trace)
}

/// The settings of a quorum in a directory.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn quorum<'s>(
    directory: &Path,
    scenario: &'s QuorumScenario,
) -> Result<QuorumResults<'s>, RestoreError> {
    let mut cells = settings(&Table::read(directory, "summary.csv")?, scenario)?;
    let staleness = Table::read(directory, "staleness.csv")?;
    for cell in &mut cells {
        cell.points = points(&staleness, &cell.name)?;
        if cell.points.is_empty() {
            return Err(staleness.lacks(&format!("setting `{}`", cell.name)));
        }
    }
    let mut lines = vec![Vec::new(); cells.len()];
    if directory.join("curves.csv").exists() {
        let table = Table::read(directory, "curves.csv")?;
        let columns = table.columns(&["setting", "t_s", "p_exact"])?;
        for (cell, line) in cells.iter().zip(&mut lines) {
            for row in table.of(columns[0], &cell.name) {
                let point = [
                    table.number(row, columns[1])?,
                    table.number(row, columns[2])?,
                ];
                line.push((point[0], point[1]));
            }
        }
    }
    let majorities = match directory.join("majorities.csv").exists() {
        true => settings(&Table::read(directory, "majorities.csv")?, scenario)?,
        false => Vec::new(),
    };
    Ok(QuorumResults {
        scenario,
        cells,
        curves: lines,
        majorities,
        trials: match scenario.run.method {
            Method::Exact => 0,
            _ => scenario.run.replications,
        },
        interrupted: false,
    })
}

/// The rows of a table of settings, without their points.
fn settings(table: &Table, scenario: &QuorumScenario) -> Result<Vec<Setting>, RestoreError> {
    let read = &scenario.read;
    let cell = |row: usize| -> Result<Setting, RestoreError> {
        let text = |name: &str| -> Result<&str, RestoreError> {
            let column = table.column(name)?;
            Ok(table.rows[row].get(column).unwrap_or(""))
        };
        let number = |name: &str| table.number(row, table.column(name)?);
        let estimate = |name: &str| -> Result<Estimate, RestoreError> {
            let own = ["", "_lo", "_hi"].map(|end| format!("{name}{end}"));
            let e = table.estimate(row, &table.columns(&own.each_ref().map(String::as_str))?)?;
            // That there are trials behind it is all that matters.
            let n = if e.mean.is_nan() {
                0
            } else {
                scenario.run.replications
            };
            Ok(Estimate { n, ..e })
        };
        let known = |x: f64| (!x.is_nan()).then_some(x);
        let wait = |name: &str| -> Result<Wait, RestoreError> {
            let text = text(name)?;
            let known = Wait::parse(text);
            known.ok_or_else(|| table.at(row, format!("`{text}` in `{name}` is no quorum")))
        };
        let truth = |name: &str| -> Result<bool, RestoreError> {
            let text = text(name)?;
            let known = text.parse::<bool>();
            known.map_err(|_| table.at(row, format!("`{text}` in `{name}` is not true or false")))
        };
        let latencies = |operation: &str| -> Result<[f64; 3], RestoreError> {
            let mut own = [f64::NAN; LATENCIES.len()];
            for (own, (quantile, _)) in own.iter_mut().zip(LATENCIES) {
                *own = number(&format!("{operation}_latency_{quantile}_s"))?;
            }
            Ok(own)
        };
        let intervals = |operation: &str| -> Result<[[f64; 2]; 3], RestoreError> {
            let mut own = [[f64::NAN; 2]; LATENCIES.len()];
            for (own, (quantile, _)) in own.iter_mut().zip(LATENCIES) {
                let name = format!("{operation}_latency_{quantile}_s");
                *own = [
                    number(&format!("{name}_lo"))?,
                    number(&format!("{name}_hi"))?,
                ];
            }
            Ok(own)
        };
        let method = text("method")?;
        let found = [Found::Exact, Found::Conditional, Found::Simulated];
        let found = found.into_iter().find(|found| found.name() == method);
        let mut visibility = Vec::new();
        for level in &read.visibility {
            let e = estimate(&format!("t_visibility_{}_s", level.0))?;
            visibility.push((level.0, [e.mean, e.low, e.high].map(known)));
        }
        let mut versions = Vec::new();
        for k in 1..=read.versions {
            let e = estimate(&format!("k_staleness_{k}"))?;
            versions.push((e, number(&format!("k_staleness_pbs_{k}"))?));
        }
        Ok(Setting {
            name: text("setting")?.to_string(),
            n: number("n")? as u32,
            r: wait("r")?,
            w: wait("w")?,
            found: found
                .ok_or_else(|| table.at(row, format!("`{method}` in `method` is not known")))?,
            error: known(number("relative_error")?),
            always_fresh: truth("always_fresh")?,
            writes_meet: truth("writes_meet")?,
            points: Vec::new(),
            visibility,
            read_latency: latencies("read")?,
            write_latency: latencies("write")?,
            latency_ci: [intervals("read")?, intervals("write")?],
            versions,
            backwards: estimate("p_backwards")?,
            failed_writes: estimate("failed_writes")?,
            failed_reads: estimate("failed_reads")?,
            available: [number("available_reads")?, number("available_writes")?],
            down: number("replica_down")?,
            resilience: number("resilience")? as u32,
            load: number("load")?,
            capacity: number("capacity")?,
        })
    };
    (0..table.rows.len()).map(cell).collect()
}

/// The points of a setting.
fn points(table: &Table, setting: &str) -> Result<Vec<Chance>, RestoreError> {
    let estimate = |row: usize, name: &str| -> Result<Estimate, RestoreError> {
        let own = ["", "_lo", "_hi"].map(|end| format!("{name}{end}"));
        let columns = table.columns(&own.each_ref().map(String::as_str))?;
        Ok(Estimate {
            n: table.number(row, table.column(&format!("{name}_n"))?)? as u64,
            ..table.estimate(row, &columns)?
        })
    };
    let point = |row: usize| -> Result<Chance, RestoreError> {
        let exact = table.number(row, table.column("p_exact")?)?;
        Ok(Chance {
            t: table.number(row, table.column("t_s")?)?,
            exact: (!exact.is_nan()).then_some(exact),
            weighed: Estimate {
                sd: table.number(row, table.column("p_conditional_sd")?)?,
                ..estimate(row, "p_conditional")?
            },
            simulated: estimate(row, "p_simulated")?,
            visible: estimate(row, "p_failed_visible")?,
        })
    };
    table
        .of(table.column("setting")?, setting)
        .map(point)
        .collect()
}

/// The values of the cells of a sweep.
///
/// # Errors
/// What is missing or cannot be meant, with its file, and line or column.
pub fn atlas<'g>(
    directory: &Path,
    grid: &'g Grid,
    base: &'g Job,
) -> Result<Atlas<'g>, RestoreError> {
    let table = Table::read(directory, "summary.csv")?;
    let header = header(base);
    let axes = grid.columns();
    table.columns(&axes)?;
    for name in &header {
        table.column(name)?;
    }
    let (first, index) = (1 + axes.len(), table.column("cell")?);
    let mut cells: Vec<Vec<String>> = vec![Vec::new(); grid.cells() as usize];
    let main = ["", "_lo", "_hi"].map(|end| format!("{}{end}", main_metric(base)));
    let main = table.columns(&main.each_ref().map(String::as_str))?;
    for (row, record) in table.rows.iter().enumerate() {
        let number = table.number(row, index)?;
        let at = number as usize;
        let cell = cells.get_mut(at).filter(|_| number == at as f64);
        let Some(cell) = cell else {
            return Err(table.at(row, format!("the grid has no cell {number}")));
        };
        let own = record.iter().skip(1).zip(grid.values(at as u64));
        let moved = own
            .zip(&axes)
            .find(|((text, value), _)| plain(text) != value);
        if let Some(((text, value), axis)) = moved {
            let reason = format!("`{text}` in `{axis}`, where cell {at} has `{value}`");
            return Err(table.at(row, reason));
        }
        let name = record.get(first).unwrap_or("");
        if cell.iter().any(|row| row.split(',').next() == Some(name)) {
            return Err(table.at(row, format!("`{name}` in cell {at} comes twice")));
        }
        table.estimate(row, &main)?;
        let fields: Vec<&str> = record.iter().skip(first).collect();
        cell.push(fields.join(","));
    }
    let most = cells.iter().map(Vec::len).max().unwrap_or(0);
    let mut atlas = Atlas::new(grid, base, &header);
    for (index, rows) in cells.iter().enumerate() {
        // A quorum has as many settings as fit its N.
        if rows.is_empty() || rows.len() < most && base.kind() != JobKind::Quorum {
            let what = format!("cell {index}, or not all of them; shards are merged first");
            return Err(table.lacks(&what));
        }
        atlas.cell(index as u64, rows);
    }
    if let Job::Herd(scenario) = base {
        let known = |name: &String| scenario.policies.iter().any(|(other, _)| other == name);
        let varies = axes.contains(&"policy");
        if let Some(stranger) = atlas.names.iter().find(|name| !varies && !known(name)) {
            return Err(RestoreError::Run {
                path: table.path.clone(),
                reason: format!("has rows of `{stranger}`, which is no policy of the sweep"),
            });
        }
    }
    Ok(atlas)
}

/// A text cell without what keeps spreadsheets from taking it for a formula.
fn plain(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}
