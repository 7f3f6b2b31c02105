//! One sequence as lanes over time: bars for what lasts, arrows for messages.

use plotters::style::RGBColor;

use crate::chart::render::{Align, Canvas, Chart, ChartError, Type};
use crate::chart::sheet::{Sheet, Signed, signature};
use crate::chart::theme;
use herdsim_words::format::seconds;
use herdsim_words::verdict::sequence::{Arrow, Bar, Sequence, Tone};

const LANE: f64 = 128.0;
const BAR: f64 = 17.0;

/// Draws a sequence.
pub fn sequence(
    name: &'static str,
    sequence: &Sequence,
    signed: Signed<'_>,
) -> Result<Chart, ChartError> {
    let told: Vec<String> = sequence
        .events
        .iter()
        .map(|e| format!("{:.3} s, {}: {}", e.t_s, e.who, e.what))
        .collect();
    let sheet = Sheet {
        name,
        title: &sequence.title,
        subtitle: &sequence.subtitle,
        footer: &signature(signed.seed, "one trial", signed.name),
        description: &told.join("; "),
    };
    let widest = sequence
        .participants
        .iter()
        .map(|l| theme::measure(l, theme::LABEL, true));
    let left = theme::LEFT + widest.fold(0.0, f64::max) + 30.0;
    let height = LANE * (sequence.participants.len() as f64 - 0.45) + 92.0;
    sheet.draw(height, |canvas, top| {
        let board = Board {
            sequence,
            top,
            left,
        };
        board.paint(canvas);
    })
}

struct Board<'t> {
    sequence: &'t Sequence,
    top: f64,
    left: f64,
}

fn colour(tone: Tone) -> RGBColor {
    match tone {
        Tone::Quiet => theme::AXIS,
        Tone::Idle => theme::FAINT,
        Tone::Good => theme::colour(1),
        Tone::Bad => theme::colour(0),
    }
}

fn is_work(tone: Tone) -> bool {
    matches!(tone, Tone::Good | Tone::Bad)
}

