//! `report.html`: one page that asks for nothing else.

use askama::Template;

use crate::chart::Chart;
use crate::chart::render::recoloured;
use crate::chart::theme::{TONES, Tone};
use crate::report::story::{Part, Story, heading, stopped};
use crate::text_table::TextTable;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'s> {
    story: &'s Story,
    parts: Vec<(&'s str, Vec<Figure<'s>>)>,
    tones: &'static [Tone],
    version: &'static str,
}

/// A chart on the page, already markup, and what it tells where the pointer is.
struct Figure<'s> {
    name: &'s str,
    heading: String,
    svg: String,
    /// JSON, or nothing.
    hover: String,
}

impl Page<'_> {
    fn summary(&self) -> Vec<String> {
        self.story.summary.iter().map(|s| stopped(s)).collect()
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
    fn figure(chart: &Chart) -> Figure<'_> {
        Figure {
            name: &chart.name,
            heading: unescaped(heading(chart)),
            svg: inline(&chart.svg),
            hover: hover(chart),
        }
    }
    let parts = parts
        .iter()
        .map(|part| {
            (
                part.heading.as_str(),
                part.charts.iter().map(figure).collect(),
            )
        })
        .collect();
    let page = Page {
        story,
        parts,
        tones: &TONES,
        version: env!("CARGO_PKG_VERSION"),
    };
    page.render().unwrap_or_else(|e| unreachable!("{e}"))
}

/// A colour as the page calls it.
fn of_page(colour: &str) -> String {
    let known = TONES.iter().find(|t| t.light.eq_ignore_ascii_case(colour));
    known.map_or(colour.to_string(), |tone| format!("var(--{})", tone.name))
}

/// The drawing with the page's colours in place of its own, as wide as its place.
fn inline(svg: &str) -> String {
    let svg = recoloured(svg, |tone| format!("var(--{})", tone.name));
    match svg.split_once("viewBox") {
        Some((_, body)) => format!("<svg viewBox{body}"),
        None => svg,
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
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
        for remote in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(remote), "{remote}");
        }
    }
}
