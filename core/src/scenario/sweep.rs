//! Grids: a scenario and axes along which it varies.
//!
//! ```toml
//! [sweep]
//! "service.queue" = [500, 1_000, 2_000]
//! "callers.rate" = { from = "0.5/s", to = "1.5/s", step = "0.1/s" }
//! "policy.*.timeout" = { from = "50ms", to = "5s", points = 20, scale = "log" }
//! zip = [["service.queue", "callers.rate"]]     # these advance together
//! ```
//!
//! Axes are crossed, the last varies fastest. A value is put at its path as
//! `--set` would, so whatever is wrong with it is told at its place.

use std::fmt::Write as _;

use crate::scenario::document::{Kind, Node, Place, Problem, Section, Table};
use crate::scenario::overlay::keys;
use crate::scenario::{Job, JobKind, Overlay};
use crate::units::Nanos;
use crate::value::{Value, suggest};

/// A scenario and the axes along which it varies.
#[derive(Clone, Debug)]
pub struct Grid {
    base: Overlay,
    pub kind: JobKind,
    /// Crossed, the last varying fastest.
    pub axes: Vec<Axis>,
}

/// One direction of a grid: a path and its values, or several that advance together.
#[derive(Clone, Debug)]
pub struct Axis {
    pub paths: Vec<Path>,
}

/// A field and the values it takes along its axis.
#[derive(Clone, Debug)]
pub struct Path {
    pub path: String,
    keys: Vec<(String, Place)>,
    pub values: Vec<Node>,
}

impl Path {
    /// Whether both set some field; `policy` alone is which policies are compared.
    fn overlaps(&self, other: &Path) -> bool {
        if (self.path == "policy") != (other.path == "policy") {
            return false;
        }
        let pairs = self.keys.iter().zip(&other.keys);
        pairs
            .into_iter()
            .all(|((a, _), (b, _))| a == b || a == "*" || b == "*")
    }
}

impl Axis {
    /// Where it is given.
    pub fn place(&self) -> Option<Place> {
        let (_, place) = self.paths.first()?.keys.first()?;
        Some(place.clone())
    }

    pub fn len(&self) -> usize {
        self.paths.first().map_or(0, |p| p.values.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it is called: its path, or its paths.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.paths.iter().map(|p| p.path.as_str()).collect();
        names.join(" & ")
    }
}

/// Most cells without a word of consent.
pub const MOST_CELLS: f64 = 1e7;

impl Grid {
    /// Takes `[sweep]` out of the overlay, and adds axes of `--vary`.
    ///
    /// # Errors
    /// At the place of an axis that cannot be meant. Whether a path leads to a
    /// field shows when a cell is resolved: see [`Grid::check`].
    pub fn from_overlay(
        mut overlay: Overlay,
        kind: JobKind,
        vary: &[String],
    ) -> Result<Grid, Problem> {
        let mut axes: Vec<Path> = Vec::new();
        let mut zips = Vec::new();
        if let Some(node) = overlay.table.remove("sweep") {
            for entry in &node.table()?.entries {
                if entry.key == "zip" {
                    zips = entry.node.list()?;
                    continue;
                }
                axes.push(Path {
                    keys: keys(&entry.key, &entry.place)?,
                    path: entry.key.clone(),
                    values: values(&entry.node)?,
                });
            }
        }
        for text in vary {
            axes.push(varied(text)?);
        }
        for (i, axis) in axes.iter().enumerate() {
            let place = axis.keys.first().map(|(_, place)| place.clone());
            if axis.path == "kind" {
                return Err(Problem::new("a grid is of one kind").at(place));
            }
            let Some(other) = axes[..i].iter().find(|other| other.overlaps(axis)) else {
                continue;
            };
            let message = match other.path == axis.path {
                true => format!("axis `{}` is given twice", axis.path),
                false => format!(
                    "the axes `{}` and `{}` set the same field",
                    other.path, axis.path
                ),
            };
            return Err(Problem::new(message).at(place));
        }
        let kind = match overlay.table.get("kind") {
            Some(entry) => entry.node.word("kind of scenario", &JobKind::NAMES)?,
            None => kind,
        };
        // The policies of a herd are compared in every cell: an axis of them is
        // their list.
        if let Some(i) = axes.iter().position(|a| a.path == "policy") {
            let axis = axes.remove(i);
            let place = axis.keys[0].1.clone();
            let list = Node {
                place: place.clone(),
                kind: Kind::List(axis.values),
            };
            overlay.put(vec![("compare".to_string(), place)], list)?;
        }
        // Where it varies what is done, nothing may be among it.
        if axes.iter().any(|axis| axis.path == "actions")
            && overlay.table.get("no_action_row").is_none()
        {
            let text = "no_action_row";
            let node = Node::from_flag(text, "false");
            overlay.put(keys(text, &node.place)?, node)?;
        }
        // So are other lists that a kind compares, the settings of a quorum say.
        for path in kind.compares() {
            let Some(i) = axes.iter().position(|a| a.path == *path) else {
                continue;
            };
            if zips.iter().any(|zip| {
                let names = zip.list().unwrap_or_default();
                names.iter().any(|name| name.is_word(path))
            }) {
                continue;
            }
            let axis = axes.remove(i);
            let list = Node {
                place: axis.keys[0].1.clone(),
                kind: Kind::List(axis.values),
            };
            overlay.put(axis.keys, list)?;
        }
        Ok(Grid {
            base: overlay,
            kind,
            axes: zipped(axes, &zips)?,
        })
    }

