//! How charts look: sizes in pixels of a 1350 wide drawing, colours, text measure.

use std::sync::LazyLock;

use plotters::style::RGBColor;
use ttf_parser::Face;

pub const WIDTH: f64 = 1350.0;
pub const LEFT: f64 = 115.0;
pub const EDGE: f64 = 40.0;

pub const TITLE: f64 = 31.0;
pub const SUBTITLE: f64 = 20.0;
pub const HEADING: f64 = 22.0;
pub const LABEL: f64 = 22.0;
pub const TICK: f64 = 20.0;
pub const SMALL: f64 = 17.0;

pub const INK: RGBColor = RGBColor(32, 33, 36);
pub const SOFT: RGBColor = RGBColor(95, 99, 104);
pub const FAINT: RGBColor = RGBColor(140, 145, 150);
pub const GRID: RGBColor = RGBColor(232, 234, 237);
pub const AXIS: RGBColor = RGBColor(150, 154, 159);
pub const SHADE: RGBColor = RGBColor(240, 242, 245);
pub const PAPER: RGBColor = RGBColor(255, 255, 255);

/// Ink on fields whose colours are the same on every ground: nearly [`INK`] and
/// [`PAPER`], but no tones that change.
pub const ON_PALE: RGBColor = RGBColor(33, 34, 37);
pub const ON_DARK: RGBColor = RGBColor(254, 254, 254);

/// From few to many.
pub const HEAT: [RGBColor; 7] = [
    RGBColor(222, 235, 247),
    RGBColor(188, 215, 236),
    RGBColor(143, 190, 222),
    RGBColor(93, 158, 204),
    RGBColor(48, 121, 182),
    RGBColor(16, 80, 145),
    RGBColor(8, 41, 94),
];

/// Okabe and Ito's palette (2008), which the colour-blind can tell apart, its pale
/// tones darkened so that labels in them can be read on white, or replaced by dark ones
/// of Tol's muted scheme (2021).
const PALETTE: [RGBColor; 8] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(178, 84, 140),
    RGBColor(176, 118, 0),
    RGBColor(51, 34, 136),
    RGBColor(70, 70, 70),
    RGBColor(136, 34, 85),
];

/// What a drawing is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    Light,
    Dark,
}

/// A colour of drawings as they are made, its name on a page, and what it is on a
/// dark ground.
pub struct Tone {
    pub light: &'static str,
    pub name: &'static str,
    pub dark: &'static str,
}

/// Every colour that changes with the ground.
pub const TONES: [Tone; 22] = [
    tone("#FFFFFF", "paper", "#17191C"),
    tone("#202124", "ink", "#E8EAED"),
    tone("#5F6368", "soft", "#B3B8BD"),
    tone("#8C9196", "faint", "#8A9096"),
    tone("#E8EAED", "grid", "#303438"),
    tone("#969A9F", "axis", "#70767C"),
    tone("#F0F2F5", "shade", "#24282C"),
    tone("#D55E00", "c0", "#F08A3C"),
    tone("#0072B2", "c1", "#4FA8E0"),
    tone("#009E73", "c2", "#2FC296"),
    tone("#B2548C", "c3", "#D98CB8"),
    tone("#B07600", "c4", "#D9A63A"),
    tone("#332288", "c5", "#A99BF0"),
    tone("#464646", "c6", "#C4C8CC"),
    tone("#882255", "c7", "#EF5675"),
    tone("#DEEBF7", "h0", "#23384D"),
    tone("#BCD7EC", "h1", "#264A69"),
    tone("#8FBEDE", "h2", "#2B5E86"),
    tone("#5D9ECC", "h3", "#3577A5"),
    tone("#3079B6", "h4", "#4993C6"),
    tone("#105091", "h5", "#84BCE2"),
    tone("#08295E", "h6", "#D6EAF8"),
];

const fn tone(light: &'static str, name: &'static str, dark: &'static str) -> Tone {
    Tone { light, name, dark }
}

