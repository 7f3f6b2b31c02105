//! How dark a count is drawn.

use plotters::style::RGBColor;

use crate::chart::render::{Canvas, Type};
use crate::chart::theme;
use herdsim_words::format::thousands;

/// Which counts are drawn how dark: each shade stands for as many times the one before, and
/// one of them for what is usual, so that chance alone hardly changes it.
pub(super) struct Shades {
    /// The count in the middle of each shade, ascending.
    middles: Vec<f64>,
    /// The width of a bin in seconds.
    width: f64,
    /// From the middle of a shade to where the next begins.
    between: f64,
}

impl Shades {
    /// Of counts in bins so wide, in seconds, of which one is usual; each shade stands for
    /// `times` the one before.
    pub fn new(usual: f64, most: f64, width: f64, times: f64) -> Shades {
        let usual = if usual > 0.0 { usual } else { 1.0 };
        let most = most.max(1.0);
        let darkest = (most / usual).log(times).round() as i32;
        let shades = (0..theme::HEAT.len() as i32).rev();
        let middles = shades.map(|back| usual * times.powi(darkest - back));
        let mut middles: Vec<f64> = middles.collect();
        // Nothing is fewer than one attempt.
        let between = times.sqrt();
        let needless = middles.iter().filter(|m| **m * between < 1.0).count();
        middles.drain(..needless.min(middles.len() - 1));
        Shades {
            middles,
            width,
            between,
        }
    }

    /// The shade of a count; nothing of none.
    pub fn of_count(&self, count: f64) -> Option<usize> {
        let reaches = |middle: &f64| count >= middle / self.between;
        let shade = self.middles.iter().rposition(reaches).unwrap_or(0);
        (count > 0.0).then_some(shade)
    }

    pub fn colour(&self, shade: usize) -> RGBColor {
        // The darkest is always used.
        theme::HEAT[theme::HEAT.len() - self.middles.len() + shade]
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.middles.len()
    }

    /// What they stand for, in a line.
    pub fn legend(&self, canvas: &mut Canvas<'_>, y: f64) {
        let style = Type::new(theme::TICK, theme::SOFT);
        let name = "attempts per second, about";
        canvas.text((theme::LEFT, y), name, style);
        let mut x = theme::LEFT + theme::measure(name, theme::TICK, false) + 20.0;
        for (i, middle) in self.middles.iter().enumerate() {
            canvas.rect((x, y - 16.0), (x + 26.0, y + 4.0), self.colour(i));
            let text = about(middle / self.width);
            canvas.text((x + 34.0, y), &text, style);
            x += 34.0 + theme::measure(&text, theme::TICK, false) + 22.0;
        }
    }
}

/// A rate to two digits.
fn about(rate: f64) -> String {
    let unit = 10f64.powf((rate.log10().floor() - 1.0).max(0.0));
    thousands((rate / unit).round() * unit)
}