    /// How many cells there are.
    pub fn cells(&self) -> f64 {
        self.axes.iter().map(|axis| axis.len() as f64).product()
    }

    /// Where cell `index` stands on every axis.
    pub fn place(&self, index: u64) -> Vec<usize> {
        let mut left = index;
        let mut place: Vec<usize> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let n = axis.len() as u64;
                let at = left % n;
                left /= n;
                at as usize
            })
            .collect();
        place.reverse();
        place
    }

    /// The scenario of a cell.
    ///
    /// # Errors
    /// A [`Problem`] at the value that does not fit.
    pub fn job(&self, index: u64) -> Result<Job, Problem> {
        self.at(&self.place(index))
    }

    /// The scenario at a place on every axis.
    pub fn at(&self, place: &[usize]) -> Result<Job, Problem> {
        let mut overlay = self.base.clone();
        for (axis, at) in self.axes.iter().zip(place) {
            for path in &axis.paths {
                overlay.put(path.keys.clone(), path.values[*at].clone())?;
            }
        }
        Job::from_overlay(&overlay, self.kind)
    }

    /// The scenario without its axes, or its first cell where it is nothing without.
    pub fn base(&self) -> Result<Job, Problem> {
        let alone = Job::from_overlay(&self.base, self.kind);
        alone.or_else(|_| self.at(&vec![0; self.axes.len()]))
    }

    /// The preset that what all cells share names in a table, if it does.
    pub fn preset(&self, table: &str) -> Option<String> {
        let entry = self.base.table.get(table)?;
        let preset = entry.node.table().ok()?.get("preset")?;
        Some(preset.node.to_toml())
    }

    /// The keys of every path that varies.
    pub fn paths(&self) -> impl Iterator<Item = Vec<&str>> {
        let paths = self.axes.iter().flat_map(|axis| &axis.paths);
        paths.map(|path| path.keys.iter().map(|(key, _)| key.as_str()).collect())
    }

    /// Every value of every axis, the others at their first: axis and place.
    pub fn corners(&self) -> impl Iterator<Item = (usize, Vec<usize>)> {
        let (axes, n) = (self.axes.iter().enumerate(), self.axes.len());
        axes.flat_map(move |(i, axis)| {
            (0..axis.len()).map(move |at| {
                let mut place = vec![0; n];
                place[i] = at;
                (i, place)
            })
        })
    }

    /// Checks every value of every axis, and every cell unless there are many.
    pub fn check(&self) -> Result<(), Problem> {
        const MANY: f64 = 20_000.0;
        for (i, place) in self.corners() {
            let job = self.at(&place);
            job.map_err(|problem| self.about(problem, &self.axes[i]))?;
        }
        if self.cells() <= MANY {
            for index in 0..self.cells() as u64 {
                self.job(index).map_err(|problem| {
                    let values = self.columns().into_iter().zip(self.values(index));
                    let values: Vec<String> = values.map(|(c, v)| format!("{c} = {v}")).collect();
                    match values.is_empty() {
                        true => problem,
                        false => problem.or_help(format!("in the cell of {}", values.join(", "))),
                    }
                })?;
            }
        }
        Ok(())
    }

    /// An unknown key of an axis is told with what there is instead.
    fn about(&self, problem: Problem, axis: &Axis) -> Problem {
        let own = axis.paths.iter().any(|path| {
            let places = path.keys.iter().map(|(_, place)| place);
            let mut places = places.chain(path.values.iter().map(|v| &v.place));
            problem
                .place
                .as_ref()
                .is_some_and(|at| places.any(|place| place == at))
        });
        match own {
            true => problem,
            false => problem.or_help(format!("along the axis `{}`", axis.name())),
        }
    }

    /// The values of a cell, as text, in the order of [`Grid::columns`].
    pub fn values(&self, index: u64) -> Vec<String> {
        let place = self.place(index);
        let axes = self.axes.iter().zip(place);
        axes.flat_map(|(axis, at)| axis.paths.iter().map(move |p| p.values[at].plain()))
            .collect()
    }

    /// The names of all paths that vary.
    pub fn columns(&self) -> Vec<&str> {
        let paths = self.axes.iter().flat_map(|axis| &axis.paths);
        paths.map(|p| p.path.as_str()).collect()
    }

    /// `[sweep]` with every value spelled out.
    pub fn to_toml(&self) -> String {
        let mut out = "\n[sweep]\n".to_string();
        for path in self.axes.iter().flat_map(|axis| &axis.paths) {
            let values: Vec<String> = path.values.iter().map(Node::to_toml).collect();
            let _ = writeln!(out, "{:?} = [{}]", path.path, values.join(", "));
        }
        let zips: Vec<String> = self
            .axes
            .iter()
            .filter(|axis| axis.paths.len() > 1)
            .map(|axis| {
                let names: Vec<String> =
                    axis.paths.iter().map(|p| format!("{:?}", p.path)).collect();
                format!("[{}]", names.join(", "))
            })
            .collect();
        if !zips.is_empty() {
            let _ = writeln!(out, "zip = [{}]", zips.join(", "));
        }
        out
    }
}