/// A colour as `#RRGGBB`.
pub fn hex(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// The colour of the i-th policy of a run, in every chart of it.
pub fn colour(i: usize) -> RGBColor {
    PALETTE[i % PALETTE.len()]
}

/// How the i-th curve is dashed, dash and gap, if it is: where colours come again.
pub fn dashes(i: usize) -> Option<(f64, f64)> {
    match i / PALETTE.len() {
        0 => None,
        1 => Some((11.0, 6.0)),
        _ => Some((3.0, 4.0)),
    }
}

pub const REGULAR: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.subset.otf");
pub const SEMIBOLD: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.subset.otf");

/// What a browser without Inter shows instead.
pub const FAMILY: &str = "Inter, Helvetica, Arial, sans-serif";

static FACES: LazyLock<[Option<Face<'static>>; 2]> =
    LazyLock::new(|| [REGULAR, SEMIBOLD].map(|data| Face::parse(data, 0).ok()));

/// Width of a text in pixels.
pub fn measure(text: &str, size: f64, bold: bool) -> f64 {
    let Some(face) = &FACES[usize::from(bold)] else {
        return text.chars().count() as f64 * size * 0.6;
    };
    let units: u32 = text
        .chars()
        .map(|c| {
            face.glyph_index(c)
                .and_then(|glyph| face.glyph_hor_advance(glyph))
                .map_or(u32::from(face.units_per_em()) / 2, u32::from)
        })
        .sum();
    f64::from(units) / f64::from(face.units_per_em()) * size
}

/// A text cut to `width` with an ellipsis in its middle, where names differ least.
pub fn shorten(text: &str, size: f64, bold: bool, width: f64) -> String {
    let chars: Vec<char> = text.chars().collect();
    let cut = |keep: usize| -> String {
        let (front, back) = (keep.div_ceil(2), keep / 2);
        let end = &chars[chars.len() - back..];
        chars[..front].iter().chain(&['…']).chain(end).collect()
    };
    match measure(text, size, bold) <= width {
        true => text.to_string(),
        false => (1..chars.len())
            .rev()
            .map(cut)
            .find(|short| measure(short, size, bold) <= width)
            .unwrap_or_else(|| "…".to_string()),
    }
}

/// Breaks a text into lines no wider than `width`.
pub fn wrap(text: &str, size: f64, bold: bool, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let word = shorten(word, size, bold, width);
        match lines.last_mut() {
            Some(line) if measure(&format!("{line} {word}"), size, bold) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Round values that cover 0 to `most` in about `n` steps; the last is at least `most`.
pub fn ticks(most: f64, n: usize) -> Vec<f64> {
    if most <= 0.0 || !most.is_finite() {
        return vec![0.0, 1.0];
    }
    let step = nice_step(most / n as f64);
    let count = (most / step - 1e-9).ceil() as usize;
    (0..=count).map(|i| i as f64 * step).collect()
}

/// Round values strictly within or at the ends of an interval.
pub fn ticks_within(from: f64, to: f64, n: usize) -> Vec<f64> {
    let step = nice_step((to - from) / n as f64);
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

fn nice_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let lead = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|lead| lead * power >= raw * (1.0 - 1e-9));
    lead.unwrap_or(10.0) * power
}

/// Moves labels apart: sorted targets in, positions at least `gap` apart out,
/// as near to the targets as that allows, within `low..=high` where they fit.
pub fn spread(targets: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    // Pool neighbours that would overlap, and centre each pool on its mean.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for &target in targets {
        pools.push((target, 1));
        while let [.., (above, n), (below, m)] = pools[..] {
            let distance = gap * (n + m) as f64 / 2.0;
            if below - above >= distance {
                break;
            }
            pools.truncate(pools.len() - 2);
            pools.push((
                (above * n as f64 + below * m as f64) / (n + m) as f64,
                n + m,
            ));
        }
    }
    let mut places: Vec<f64> = pools
        .into_iter()
        .flat_map(|(centre, n)| {
            (0..n).map(move |i| centre + gap * (i as f64 - (n - 1) as f64 / 2.0))
        })
        .collect();
    let mut ceiling = high;
    for place in places.iter_mut().rev() {
        *place = place.min(ceiling);
        ceiling = *place - gap;
    }
    let mut floor = low;
    for place in &mut places {
        *place = place.max(floor);
        floor = *place + gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover() {
        assert_eq!(
            ticks(38_000.0, 4),
            [0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0]
        );
        assert_eq!(
            ticks_within(2.0, 60.0, 6),
            [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
        );
        assert_eq!(ticks(0.0, 4), [0.0, 1.0]);
    }

    #[test]
    fn labels_keep_their_distance() {
        let places = spread(&[10.0, 12.0, 100.0, 101.0, 102.0], 20.0, 0.0, 120.0);
        assert!(
            places.windows(2).all(|w| w[1] - w[0] >= 20.0 - 1e-9),
            "{places:?}"
        );
        assert!(places[0] >= 0.0 && places[4] <= 120.0 + 1e-9);
        assert_eq!(spread(&[10.0, 50.0], 20.0, 0.0, 100.0), [10.0, 50.0]);
    }

    #[test]
    fn text_is_measured_with_the_embedded_font() {
        let narrow = measure("ill", 20.0, false);
        let wide = measure("www", 20.0, false);
        assert!(narrow < wide && wide < 60.0 && narrow > 5.0);
        let short = shorten("jitter-and-budget-of-the-other-team", 20.0, true, 150.0);
        assert!(
            short.starts_with("jit") && short.ends_with("eam"),
            "{short}"
        );
        assert!(measure(&short, 20.0, true) <= 150.0);
        let narrow = measure("ccc", 20.0, false);
        assert_eq!(wrap("a bb ccc", 20.0, false, narrow), ["a", "bb", "ccc"]);
        let long = wrap(&"x".repeat(200), 20.0, false, 150.0);
        assert!(long.len() == 1 && measure(&long[0], 20.0, false) <= 150.0);
    }
}
