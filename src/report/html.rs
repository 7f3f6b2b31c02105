//! `report.html`: one page that asks for nothing else.

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chart::Chart;
use crate::chart::render::{FINE, recoloured};
use crate::chart::theme::{REGULAR, SEMIBOLD, TONES, Tone, colour, hex};
use crate::playground;
use crate::report::story::{Part, Story, stopped};
use herdsim_words::format::{capital, glued};
use herdsim_words::text_table::TextTable;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'s> {
    story: &'s Story,
    parts: Vec<(&'s str, Vec<Figure<'s>>)>,
    tones: &'static [Tone],
    /// The fonts of charts: weight and data.
    fonts: [(u16, String); 2],
    version: &'static str,
}

/// A chart on the page, already markup, and what it tells where the pointer is.
struct Figure<'s> {
    name: &'s str,
    title: String,
    subtitle: String,
    /// Pixels of the drawing above what is shown of it.
    head: f64,
    svg: String,
    /// JSON, or nothing.
    hover: String,
}

impl Page<'_> {
    fn summary(&self) -> Vec<String> {
        self.story
            .summary
            .iter()
            .map(|s| glued(&stopped(s)))
            .collect()
    }

    fn warnings(&self) -> Vec<String> {
        self.story
            .warnings
            .iter()
            .map(|s| glued(&stopped(s)))
            .collect()
    }

    fn title(&self) -> String {
        glued(&self.story.title)
    }

    fn lead(&self) -> Option<String> {
        self.story.lead.as_deref().map(glued)
    }

    /// Whether there is a page beside this one on which the scenario can be moved.
    fn moves(&self) -> bool {
        playground::is_here() && self.story.playable.is_some()
    }

    /// The colour of the i-th policy, as the page calls it.
    fn colour(&self, i: &usize) -> String {
        of_page(&hex(colour(*i)))
    }

    /// Places of the page: of each chart, where there are more than a few.
    fn places(&self) -> Vec<(&str, String)> {
        let figures = self.parts.iter().flat_map(|(_, figures)| figures);
        let name = |figure: &Figure<'_>| capital(&figure.name.replace('-', " "));
        let all: Vec<_> = figures.map(|f| (f.name, name(f))).collect();
        if all.len() > 2 { all } else { Vec::new() }
    }

    /// Tables with how each cell sorts: by its first number, or as text.
    fn tables(&self) -> Vec<(&TextTable, Vec<Vec<Cell>>)> {
        let cell = |text: &String| Cell {
            text: text.clone(),
            key: key(text),
        };
        let rows = |grid: &TextTable| {
            let row = |row: &Vec<String>| row.iter().map(cell).collect();
            grid.rows.iter().map(row).collect()
        };
        self.story.tables.iter().map(|g| (g, rows(g))).collect()
    }
}

/// A cell of a table and what it sorts by.
struct Cell {
    text: String,
    key: String,
}

/// What a cell sorts by, a number where it begins with one: `96.7 ±0.02%` is
/// 96.7, `67.3 ms` 0.0673 s; `never` comes last.
fn key(text: &str) -> String {
    let plain = text.replace([',', '<', '>', '+'], "").replace('−', "-");
    let plain = plain.trim_start_matches(['≥', ' ']);
    let end = plain
        .find(|c: char| !(c.is_ascii_digit() || ".-e".contains(c)))
        .unwrap_or(plain.len());
    let unit = plain[end..].trim_start();
    let scale = match unit.split_whitespace().next().unwrap_or("") {
        "µs" => 1e-6,
        "ms" => 1e-3,
        "min" => 60.0,
        _ => 1.0,
    };
    match (plain[..end].parse::<f64>(), text) {
        (Ok(x), _) => format!("{}", x * scale),
        (_, "at once") => "0".to_string(),
        (_, "never" | "–") => "1e300".to_string(),
        (_, text) => text.to_lowercase(),
    }
}