/// Puts together the axes that advance together.
fn zipped(axes: Vec<Path>, zips: &[Node]) -> Result<Vec<Axis>, Problem> {
    let mut left: Vec<Option<Path>> = axes.into_iter().map(Some).collect();
    let mut partners: Vec<Vec<usize>> = Vec::new();
    for zip in zips {
        let mut group: Vec<usize> = Vec::new();
        for name in zip.list()? {
            let text = name.text()?;
            let paths = left.iter().flatten().map(|p| p.path.as_str());
            let Some(i) = left
                .iter()
                .position(|p| p.as_ref().is_some_and(|p| p.path == text))
            else {
                let known: Vec<&str> = paths.collect();
                return Err(Problem::new(format!("`{text}` is not an axis"))
                    .at(Some(name.place.clone()))
                    .help(suggest(text, &known)));
            };
            if partners.iter().flatten().chain(&group).any(|j| *j == i) {
                return Err(
                    Problem::new(format!("`{text}` is zipped twice")).at(Some(name.place.clone()))
                );
            }
            group.push(i);
        }
        let lengths: Vec<usize> = group
            .iter()
            .filter_map(|i| Some(left[*i].as_ref()?.values.len()))
            .collect();
        if lengths.windows(2).any(|w| w[0] != w[1]) {
            return Err(
                Problem::new("axes that advance together have as many values each")
                    .at(Some(zip.place.clone())),
            );
        }
        partners.push(group);
    }
    let mut zipped = Vec::new();
    for i in 0..left.len() {
        let group = partners.iter().find(|group| group.contains(&i));
        let members = group.cloned().unwrap_or_else(|| vec![i]);
        let paths: Vec<Path> = members.iter().filter_map(|j| left[*j].take()).collect();
        if !paths.is_empty() {
            zipped.push(Axis { paths });
        }
    }
    Ok(zipped)
}

