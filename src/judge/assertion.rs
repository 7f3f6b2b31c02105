//! `--assert 'METRIC OP VALUE'`: does it hold, by the interval and not by the mean alone?

use herdsim_core::metric::{Domain, Interval, Metric, Unit};
use herdsim_core::stats::{Estimate, Z_975};
use herdsim_core::units::Nanos;
use herdsim_core::value::{Value, ValueError, hundredth, suggest};

use herdsim_words::format::{percent, three_digits, value};
use herdsim_words::results::{Column, Table};

/// One condition on a metric of one cell, or of all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    pub text: String,
    cell: Option<String>,
    column: Column,
    /// Of the change against a baseline, relative to it, in place of the value.
    pub of_change: bool,
    op: Op,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Op {
    fn holds(self, x: f64, value: f64) -> bool {
        match self {
            Op::Below => x < value,
            Op::AtMost => x <= value,
            Op::Above => x > value,
            Op::AtLeast => x >= value,
        }
    }
}

/// Runs that have to agree where a metric has no interval: of as many, with none that does
/// not, at least 90% do (Wilson), which is the share to ± 5 points.
const ENOUGH: u64 = 35;

/// What came of an assertion.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    Holds,
    Fails(String),
    Undecided(String),
}

impl Assertion {
    /// Reads an assertion against the cells and metrics of a run, of which
    /// `what` says what a cell is.
    ///
    /// # Errors
    /// At the place of a name, an operator or a number that cannot be meant.
    pub fn parse(
        text: &str,
        what: &str,
        cells: &[&str],
        columns: &[Column],
    ) -> Result<Assertion, ValueError> {
        let example = "for example `budget.recovery_s < 5` or `success_ratio >= 99%`";
        let whole = 0..text.len();
        let at = text.find(['<', '>']).ok_or_else(|| {
            ValueError::new(whole, "expected METRIC OP VALUE, OP one of <, <=, >, >=").help(example)
        })?;
        let two = text[at + 1..].starts_with('=');
        let op = match (&text[at..=at], two) {
            ("<", false) => Op::Below,
            ("<", true) => Op::AtMost,
            (_, false) => Op::Above,
            (_, true) => Op::AtLeast,
        };
        let after = at + 1 + usize::from(two);
        let path = text[..at].trim();
        let start = text.len() - text.trim_start().len();
        let (path, of_change) = match path.strip_suffix(".change") {
            Some(path) => (path, true),
            None => (path, false),
        };
        // Names of metrics may hold a dot themselves: `t_visibility_0.999_s`.
        let known = columns.iter().map(|column| &*column.name);
        let own = known
            .filter(|name| path.ends_with(name))
            .max_by_key(|name| name.len());
        let (cell, metric) = match own {
            Some(name) if name.len() == path.len() => (None, path),
            Some(name) if path[..path.len() - name.len()].ends_with('.') => {
                let (cell, metric) = path.split_at(path.len() - name.len());
                (Some(&cell[..cell.len() - 1]), metric)
            }
            _ => match path.rsplit_once('.') {
                Some((cell, metric)) => (Some(cell), metric),
                None => (None, path),
            },
        };
        if let Some(cell) = cell
            && !cells.contains(&cell)
        {
            return Err(ValueError::new(
                start..start + cell.len(),
                format!("{what} `{cell}` is not part of this run"),
            )
            .help(suggest(cell, cells)));
        }
        let metric_start = start + path.len() - metric.len();
        let Some(column) = columns.iter().find(|column| column.name == metric) else {
            let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
            return Err(ValueError::new(
                metric_start..metric_start + metric.len(),
                format!("unknown metric `{metric}`"),
            )
            .help(suggest(metric, &names)));
        };
        let number = text[after..].trim();
        let number_at = after + text[after..].len() - text[after..].trim_start().len();
        let read = match of_change {
            true => relative(number),
            false => threshold(number, column),
        };
        let value = read.map_err(|e| ValueError {
            span: number_at + e.span.start..number_at + e.span.end,
            ..e
        })?;
        Ok(Assertion {
            text: text.trim().to_string(),
            cell: cell.map(String::from),
            column: column.clone(),
            of_change,
            op,
            value,
        })
    }