/// The page.
///
/// # Errors
/// None that the template could meet: it has no input but strings.
pub fn html(story: &Story, parts: &[Part]) -> String {
    fn figure<'c>(chart: &'c Chart, page: &str, setting: &str) -> Figure<'c> {
        // What the page says once, no chart need say again.
        let said: Vec<&str> = setting.split(" · ").collect();
        let parts = chart
            .subtitle
            .split(" · ")
            .filter(|part| !said.contains(part));
        let subtitle: Vec<&str> = parts.collect();
        // Where the page has its title, it is called by what it shows.
        let title = match (chart.title == page, chart.description.split_once(". ")) {
            (true, Some((what, _))) => what,
            _ => &chart.title,
        };
        Figure {
            name: &chart.name,
            title: glued(title),
            subtitle: subtitle.join(" · "),
            head: chart.head,
            svg: inline(chart),
            hover: hover(chart),
        }
    }
    let mut figures = Vec::new();
    for part in parts {
        let own = part
            .charts
            .iter()
            .map(|chart| figure(chart, &story.title, &story.setting));
        figures.push((part.heading.as_str(), own.collect()));
    }
    let page = Page {
        story,
        parts: figures,
        tones: &TONES,
        fonts: [(400, REGULAR), (600, SEMIBOLD)].map(|(w, font)| (w, STANDARD.encode(font))),
        version: env!("CARGO_PKG_VERSION"),
    };
    page.render().unwrap_or_else(|e| unreachable!("{e}"))
}

/// A colour as the page calls it.
fn of_page(colour: &str) -> String {
    let known = TONES.iter().find(|t| t.light.eq_ignore_ascii_case(colour));
    known.map_or(colour.to_string(), |tone| format!("var(--{})", tone.name))
}

/// The drawing with the page's colours in place of its own, as wide as its place, from where
/// its content begins: title and subtitle are text on a page.
fn inline(chart: &Chart) -> String {
    let svg = recoloured(&chart.svg, |tone| format!("var(--{})", tone.name));
    let head = chart.head * FINE;
    let cut = |rest: &str| -> Option<String> {
        let (size, body) = rest.split_once('"')?;
        let mut size = size.split(' ').skip(2).map(str::parse::<f64>);
        let (width, height) = (size.next()?.ok()?, size.next()?.ok()?);
        let height = height - head;
        Some(format!("<svg viewBox=\"0 {head} {width} {height}\"{body}"))
    };
    let rest = svg.split_once("viewBox=\"").map(|(_, rest)| rest);
    rest.and_then(cut).unwrap_or(svg)
}

/// What to show where the pointer is, for the page's script.
fn hover(chart: &Chart) -> String {
    if chart.plots.is_empty() && chart.spots.is_empty() {
        return String::new();
    }
    let plots: Vec<serde_json::Value> = chart
        .plots
        .iter()
        .map(|plot| {
            serde_json::json!({
                "area": plot.area,
                "x": plot.x,
                "labels": plot.labels,
                "series": plot.series.iter().map(|s| serde_json::json!({
                    "name": s.name, "colour": of_page(&s.colour), "values": s.values,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let spots = chart.spots.iter();
    let spots: Vec<_> = spots
        .map(|spot| serde_json::json!([spot.area, spot.lines]))
        .collect();
    // A `<` inside of a script could end it.
    serde_json::json!({ "plots": plots, "spots": spots })
        .to_string()
        .replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_sort_by_what_they_mean() {
        assert_eq!(key("96.70 ±0.02%"), "96.7");
        assert_eq!(key("67.3 ms"), "0.0673");
        assert_eq!(key("1,234"), "1234");
        assert_eq!(key("≥ 50 s"), "50");
        assert_eq!(key("at once"), "0");
        assert_eq!(key("never"), "1e300");
        assert_eq!(key("fixed"), "fixed");
    }

    #[test]
    fn nothing_escapes_onto_the_page() {
        let story = Story {
            title: "<script>alert(1)</script> & =cmd() \u{202e}".to_string(),
            summary: vec!["a <b> \"c\"".to_string()],
            tables: vec![TextTable::new(
                "",
                &["<x>"],
                &[vec!["</td><img>".to_string()]],
            )],
            ..Story::default()
        };
        let page = html(&story, &[]);
        assert!(!page.contains("<script>alert") && !page.contains("</td><img>"));
        assert!(page.contains("&#60;script&#62;alert(1)") || page.contains("&lt;script"));
        let page = page.replace("url(data:", "");
        for remote in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(remote), "{remote}");
        }
    }
}
