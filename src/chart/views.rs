//! What goes on against time, as it is drawn: views of the time series, the curves of all
//! policies, and axes that hold them.

use crate::chart::sheet::DECADES;
use crate::chart::theme;
use crate::chart::time::TimeScale;
use crate::measured::Measured;
use herdsim_core::ensemble::herd::Results;
use herdsim_core::metric::Key;
use herdsim_core::stats::Estimate;

/// Bins drawn at most, each wider than a pixel.
const MOST_BINS: usize = 800;
/// What measured series are called.
pub(super) const MEASURED: &str = "measured";

/// What a panel shows.
pub(super) struct View {
    pub heading: &'static str,
    pub column: Key,
    /// A level to draw across, and its name.
    pub level: Option<(f64, String)>,
    /// A value on the axis.
    pub show: fn(f64) -> String,
    /// Values may lie decades apart: logarithmic where they do.
    pub wide: bool,
}

/// A vertical axis.
pub(super) struct Axis {
    pub ticks: Vec<f64>,
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Axis {
    fn linear(most: f64) -> Axis {
        let ticks = theme::ticks(most, 4);
        Axis {
            low: 0.0,
            high: ticks.last().copied().unwrap_or(1.0),
            ticks,
            logarithmic: false,
        }
    }

    /// Powers of ten around everything.
    fn logarithmic(least: f64, most: f64) -> Axis {
        let powers = least.log10().floor() as i32..=most.log10().ceil() as i32;
        let ticks: Vec<f64> = powers.map(|power| 10f64.powi(power)).collect();
        Axis {
            low: ticks.first().copied().unwrap_or(1.0),
            high: ticks.last().copied().unwrap_or(10.0),
            ticks,
            logarithmic: true,
        }
    }

    /// How far up a value stands, from 0 to 1.
    pub fn share(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        match self.logarithmic {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        }
    }
}

/// To the horizon, or to the end of the runs.
pub(super) fn end(results: &Results) -> f64 {
    let run = &results.scenario.run;
    let bins = results.policies.iter().map(|p| p.series.len()).max();
    let end = bins.unwrap_or(0) as f64 * run.bin.as_secs();
    end.min(run.horizon.as_secs())
}

/// A stretch of one curve: from when to when, in seconds, and how high.
pub(super) type Step = (f64, f64, Estimate);

/// Stretches without a gap: where there is no value, no line is drawn.
pub(super) fn runs(steps: &[Step]) -> impl Iterator<Item = &[Step]> {
    steps.chunk_by(|a, b| b.0 - a.1 < 0.5 * (a.1 - a.0))
}

/// The bins of one policy up to `end`. Where there are too many to see, of each few the
/// lowest and the highest, as they come: a peak is not lost among its neighbours.
fn steps(results: &Results, policy: usize, column: Key, end: f64) -> Vec<Step> {
    let column = column.index();
    let bin = results.scenario.run.bin.as_secs();
    let series = &results.policies[policy].series;
    let all = series.iter().enumerate().map(|(i, own)| {
        let from = i as f64 * bin;
        (from, (from + bin).min(end), own[column])
    });
    let all: Vec<Step> = all.filter(|(_, _, e)| !e.mean.is_nan()).collect();
    let together = series.len().div_ceil(MOST_BINS / 2).max(1);
    if series.len() <= MOST_BINS {
        return all;
    }
    let ends = |group: &[Step]| -> Vec<Step> {
        let by_mean = |a: &&Step, b: &&Step| a.2.mean.total_cmp(&b.2.mean);
        let (first, last) = (group[0].0, group[group.len() - 1].1);
        let middle = (first + last) / 2.0;
        let least = group.iter().min_by(by_mean);
        let most = group.iter().max_by(by_mean);
        let (Some(least), Some(most)) = (least, most) else {
            return Vec::new();
        };
        let (a, b) = if least.0 <= most.0 {
            (least, most)
        } else {
            (most, least)
        };
        vec![(first, middle, a.2), (middle, last, b.2)]
    };
    let group = |step: &Step| (step.0 / bin / together as f64 + 1e-6) as usize;
    all.chunk_by(|a, b| group(a) == group(b))
        .flat_map(ends)
        .collect()
}

/// A line through the middle of fine steps; wide ones are drawn as steps.
pub(super) fn trace(
    scale: &TimeScale<'_>,
    steps: &[Step],
    level: impl Fn(&Estimate) -> f64,
) -> Vec<(f64, f64)> {
    let wide = steps
        .first()
        .is_some_and(|(from, to, _)| scale.x(*to) - scale.x(*from) > 6.0);
    let corners = |(from, to, e): &Step| match wide {
        true => vec![(scale.x(*from), level(e)), (scale.x(*to), level(e))],
        false => vec![(scale.x((from + to) / 2.0), level(e))],
    };
    steps.iter().flat_map(corners).collect()
}

/// What is drawn of a view: the curve of every policy, the level across where it is not far
/// above them, and an axis for all of that.
pub(super) struct Drawn<'v> {
    pub curves: Vec<Vec<Step>>,
    pub capacity: Option<(f64, &'v str)>,
    pub axis: Axis,
    /// What was measured of it, in stretches.
    pub measured: Vec<Vec<[f64; 2]>>,
}

/// What is drawn beside results.
#[derive(Clone, Copy)]
pub(super) struct Beside<'b> {
    /// Results whose curves have to fit as well.
    pub runs: &'b [&'b Results],
    pub measured: Option<&'b Measured>,
}

impl Beside<'_> {
    /// The name that measured curves take room for.
    pub fn label(&self) -> Option<&'static str> {
        self.measured.map(|_| MEASURED)
    }
}

impl<'v> Drawn<'v> {
    pub fn of(view: &'v View, results: &Results, beside: Beside<'_>, end: f64) -> Drawn<'v> {
        let of = |results: &Results| -> Vec<Vec<Step>> {
            let policies = 0..results.policies.len();
            policies
                .map(|i| steps(results, i, view.column, end))
                .collect()
        };
        let curves = of(results);
        let others: Vec<Vec<Step>> = beside.runs.iter().flat_map(|results| of(results)).collect();
        let measured = beside.measured;
        let measured = measured.map_or_else(Vec::new, |m| m.stretches(view.column, end, MOST_BINS));
        let values = || measured.iter().flatten().map(|[_, value]| *value);
        let all = || curves.iter().chain(&others).flatten();
        let most = all()
            .map(|(_, _, e)| e.mean.max(if e.high.is_nan() { 0.0 } else { e.high }))
            .chain(values())
            .fold(0.0, f64::max);
        let least = all()
            .map(|(_, _, e)| e.mean)
            .chain(values())
            .filter(|mean| *mean > 0.0)
            .fold(f64::INFINITY, f64::min);
        // A capacity far above everything would press the curves flat.
        let level = view.level.as_ref();
        let level = level.map(|(level, name)| (*level, name.as_str()));
        let capacity = level.filter(|(level, _)| *level <= 4.0 * most);
        let top = capacity.map_or(most, |(level, _)| most.max(level)) * 1.02;
        let axis = match view.wide && top > DECADES * least {
            true => Axis::logarithmic(least, top),
            false => Axis::linear(top),
        };
        Drawn {
            curves,
            capacity,
            axis,
            measured,
        }
    }
}
