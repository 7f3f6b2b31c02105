//! A vertical logarithmic axis of chances.

use crate::chart::render::Canvas;
use crate::chart::sheet::level;
use crate::chart::theme;
use herdsim_words::format::three_digits;

/// The tick of a chance on a logarithmic axis down to `floor`: one way for all of them.
fn tick(p: f64, floor: f64) -> String {
    match p {
        p if floor >= 1e-4 => format!("{}%", three_digits(p * 100.0)),
        p if p >= 1e-3 => three_digits(p),
        p => format!("1e{:.0}", p.log10()),
    }
}

/// What a vertical logarithmic axis of chances covers.
#[derive(Clone, Copy)]
pub struct Chances {
    pub top: f64,
    height: f64,
    pub floor: f64,
}

impl Chances {
    /// From `top`, so high, down to a power of ten below what is `least`.
    pub fn new(top: f64, height: f64, least: f64) -> Chances {
        let floor = 10f64.powf(least.min(0.1).log10().floor());
        Chances { top, height, floor }
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Whether a chance is on the axis, and not below it.
    pub fn shows(&self, p: f64) -> bool {
        p >= self.floor * (1.0 - 1e-9)
    }

    pub fn y(&self, p: f64) -> f64 {
        let share = (p.max(self.floor) / self.floor).ln() / (1.0 / self.floor).ln();
        self.bottom() - share.min(1.0) * self.height
    }

    pub fn grid(&self, canvas: &mut Canvas<'_>, right: f64) {
        let decades = (-self.floor.log10()).round() as i32;
        let step = (decades / 7 + 1) as usize;
        for power in (0..=decades).step_by(step) {
            let p = 10f64.powi(-power);
            let at = self.y(p);
            level(canvas, at, right, &tick(p, self.floor), theme::GRID);
        }
        let base = self.bottom();
        canvas.line(&[(theme::LEFT, base), (right, base)], theme::AXIS, 1.5);
    }
}