    /// Rules on the results; over several cells the worst ruling counts. A change is
    /// ruled on against the earlier results, in the cells that are in both.
    pub fn rule(&self, results: &Table, before: Option<&Table>) -> Ruling {
        let mut worst = Ruling::Holds;
        let concerned = results
            .cells()
            .filter(|cell| self.cell.as_ref().is_none_or(|name| name == cell));
        let mut ruled = 0;
        for cell in concerned {
            let ruling = match (self.of_change, before) {
                (false, _) => self.rule_one(results, cell),
                (true, Some(before)) if before.cells().any(|other| other == cell) => {
                    self.rule_change(results, before, cell)
                }
                (true, _) => continue,
            };
            ruled += 1;
            match (ruling, &worst) {
                (Ruling::Holds, _) => {}
                (fails @ Ruling::Fails(_), Ruling::Holds | Ruling::Undecided(_)) => worst = fails,
                (undecided @ Ruling::Undecided(_), Ruling::Holds) => worst = undecided,
                _ => {}
            }
        }
        match ruled {
            0 => Ruling::Fails("the baseline has nothing to compare it with".to_string()),
            _ => worst,
        }
    }

    /// What else should be known where it holds: of which cells the metric leaves out so many
    /// calls that it says little.
    pub fn warning(&self, results: &Table) -> Option<String> {
        let concerned = results
            .cells()
            .filter(|cell| self.cell.as_ref().is_none_or(|name| name == cell));
        let left_out = concerned.filter_map(|cell| {
            let (share, says) = results.left_out(cell, &self.column.name)?;
            Some(format!("{cell}: {} {says}", percent(share)))
        });
        let told: Vec<String> = left_out.collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// Rules on the change of what was 0, of which there are no parts: it did not change, or
    /// by more than any share.
    fn rule_from_zero(&self, name: &str, now: Estimate, then: Estimate) -> Ruling {
        let upper = matches!(self.op, Op::Below | Op::AtMost);
        let nothing = |e: Estimate| e.mean == 0.0 && (e.high.is_nan() || e.high == 0.0);
        match (nothing(then), nothing(now), now.low > then.high) {
            (true, true, _) if self.op.holds(0.0, self.value) => Ruling::Holds,
            (true, true, _) => Ruling::Fails(format!("{name} was 0 and is")),
            (_, _, true) if upper => Ruling::Fails(format!(
                "{name} was 0 and is {}",
                value(self.column.metric.unit, now.mean)
            )),
            (_, _, true) => Ruling::Holds,
            _ => Ruling::Undecided(format!(
                "{name} was 0, within an interval up to {}, of which there are no parts",
                value(self.column.metric.unit, then.high)
            )),
        }
    }

    /// Rules on the relative change of one cell.
    fn rule_change(&self, results: &Table, before: &Table, cell: &str) -> Ruling {
        let name = format!("{cell}.{}", self.column.name);
        let (now, then) = (
            results.estimate(cell, &self.column.name),
            before.estimate(cell, &self.column.name),
        );
        // Who does not always recover takes for ever.
        let endless = |results: &Table| {
            results.is_recovery(&self.column.name) && results.recovers(cell) < 1.0
        };
        let upper = matches!(self.op, Op::Below | Op::AtMost);
        let undetermined = |results: &Table| {
            results.is_recovery(&self.column.name) && results.recovers(cell).is_nan()
        };
        if undetermined(results) || undetermined(before) {
            return Ruling::Fails(format!(
                "whether {cell} recovers cannot be told then, or now"
            ));
        }
        match (endless(results), endless(before)) {
            (true, false) if upper => {
                return Ruling::Fails(format!("{cell} no longer recovers in every run"));
            }
            (true, false) => return Ruling::Holds,
            (false, true) if upper => return Ruling::Holds,
            (false, true) => {
                return Ruling::Fails(format!("{cell} now recovers in every run"));
            }
            (true, true) => {
                return Ruling::Fails(format!("{cell} recovers in every run neither now nor then"));
            }
            (false, false) => {}
        }
        if now.mean.is_nan() || then.mean.is_nan() {
            return Ruling::Fails(format!("{name} has no value then, or now"));
        }
        if then.mean == 0.0 {
            return self.rule_from_zero(&name, now, then);
        }
        let change = relative_change(now, then);
        let percent = |x: f64| format!("{:+.2}%", x * 100.0);
        if change.low.is_nan() {
            return Ruling::Undecided(format!(
                "{name} changed by {}, without an interval",
                percent(change.mean)
            ));
        }
        let shown = format!(
            "{name} changed by {}, 95% interval {} to {}",
            percent(change.mean),
            percent(change.low),
            percent(change.high)
        );
        self.by_interval(change, shown, |shown| {
            // Both intervals shrink with the replications.
            let distance = (change.mean - self.value).abs();
            let ratio = now.mean / then.mean;
            let share = |e: Estimate, scale: f64| {
                e.n as f64 * (scale * e.half_width() / then.mean / distance).powi(2)
            };
            let needed = (share(now, 1.0) + share(then, ratio)).ceil();
            match needed.is_finite() && needed < 1e9 && needed > 0.0 {
                true => format!("{shown}; about {needed} replications of both would decide"),
                false => shown,
            }
        })
    }

    /// Rules by both ends of an interval; `undecided` says what would decide.
    fn by_interval(
        &self,
        e: Estimate,
        shown: String,
        undecided: impl FnOnce(String) -> String,
    ) -> Ruling {
        match [e.low, e.high].map(|x| self.op.holds(x, self.value)) {
            [true, true] => Ruling::Holds,
            [false, false] => Ruling::Fails(shown),
            _ => Ruling::Undecided(undecided(shown)),
        }
    }

    fn rule_one(&self, results: &Table, cell: &str) -> Ruling {
        let e = results.estimate(cell, &self.column.name);
        let name = format!("{cell}.{}", self.column.name);
        // What takes for ever in some run: no upper limit can hold.
        if let Some(why) = results.endless(cell, &self.column.name) {
            let upper = matches!(self.op, Op::Below | Op::AtMost);
            match (upper, e.mean.is_nan()) {
                (true, _) => return Ruling::Fails(format!("{cell} {why}")),
                (false, true) => return Ruling::Holds,
                // A lower limit on what is at least so much.
                (false, false) if self.op.holds(e.mean, self.value) && e.low.is_nan() => {
                    return Ruling::Holds;
                }
                (false, false) => {}
            }
        }
        if e.mean.is_nan() {
            return Ruling::Fails(format!("{name} has no value in this run"));
        }
        let show = |x| value(self.column.metric.unit, x);
        if e.low.is_nan() {
            let (n, holds) = (e.n, self.op.holds(e.mean, self.value));
            return match (n, holds) {
                // Known of all but a twentieth to either side, as `precision` has it.
                (ENOUGH.., true) => Ruling::Holds,
                (ENOUGH.., false) => {
                    Ruling::Fails(format!("{name} is {} in all {n} runs", show(e.mean)))
                }
                (2.., _) => Ruling::Undecided(format!(
                    "{name} is {} in all {n} runs, which gives no interval; {ENOUGH} runs that \
                     agree would decide",
                    show(e.mean)
                )),
                _ => Ruling::Undecided(format!(
                    "{name} is {}; one run gives no interval, more replications would give one",
                    show(e.mean)
                )),
            };
        }
        let shown = format!(
            "{name} is {}, 95% interval {} to {}",
            show(e.mean),
            show(e.low),
            show(e.high)
        );
        self.by_interval(e, shown, |shown| format!("{shown}; {}", self.to_decide(&e)))
    }

    /// How many replications would make the interval narrow enough, were the mean to stay.
    fn to_decide(&self, e: &Estimate) -> String {
        let distance = (e.mean - self.value).abs();
        // As far as runs that all agree say something, and not trials within them.
        let of_runs = e.or_of_runs(0.0, 1.0);
        let agree = e.agrees()
            && self.column.metric.domain == Domain::Share
            && (e.high, e.low) == (of_runs.high, of_runs.low);
        let needed = match self.column.metric.interval {
            // Wilson's limits v solve (p − v)² = z² v(1 − v)/n.
            Interval::Wilson => self.value * (1.0 - self.value) * (Z_975 / distance).powi(2),
            // Runs that all agree say something of n/(n + z²) of all runs: the limit is as far
            // from the mean as it would be were the others at the far end.
            _ if agree => {
                let far = match self.value < e.mean {
                    true => e.mean,
                    false => 1.0 - e.mean,
                };
                Z_975 * Z_975 * (far / distance - 1.0)
            }
            // Trials of which hardly any hit: the limit falls as they grow in number.
            _ if e.n > 1 && e.sd == 0.0 => e.n as f64 * e.reach() / distance,
            _ => e.n as f64 * (e.reach() / distance).powi(2),
        };
        let needed = needed.ceil();
        if needed.is_finite() && needed < 1e9 {
            let needed = needed.max(e.n as f64 + 1.0);
            format!("about {needed} replications would decide")
        } else {
            "no number of replications would decide".to_string()
        }
    }
}

/// The change from `then` to `now` in parts of `then`, with an interval to first order:
/// the two are independent.
fn relative_change(now: Estimate, then: Estimate) -> Estimate {
    let ratio = now.mean / then.mean;
    let [below, above] = [now.mean - now.low, now.high - now.mean].map(|x| x / then.mean);
    let [less, more] = [then.mean - then.low, then.high - then.mean].map(|x| x / then.mean);
    Estimate {
        mean: ratio - 1.0,
        low: ratio - 1.0 - below.hypot(ratio * more),
        high: ratio - 1.0 + above.hypot(ratio * less),
        n: now.n.min(then.n),
        sd: f64::NAN,
    }
}

/// A finite number: plain, or a percentage.
fn number(text: &str) -> Option<f64> {
    let number = match text.strip_suffix('%') {
        Some(digits) => hundredth(digits),
        None => text.trim().replace('_', "").parse().ok(),
    };
    number.filter(|x: &f64| x.is_finite())
}

/// A change: a percentage, or a plain share.
fn relative(text: &str) -> Result<f64, ValueError> {
    match number(text) {
        Some(number) => Ok(number),
        None => Err(ValueError::new(
            0..text.len(),
            "expected a change relative to the baseline, such as 5%",
        )),
    }
}

/// The number to compare with: plain, a percentage, or for times a duration.
fn threshold(text: &str, column: &Column) -> Result<f64, ValueError> {
    let Metric { unit, domain, .. } = column.metric;
    let whole = || 0..text.len();
    let value = match number(text) {
        Some(number) => number,
        // `5s` and `250ms` as well as 5 and 0.25.
        None if unit == Unit::Seconds && text.starts_with(|c: char| c.is_ascii_digit()) => {
            Nanos::parse(text)?.as_secs()
        }
        None => {
            return Err(ValueError::new(
                whole(),
                "expected a number, in the unit of the metric",
            ));
        }
    };
    if let Some(why) = domain.refuses(value) {
        let never = why.replacen("is ", "is never ", 1);
        let error = ValueError::new(whole(), format!("`{}` {never}", column.name));
        return Err(match (domain, text.ends_with('%')) {
            (Domain::Share, true) => error.help("a share is from 0% to 100%"),
            (Domain::Share, false) => {
                error.help(format!("a percentage ends in %: {}%", three_digits(value)))
            }
            _ => error,
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use herdsim_core::herd::METRICS;

    fn parse(text: &str) -> Result<Assertion, ValueError> {
        let columns: Vec<Column> = METRICS.iter().map(|m| Column::of(m.metric)).collect();
        Assertion::parse(text, "policy", &["fixed", "budget"], &columns)
    }

    #[test]
    fn names_of_metrics_may_hold_a_dot() {
        let visible = Column::named("t_visibility_0.999_s".to_string(), METRICS[0].metric);
        let read = |text: &str| {
            Assertion::parse(
                text,
                "setting",
                &["N=3 R=1 W=1"],
                std::slice::from_ref(&visible),
            )
        };
        let all = read("t_visibility_0.999_s < 5").unwrap();
        assert_eq!(
            (all.cell.as_deref(), &*all.column.name),
            (None, "t_visibility_0.999_s")
        );
        let one = read("N=3 R=1 W=1.t_visibility_0.999_s < 5").unwrap();
        assert_eq!(one.cell.as_deref(), Some("N=3 R=1 W=1"));
        assert!(read("N=4.t_visibility_0.999_s < 5").is_err());
        assert!(read("visibility_0.999_s < 5").is_err());
    }

    #[test]
    fn assertions_are_read_with_places() {
        let a = parse("budget.success_ratio >= 95%").unwrap();
        assert_eq!(
            (&*a.column.name, a.op, a.value),
            ("success_ratio", Op::AtLeast, 0.95)
        );
        let error = |text: &str| parse(text).unwrap_err();
        assert_eq!(error("recovery < 5").span, 0..8);
        assert!(error("recovery < 5").help.unwrap().contains("recovery_s"));
        assert_eq!(error("bugdet.recovery_s<5").span, 0..6);
        assert_eq!(error("recovery_s < soon").span, 13..17);
        assert_eq!(error("recovery_s = 5").span, 0..14);
        assert_eq!(error("success_ratio > 95").span, 16..18);
        let a = parse("budget.recovery_s < 500ms").unwrap();
        assert_eq!(a.value, 0.5);
    }

    #[test]
    fn replications_that_would_decide() {
        let assertion = |text| parse(text).unwrap();
        // Half the distance takes four times the replications.
        let e = Estimate::of((0..20).map(|i| 9.0 + f64::from(i % 2) * 2.0));
        let twice = 10.0 - e.half_width() / 2.0;
        let text = format!("attempts_per_call > {twice}");
        assert!(assertion(&text).to_decide(&e).contains("about 80 "));
        // 18 of 20 against 0.95: with n replications at the same share, Wilson's
        // interval has its end there when n = z² · 0.95 · 0.05 / 0.05².
        let e = Estimate::share(18.0, 20);
        let text = assertion("recovered_ratio < 95%").to_decide(&e);
        assert!(text.contains("about 73 "), "{text}");
        for (n, decides) in [(72.0, false), (74.0, true)] {
            let ones = 0.9 * n;
            let end = wilson_high(ones, n);
            assert_eq!(end < 0.95, decides, "{n}");
        }
    }

    /// Wilson's upper limit in the form of the textbooks.
    fn wilson_high(ones: f64, n: f64) -> f64 {
        let (p, z) = (ones / n, 1.959964);
        let half = (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        (p + z * z / (2.0 * n) + z * half) / (1.0 + z * z / n)
    }
}