impl Board<'_> {
    fn x(&self, t: f64) -> f64 {
        self.left + t / self.sequence.end * (theme::WIDTH - theme::EDGE - self.left)
    }

    fn y(&self, lane: usize) -> f64 {
        self.top + LANE * lane as f64
    }

    fn paint(&self, canvas: &mut Canvas<'_>) {
        let right = theme::WIDTH - theme::EDGE;
        for (lane, name) in self.sequence.participants.iter().enumerate() {
            let y = self.y(lane);
            canvas.text(
                (theme::LEFT, y + 7.5),
                name,
                Type::new(theme::LABEL, theme::INK).bold(),
            );
            canvas.line(&[(self.left, y), (right, y)], theme::GRID, 1.5);
        }
        for (i, bar) in self.sequence.bars.iter().enumerate() {
            // What overlaps an earlier bar of its kind stands below it.
            let over = self.sequence.bars[..i].iter().any(|other| {
                other.participant == bar.participant
                    && is_work(other.tone)
                    && is_work(bar.tone)
                    && other.to > bar.from
            });
            self.bar(canvas, bar, over);
        }
        // Names of messages that would overlap are left to the table.
        let mut taken: Vec<(f64, f64, f64)> = Vec::new();
        for arrow in &self.sequence.arrows {
            self.arrow(canvas, arrow, &mut taken);
        }
        let base = self.top + LANE * (self.sequence.participants.len() as f64 - 0.45);
        for tick in theme::ticks_within(0.0, self.sequence.end, 7) {
            canvas.line(
                &[(self.x(tick), base - 22.0), (self.x(tick), base - 14.0)],
                theme::AXIS,
                1.5,
            );
            canvas.text(
                (self.x(tick), base + 12.0),
                &seconds(tick),
                Type::new(theme::TICK, theme::SOFT).align(Align::Centre),
            );
        }
    }

    fn bar(&self, canvas: &mut Canvas<'_>, bar: &Bar, below: bool) {
        let (from, to, y) = (self.x(bar.from), self.x(bar.to), self.y(bar.participant));
        // A pause stands inside its lease.
        let (half, fill) = match bar.tone {
            Tone::Quiet => (BAR, theme::SHADE),
            Tone::Idle => (BAR * 0.55, RGBColor(205, 209, 214)),
            tone => (BAR, colour(tone)),
        };
        let (upper, lower) = match (is_work(bar.tone), below) {
            (true, false) => (y - half, y),
            (true, true) => (y, y + half),
            _ => (y - half, y + half),
        };
        canvas.rect((from, upper), (to.max(from + 2.0), lower), fill);
        let name = match (bar.name.as_str(), bar.tone) {
            ("", Tone::Idle) => "waits",
            ("", _) => "executes",
            (name, _) => name,
        };
        let lane = &self.sequence.participants[bar.participant];
        let span = format!("{} to {}", seconds(bar.from), seconds(bar.to));
        let lines = vec![format!("{lane}: {name}"), span];
        canvas.spot(
            (from - 2.0, upper),
            (to.max(from + 2.0) + 2.0, lower),
            lines,
        );
        if theme::measure(&bar.name, theme::SMALL, false) + 12.0 < to - from {
            let at = match bar.tone {
                Tone::Quiet => (from, y + BAR + 19.0),
                _ => ((from + to) / 2.0, y + 6.0),
            };
            let align = match bar.tone {
                Tone::Quiet => Align::Left,
                _ => Align::Centre,
            };
            canvas.text(
                at,
                &bar.name,
                Type::new(theme::SMALL, theme::SOFT).align(align),
            );
        }
    }

    fn arrow(&self, canvas: &mut Canvas<'_>, arrow: &Arrow, taken: &mut Vec<(f64, f64, f64)>) {
        let ink = match arrow.tone {
            Tone::Quiet => theme::SOFT,
            tone => colour(tone),
        };
        let from = (self.x(arrow.from.1), self.y(arrow.from.0));
        let mut to = (self.x(arrow.to.1), self.y(arrow.to.0));
        if arrow.from.0 != arrow.to.0 {
            let down = if to.1 > from.1 { 1.0 } else { -1.0 };
            if arrow.lost {
                to = (from.0 + (to.0 - from.0) / 2.0, (from.1 + to.1) / 2.0);
            } else {
                to.1 -= down * BAR;
            }
            let width = if arrow.tone == Tone::Bad { 2.8 } else { 1.8 };
            canvas.line(&[(from.0, from.1 + down * BAR * 0.6), to], ink, width);
            let arms = match arrow.lost {
                true => [[(-6.0, -6.0), (6.0, 6.0)], [(-6.0, 6.0), (6.0, -6.0)]],
                false => [
                    [(-5.0, -9.0 * down), (0.0, 0.0)],
                    [(5.0, -9.0 * down), (0.0, 0.0)],
                ],
            };
            let ink = if arrow.lost { theme::colour(0) } else { ink };
            for [(ax, ay), (bx, by)] in arms {
                let arm = [(to.0 + ax, to.1 + ay), (to.0 + bx, to.1 + by)];
                canvas.line(&arm, ink, width);
            }
        } else {
            canvas.dot((to.0, to.1), 6.0, ink);
        }
        if arrow.name.is_empty() {
            return;
        }
        let width = theme::measure(&arrow.name, theme::SMALL, true);
        // Beside the arrow's middle, or under a mark on its own lane.
        let (at, right) = match arrow.from.0 == arrow.to.0 {
            true => ((to.0 - width / 2.0, to.1 + BAR + 20.0), to.0 + width / 2.0),
            false => {
                let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0 + 6.0);
                match middle.0 + 8.0 + width < theme::WIDTH - theme::EDGE {
                    true => ((middle.0 + 8.0, middle.1), middle.0 + 8.0 + width),
                    false => ((middle.0 - 8.0 - width, middle.1), middle.0 - 8.0),
                }
            }
        };
        let clash = |(l, r, y): &(f64, f64, f64)| {
            at.0 < r + 6.0 && right > l - 6.0 && (at.1 - y).abs() < 20.0
        };
        let crossed = self.sequence.arrows.iter().any(|other| {
            let x = self.x(other.from.1);
            other.from.0 != other.to.0 && x > at.0 - 3.0 && x < right + 3.0
        });
        let beside = arrow.from.0 != arrow.to.0;
        if beside && crossed || taken.iter().any(clash) {
            return;
        }
        taken.push((at.0, right, at.1));
        canvas.text(at, &arrow.name, Type::new(theme::SMALL, ink).bold());
    }
}
