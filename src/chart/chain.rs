//! What a chain of services makes of one call: attempts at each of them.

use crate::chart::names::{Names, end_labels};
use crate::chart::render::{Align, Canvas, Chart, ChartError, Plot as Values, PlotSeries, Type};
use crate::chart::sheet::{Words, curve_names, level, sheet};
use crate::chart::theme;
use herdsim_core::ensemble::herd::Results;
use herdsim_words::format::three_digits;
use herdsim_words::verdict::herd::titles;

const PANEL: f64 = 420.0;

/// The chart `amplification`.
pub fn amplification(results: &Results) -> Result<Chart, ChartError> {
    let what = "Attempts at each service of the chain for every call of the callers";
    let curves: Vec<Vec<f64>> = results.policies.iter().map(|p| p.amplification()).collect();
    let during: Vec<Vec<f64>> = results
        .policies
        .iter()
        .map(|p| p.amplification_during())
        .collect();
    let all = || curves.iter().chain(&during).flatten().copied();
    let most = all().filter(|x| x.is_finite()).fold(1.0, f64::max);
    let least = all().filter(|x| *x > 0.0);
    let names = curve_names(results);
    let plot = Plot {
        results,
        right: names.right([]),
        names,
        // From the power of two below to the one above, at least from 1 to 2.
        // (a window cuts off some attempts of its last calls).
        low: (1.02 * least.fold(1.0, f64::min)).log2().floor(),
        high: most.log2().ceil().max(1.0),
    };
    let words = Words {
        name: "amplification",
        title: &titles::amplification(results),
        what,
        how: "mean of all runs",
    };
    sheet(
        results,
        words,
        PANEL + 150.0 + plot.names.height(),
        |canvas, top| {
            plot.paint(canvas, top, &curves, &during);
        },
    )
}

struct Plot<'r> {
    results: &'r Results,
    names: Names,
    right: f64,
    /// Powers of two at the ends of the axis.
    low: f64,
    high: f64,
}

impl Plot<'_> {
    fn x(&self, tier: usize) -> f64 {
        // Callers stand at the left edge, the last service at the right one.
        let places = self.results.scenario.services.len() as f64;
        theme::LEFT + (self.right - theme::LEFT) * tier as f64 / places
    }

    /// Curves over the whole run and, in dashes, while the faults last.
    fn paint(&self, canvas: &mut Canvas<'_>, top: f64, curves: &[Vec<f64>], during: &[Vec<f64>]) {
        let bottom = top + PANEL;
        let y = |value: f64| {
            let share = (value.log2() - self.low) / (self.high - self.low);
            bottom - share.clamp(0.0, 1.0) * PANEL
        };
        canvas.text(
            (theme::LEFT, top - 16.0),
            match during.iter().flatten().any(|x| x.is_finite()) {
                true => "Attempts for every call of the callers · dashed: while the faults last",
                false => "Attempts for every call of the callers",
            },
            Type::new(theme::HEADING, theme::INK),
        );
        // At most some ten lines, each a power of two.
        let step = ((self.high - self.low) / 10.0).ceil().max(1.0);
        let mut power = self.low;
        while power <= self.high {
            let at = y(power.exp2());
            level(
                canvas,
                at,
                self.right,
                &three_digits(power.exp2()),
                theme::GRID,
            );
            power += step;
        }
        canvas.line(
            &[(theme::LEFT, bottom), (self.right, bottom)],
            theme::AXIS,
            1.5,
        );
        let centred = Type::new(theme::TICK, theme::SOFT).align(Align::Centre);
        canvas.text((theme::LEFT, bottom + 30.0), "calls", centred);
        for tier in 0..self.results.scenario.services.len() {
            let name = self.results.scenario.tier_name(tier);
            let name = theme::shorten(&name, theme::TICK, false, 160.0);
            canvas.text((self.x(tier + 1), bottom + 30.0), &name, centred);
        }
        let points = |curve: &[f64]| -> Vec<(f64, f64)> {
            let whole = std::iter::once(1.0).chain(curve.iter().copied());
            let whole = whole.enumerate().filter(|(_, value)| *value > 0.0);
            whole
                .map(|(tier, value)| (self.x(tier), y(value)))
                .collect()
        };
        for (i, curve) in during.iter().enumerate() {
            if curve.iter().all(|x| x.is_finite()) {
                canvas.dashed(&points(curve), theme::colour(i), 1.6, (3.0, 5.0));
            }
        }
        let mut labels = Vec::new();
        for (i, curve) in curves.iter().enumerate() {
            let colour = theme::colour(i);
            let points = points(curve);
            canvas.curve(&points, i);
            for point in &points {
                canvas.dot(*point, 5.0, colour);
            }
            if let Some((_, at)) = points.last() {
                labels.extend(self.names.end(i, *at));
            }
        }
        end_labels(canvas, self.right, (top, bottom), labels);
        self.names.legend(canvas, bottom + 60.0);
        let tiers = 0..self.results.scenario.services.len();
        canvas.plot(Values {
            area: [theme::LEFT, top, self.right, bottom],
            x: tiers.clone().map(|tier| self.x(tier + 1)).collect(),
            labels: tiers
                .map(|tier| self.results.scenario.tier_name(tier))
                .collect(),
            series: curves
                .iter()
                .enumerate()
                .map(|(i, curve)| PlotSeries {
                    name: self.results.policies[i].name.clone(),
                    colour: theme::hex(theme::colour(i)),
                    values: curve.iter().map(|x| three_digits(*x)).collect(),
                })
                .collect(),
        });
    }
}
