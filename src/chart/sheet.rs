//! What every chart stands on: its title, its setting, its axes and its foot.

use herdsim_core::ensemble::herd::Results;
use plotters::style::RGBColor;

use crate::chart::names::{Names, label};
use crate::chart::render::{self, Align, Canvas, Chart, ChartError, Type};
use crate::chart::theme;
use herdsim_words::format::glued;
use herdsim_words::verdict::herd::setting;

/// The seed and the name of a run, for the foot of its charts.
#[derive(Clone, Copy)]
pub struct Signed<'s> {
    pub seed: u64,
    pub name: &'s str,
}

/// What stands around a chart: what was found as title, the setting under it, a footer.
pub(super) struct Sheet<'s> {
    pub name: &'s str,
    pub title: &'s str,
    pub subtitle: &'s str,
    pub footer: &'s str,
    /// What is shown, in words: the alternative text.
    pub description: &'s str,
}

impl Sheet<'_> {
    /// Draws it. `paint` is given the sheet and where its content begins, with
    /// `height` pixels from there to the end.
    pub fn draw(
        &self,
        height: f64,
        paint: impl FnOnce(&mut Canvas<'_>, f64),
    ) -> Result<Chart, ChartError> {
        let room = theme::WIDTH - theme::LEFT - theme::EDGE;
        let title = theme::wrap(&glued(self.title), theme::TITLE, true, room);
        let title: Vec<String> = title
            .iter()
            .map(|line| line.replace('\u{a0}', " "))
            .collect();
        let top = 150.0 + 40.0 * title.len() as f64;
        // Whole pixels, so that paper covers the last of them.
        let height = height.ceil();
        let size = (theme::WIDTH, top + height);
        let chart = render::draw(self.name, size, self.title, self.description, |canvas| {
            canvas.frame(top + height, &title, self.subtitle, self.footer);
            paint(canvas, top);
        })?;
        Ok(Chart {
            subtitle: self.subtitle.to_string(),
            // What stands over panels has this room.
            head: top - 88.0,
            ..chart
        })
    }
}

/// The sheet of a chart of herd results.
pub(super) fn sheet(
    results: &Results,
    words: Words<'_>,
    height: f64,
    paint: impl FnOnce(&mut Canvas<'_>, f64),
) -> Result<Chart, ChartError> {
    let sheet = Sheet {
        name: words.name,
        title: words.title,
        subtitle: &format!("{} · {}", setting(results), words.how),
        footer: &footer(results),
        description: &format!("{}. {}.", words.what, words.title),
    };
    sheet.draw(height, paint)
}

/// What a chart of herd results says of itself.
pub(super) struct Words<'w> {
    pub name: &'static str,
    /// What was found.
    pub title: &'w str,
    /// What is shown, for those who do not see it.
    pub what: &'w str,
    /// What its numbers are made of.
    pub how: &'w str,
}

/// Most charts show this.
pub(super) const MEANS: &str = "mean and 95% interval";

/// A horizontal line of the grid, with its value at the left edge.
pub(super) fn level(canvas: &mut Canvas<'_>, at: f64, right: f64, value: &str, colour: RGBColor) {
    canvas.line(&[(theme::LEFT, at), (right, at)], colour, 1.5);
    left_of(canvas, at, value);
}

/// A value at the left edge.
pub(super) fn left_of(canvas: &mut Canvas<'_>, at: f64, value: &str) {
    canvas.text(
        (theme::LEFT - 12.0, at + 7.0),
        value,
        Type::new(theme::TICK, theme::SOFT).align(Align::Right),
    );
}

/// Values that are further apart than this take a logarithmic axis.
pub(super) const DECADES: f64 = 30.0;

/// The ticks of a logarithmic axis: 1, 2 and 5 of every power of ten between two values,
/// with their names where they have room of `apart` pixels, powers of ten before others.
pub(super) fn decades(
    (low, high): (f64, f64),
    apart: f64,
    x: impl Fn(f64) -> f64,
    show: impl Fn(f64) -> String,
) -> Vec<(f64, Option<String>)> {
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let values = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|lead| lead * 10f64.powi(power)));
    let within = |value: &f64| *value >= low * 0.999 && *value <= high * 1.001;
    let mut ticks: Vec<(f64, Option<String>)> =
        values.filter(within).map(|value| (value, None)).collect();
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for place in 0..3 {
        for (value, name) in &mut ticks {
            let lead = (*value / 10f64.powi(value.log10().round() as i32)).log10();
            let is_power = lead.abs() < 1e-6;
            let is_two = (*value / 10f64.powi(value.log10().floor() as i32) - 2.0).abs() < 1e-6;
            if [is_power, is_two, !is_power && !is_two][place] {
                let text = show(*value);
                let half = (theme::measure(&text, theme::TICK, false) + apart) / 2.0;
                let (from, to) = (x(*value) - half, x(*value) + half);
                if taken
                    .iter()
                    .all(|(left, right)| to <= *left || from >= *right)
                {
                    taken.push((from, to));
                    *name = Some(text);
                }
            }
        }
    }
    ticks
}

/// A value below a horizontal axis at the height `base`.
pub(super) fn below(canvas: &mut Canvas<'_>, x: f64, base: f64, value: &str) {
    let style = Type::new(theme::TICK, theme::SOFT).align(Align::Centre);
    canvas.text((x, base + 32.0), value, style);
}

/// What a horizontal axis at the height `base` is about, at its right end.
pub(super) fn axis_name(canvas: &mut Canvas<'_>, right: f64, base: f64, name: &str) {
    let style = Type::new(theme::TICK, theme::SOFT).align(Align::Right);
    canvas.text((right, base + 64.0), name, style);
}

/// The names of the policies of a run.
pub(super) fn policy_names(results: &Results) -> impl Iterator<Item = &str> {
    results.policies.iter().map(|p| p.name.as_str())
}

/// The same for curves.
pub(super) fn curve_names(results: &Results) -> Names {
    Names::new(policy_names(results).map(label).enumerate())
}

/// What a chart says at its foot: enough to make it again.
pub(super) fn footer(results: &Results) -> String {
    let replications = match results.replications {
        1 => "1 replication".to_string(),
        n => format!("{n} replications"),
    };
    signature(
        results.scenario.run.seed,
        &replications,
        &results.scenario.name,
    )
}

/// Version, seed, size and scenario in one line.
pub(super) fn signature(seed: u64, size: &str, name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("herdsim {version} · seed {seed} · {size} · {name}/scenario.toml")
}
