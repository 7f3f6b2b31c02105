//! A scale of time that several panels share, with the faults and actions over it.

use crate::chart::render::{Align, Canvas, Type};
use crate::chart::theme;
use herdsim_core::scenario::Scenario;
use herdsim_core::scenario::fault::{Fault, FaultKind, OnHosts};
use herdsim_words::format::{seconds, three_digits};
use herdsim_words::verdict::herd::actions::brief;

/// Height of a row of names of faults, above the first panel.
pub const FAULT_ROW: f64 = 28.0;

/// Seconds `from` to `to`, drawn from `left` to `right`.
pub struct TimeScale<'s> {
    pub scenario: &'s Scenario,
    pub from: f64,
    pub to: f64,
    pub left: f64,
    pub right: f64,
}

/// The name of a fault, or an action, over its window; rows count upwards.
pub struct FaultName {
    centre: f64,
    pub row: usize,
    text: String,
}

impl TimeScale<'_> {
    pub fn x(&self, t: f64) -> f64 {
        self.left + (t - self.from) / (self.to - self.from) * (self.right - self.left)
    }

    /// The faults and actions that are seen by name, each over its window, on as many rows
    /// as it takes.
    pub fn fault_names(&self) -> Vec<FaultName> {
        let mut rows: Vec<f64> = Vec::new();
        let faults = self.scenario.faults.iter().map(|fault| {
            // What only fades is named over all of it.
            let (start, to) = (fault.from, fault.to());
            let to = if start == to { fault.over() } else { to };
            (start.as_secs(), to.as_secs(), fault_name(fault))
        });
        let actions = self.scenario.actions.iter().map(|action| {
            let to = action.to().unwrap_or(action.from);
            (action.from.as_secs(), to.as_secs(), brief(action))
        });
        let mut named: Vec<(f64, f64, String)> = faults.chain(actions).collect();
        named.retain(|(start, ..)| *start < self.to);
        named.sort_by(|a, b| a.0.total_cmp(&b.0));
        let name = |(start, end, text): (f64, f64, String)| {
            let half = theme::measure(&text, theme::TICK, false) / 2.0;
            let middle = (start.max(self.from) + end.min(self.to)) / 2.0;
            let last = (self.right - half).max(self.left + half);
            let centre = self.x(middle).clamp(self.left + half, last);
            let row = match rows.iter().position(|end| *end < centre - half) {
                Some(row) => row,
                None => {
                    rows.push(0.0);
                    rows.len() - 1
                }
            };
            rows[row] = centre + half + 16.0;
            FaultName { centre, row, text }
        };
        named.into_iter().map(name).collect()
    }

    /// Names of faults over a panel that begins at `top`.
    pub fn name_faults(&self, canvas: &mut Canvas<'_>, names: &[FaultName], top: f64) {
        for name in names {
            canvas.text(
                (name.centre, top - 8.0 - FAULT_ROW * name.row as f64),
                &name.text,
                Type::new(theme::TICK, theme::SOFT).align(Align::Centre),
            );
        }
    }

    /// Shades the windows of all faults from `top` to `bottom`, and draws dashes where
    /// something is done about them, and where that ends.
    pub fn shade_faults(&self, canvas: &mut Canvas<'_>, top: f64, bottom: f64) {
        for fault in &self.scenario.faults {
            self.shade(canvas, fault, top, bottom);
        }
        for action in &self.scenario.actions {
            let lasts = action.lasts.and(action.to());
            for at in [Some(action.from), lasts].into_iter().flatten() {
                let at = at.as_secs();
                if (self.from..self.to).contains(&at) {
                    let x = self.x(at);
                    canvas.dashes((x, top), (x, bottom), theme::SOFT, 1.6);
                }
            }
        }
    }

    fn shade(&self, canvas: &mut Canvas<'_>, fault: &Fault, top: f64, bottom: f64) {
        let within = |t: f64| t.clamp(self.from, self.to);
        let start = within(fault.from.as_secs());
        let end = within(fault.to().as_secs());
        if end > start {
            canvas.rect((self.x(start), top), (self.x(end), bottom), theme::SHADE);
        }
        // Where it begins, so that one after another are told apart.
        let begins = fault.from.as_secs();
        if self.scenario.faults.len() > 1 && begins >= self.from && begins < self.to {
            let at = self.x(begins);
            canvas.line(&[(at, top), (at, bottom)], theme::AXIS, 1.0);
        }
        // A ramp fades out in steps.
        let over = within(fault.over().as_secs());
        let steps = 8;
        for i in 0..if over > end { steps } else { 0 } {
            let share = |i: i32| end + (over - end) * f64::from(i) / f64::from(steps);
            let x = (self.x(share(i)), self.x(share(i + 1)));
            let opacity = 1.0 - (f64::from(i) + 0.5) / f64::from(steps);
            canvas.band(
                &[(x.0, top), (x.1, top)],
                &[(x.0, bottom), (x.1, bottom)],
                theme::SHADE,
                opacity,
            );
        }
    }

    /// The seconds, under a panel that ends at `bottom`.
    pub fn axis(&self, canvas: &mut Canvas<'_>, bottom: f64) {
        self.ticks(canvas, bottom, 6);
        canvas.text(
            (self.right, bottom + 64.0),
            "seconds",
            Type::new(theme::TICK, theme::SOFT).align(Align::Right),
        );
    }

    /// About `n` of them.
    pub fn ticks(&self, canvas: &mut Canvas<'_>, bottom: f64, n: usize) {
        for tick in theme::ticks_within(self.from, self.to, n) {
            canvas.text(
                (self.x(tick), bottom + 32.0),
                &three_digits(tick),
                Type::new(theme::TICK, theme::SOFT).align(Align::Centre),
            );
        }
    }
}

fn fault_name(fault: &Fault) -> String {
    let what = match &fault.kind {
        FaultKind::Crash => "service down".to_string(),
        FaultKind::Stall => "service stalled".to_string(),
        FaultKind::Blackhole(p) if p.0 == 1.0 => "requests lost".to_string(),
        FaultKind::Blackhole(p) => format!("{}% requests lost", three_digits(p.0 * 100.0)),
        FaultKind::Refuse(p) if p.0 == 1.0 => "requests refused".to_string(),
        FaultKind::Refuse(p) => format!("{}% refused", three_digits(p.0 * 100.0)),
        FaultKind::Delay(law) => format!("{} later", seconds(law.mean_s())),
        FaultKind::Errors(p) => format!("{}% errors", three_digits(p.0 * 100.0)),
        FaultKind::Loss(p) => format!("{}% answers lost", three_digits(p.0 * 100.0)),
        FaultKind::Slow(x) if x.0 > 0.0 && x.0 < 1.0 => {
            format!("{}× faster", three_digits(1.0 / x.0))
        }
        FaultKind::Slow(x) => format!("{}× slower", three_digits(x.0)),
        FaultKind::Capacity(x) => format!("{}% capacity", three_digits(x.0 * 100.0)),
        FaultKind::Surge(x) => format!("{}× calls", three_digits(x.0)),
        _ => fault.kind.noun().to_string(),
    };
    match fault.hosts {
        None => what,
        Some(OnHosts::One(n)) => format!("host {n}: {what}"),
        Some(OnHosts::Share(p)) => format!("{}% of hosts: {what}", three_digits(p.0 * 100.0)),
        Some(hosts) => format!("{hosts}: {what}"),
    }
}