/// `PATH=VALUES`, as `--vary` takes it.
fn varied(text: &str) -> Result<Path, Problem> {
    let whole = Node::from_flag("--vary", text).place;
    let Some((path, values)) = text.split_once('=') else {
        return Err(Problem::new("expected PATH=VALUES").at(Some(whole)).help(
            "for example --vary 'service.queue=500,1000' or 'service.queue=100..10_000 log 20'",
        ));
    };
    let start = path.len() + 1;
    let part = |from: usize, to: usize| {
        let slice = &text[from..to];
        let lead = slice.len() - slice.trim_start().len();
        let trimmed = slice.trim();
        Node {
            place: Place {
                source: whole.source.clone(),
                span: from + lead..from + lead + trimmed.len(),
            },
            kind: Kind::Text {
                text: trimmed.to_string(),
                exact: true,
            },
        }
    };
    let keys = super::overlay::source_keys(&whole.source, path.len())?;
    let path = path.trim().to_string();
    let values = match values.split_once("..") {
        Some((from, rest)) => {
            let end = start + from.len();
            let to_start = end + 2;
            let to = rest.split_whitespace().next().unwrap_or("");
            let lead = rest.len() - rest.trim_start().len();
            let words: Vec<&str> = rest.split_whitespace().skip(1).collect();
            let range = Range {
                from: part(start, end),
                to: part(to_start + lead, to_start + lead + to.len()),
                place: whole.clone(),
            };
            match words[..] {
                ["log", n] => range.points(n, true)?,
                [n] => range.points(n, false)?,
                ["step", step] => {
                    let node = Node::from_flag("--vary", step);
                    range.steps(&node)?
                }
                _ => {
                    return Err(
                        Problem::new("a range needs its number of points or its step")
                            .at(Some(whole))
                            .help("100..10_000 log 20, 100..1_000 10, or 100..1_000 step 100"),
                    );
                }
            }
        }
        None => {
            let mut nodes = Vec::new();
            let (mut depth, mut from) = (0, start);
            for (i, c) in values.char_indices() {
                depth += i32::from(c == '(') - i32::from(c == ')');
                if c == ',' && depth == 0 {
                    nodes.push(part(from, start + i));
                    from = start + i + 1;
                }
            }
            nodes.push(part(from, text.len()));
            nodes.retain(|n| n.plain() != "");
            nodes
        }
    };
    if values.is_empty() {
        return Err(Problem::new(format!("axis `{path}` has no values")).at(Some(whole)));
    }
    Ok(Path { path, keys, values })
}

/// The values of an axis: a list, or a range.
fn values(node: &Node) -> Result<Vec<Node>, Problem> {
    let values = match &node.kind {
        Kind::List(items) => items.clone(),
        Kind::Table(table) => range(table, node)?,
        _ => {
            return Err(Problem::new("an axis is a list, or a range")
                .at(Some(node.place.clone()))
                .help(
                    "[500, 1_000], or { from = 100, to = 10_000, points = 20, scale = \"log\" }",
                ));
        }
    };
    match values.is_empty() {
        true => Err(Problem::new("an axis needs at least one value").at(Some(node.place.clone()))),
        false => Ok(values),
    }
}

fn range(table: &Table, node: &Node) -> Result<Vec<Node>, Problem> {
    let mut s = Section::new(table);
    let (Some(from), Some(to)) = (s.node("from"), s.node("to")) else {
        return Err(Problem::new("a range needs `from` and `to`").at(Some(node.place.clone())));
    };
    let range = Range {
        from: from.clone(),
        to: to.clone(),
        place: node.place.clone(),
    };
    let scales = [("linear", false), ("log", true)];
    let log = s.word("scale", "scale", &scales)?.unwrap_or(false);
    let (points, step) = (s.node("points"), s.node("step"));
    s.finish()?;
    match (points, step) {
        (Some(points), None) => range.points(&points.plain(), log),
        (None, Some(step)) if !log => range.steps(step),
        _ => Err(
            Problem::new("a range needs either `points` or, on a linear scale, `step`")
                .at(Some(node.place.clone())),
        ),
    }
}

/// A range in the unit of its ends.
struct Range {
    from: Node,
    to: Node,
    place: Place,
}

/// How a number of a range is written.
enum Unit {
    Nanos,
    /// Whole numbers.
    Count,
    /// A number and what follows it, such as `%` or `/s`.
    Suffix(String),
}

impl Range {
    fn problem(&self, message: &str) -> Problem {
        Problem::new(message).at(Some(self.place.clone()))
    }

    fn number(&self, node: &Node) -> Result<(f64, Unit), Problem> {
        let text = node.plain().replace('_', "");
        if let Ok(time) = Nanos::parse(&text)
            && text.ends_with(|c: char| c.is_alphabetic())
        {
            return Ok((time.0 as f64, Unit::Nanos));
        }
        if let Ok(whole) = text.parse::<i64>() {
            return Ok((whole as f64, Unit::Count));
        }
        let end = text
            .find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)))
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        match number.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok((x, Unit::Suffix(suffix.to_string()))),
            _ => {
                Err(Problem::new("a range goes from a number to a number")
                    .at(Some(node.place.clone())))
            }
        }
    }

    fn ends(&self) -> Result<(f64, f64, Unit), Problem> {
        let (from, unit) = self.number(&self.from)?;
        let (to, other) = self.number(&self.to)?;
        let unit = match (unit, other) {
            (Unit::Nanos, Unit::Nanos) => Unit::Nanos,
            (Unit::Count, Unit::Count) => Unit::Count,
            (Unit::Count, Unit::Suffix(s)) | (Unit::Suffix(s), Unit::Count) if s.is_empty() => {
                Unit::Suffix(s)
            }
            (Unit::Suffix(a), Unit::Suffix(b)) if a == b => Unit::Suffix(a),
            _ => return Err(self.problem("both ends of a range have the same unit")),
        };
        if to <= from {
            return Err(self.problem("a range goes upwards"));
        }
        Ok((from, to, unit))
    }

    /// A value of the range, to so many digits: what lies between two numbers of a
    /// range needs no more.
    fn node(&self, x: f64, unit: &Unit, digits: usize) -> Node {
        let tidy = |x: f64| format!("{x:.digits$e}").parse::<f64>().unwrap_or(x);
        let (text, number) = match unit {
            Unit::Nanos => (Nanos(tidy(x).round() as u64).to_string(), false),
            Unit::Count => (format!("{}", tidy(x)), true),
            Unit::Suffix(s) => (format!("{}{s}", tidy(x)), s.is_empty()),
        };
        Node {
            place: self.place.clone(),
            kind: match number {
                true => Kind::Number(text),
                false => Kind::Text { text, exact: false },
            },
        }
    }

    fn points(&self, n: &str, log: bool) -> Result<Vec<Node>, Problem> {
        let (from, to, unit) = self.ends()?;
        let n = match n.replace('_', "").parse::<u32>() {
            Ok(n) if (2..=1_000_000).contains(&n) => n,
            _ => return Err(self.problem("a range has from 2 to 1,000,000 points")),
        };
        if log && from <= 0.0 {
            return Err(self.problem("a logarithmic range begins above 0"));
        }
        let share = |i: u32| f64::from(i) / f64::from(n - 1);
        let at = |i: u32| match (i, log) {
            (0, _) => from,
            (i, _) if i == n - 1 => to,
            (i, false) => from + (to - from) * share(i),
            (i, true) => from * (to / from).powf(share(i)),
        };
        // Whole numbers stay whole where the steps leave room for that.
        let whole = matches!(unit, Unit::Count) && (log || to - from >= f64::from(n - 1));
        let node = |i: u32| match (i == 0 || i == n - 1, whole) {
            (true, _) => self.node(at(i), &unit, 15),
            (false, true) => self.node(at(i).round(), &unit, 15),
            (false, false) => self.node(at(i), &unit, 5),
        };
        let mut values: Vec<Node> = (0..n).map(node).collect();
        // Whole numbers close together may fall on each other.
        values.dedup_by_key(|node| node.plain());
        Ok(values)
    }

    fn steps(&self, step: &Node) -> Result<Vec<Node>, Problem> {
        let (from, to, unit) = self.ends()?;
        let (step, step_unit) = self.number(step)?;
        let alike = match (&unit, &step_unit) {
            (Unit::Nanos, Unit::Nanos) | (Unit::Count, Unit::Count) => true,
            (Unit::Suffix(a), Unit::Suffix(b)) => a == b,
            (Unit::Count, Unit::Suffix(s)) | (Unit::Suffix(s), Unit::Count) => s.is_empty(),
            _ => false,
        };
        if !alike {
            return Err(self.problem("a step has the unit of its range"));
        }
        if step <= 0.0 || (to - from) / step > 1e6 {
            return Err(self.problem("a step is above 0, and makes at most 1,000,000 values"));
        }
        let n = ((to - from) / step + 1e-9).floor() as u32;
        Ok((0..=n)
            .map(|i| self.node(from + step * f64::from(i), &unit, 11))
            .collect())
    }
}
