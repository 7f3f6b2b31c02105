//! Drawing on SVG by way of plotters, and SVG to PNG by way of resvg.

use std::sync::{Arc, LazyLock};

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use resvg::{tiny_skia, usvg};

use crate::chart::theme;

/// A chart could not be drawn or turned into pixels.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw `{chart}`: {reason}")]
pub struct ChartError {
    pub chart: String,
    pub reason: String,
}

/// A finished drawing.
#[derive(Clone, Debug)]
pub struct Chart {
    /// File name without extension.
    pub name: String,
    /// What was found.
    pub title: String,
    /// Of what, and what its numbers are made of.
    pub subtitle: String,
    /// What is shown, in words: the alternative text.
    pub description: String,
    /// Where its content begins, below title and subtitle, in pixels from the top.
    pub head: f64,
    pub svg: String,
    /// What its curves are worth, for a page that shows it where the pointer is.
    pub plots: Vec<Plot>,
    /// The same of its bars, dots and fields.
    pub spots: Vec<Spot>,
}

/// A part of a chart that stands for something, and what that is, line by line.
#[derive(Clone, Debug, Default)]
pub struct Spot {
    /// Left, top, right and bottom in pixels.
    pub area: [f64; 4],
    pub lines: Vec<String>,
}

/// Values over a part of a chart.
#[derive(Clone, Debug, Default)]
pub struct Plot {
    /// Left, top, right and bottom in pixels.
    pub area: [f64; 4],
    /// Where there are values, in pixels, and what to call these places.
    pub x: Vec<f64>,
    pub labels: Vec<String>,
    pub series: Vec<PlotSeries>,
}

/// One curve of a [`Plot`]: a text for every place, empty where there is none.
#[derive(Clone, Debug, Default)]
pub struct PlotSeries {
    pub name: String,
    /// As `#rrggbb`.
    pub colour: String,
    pub values: Vec<String>,
}

/// Units of a drawing in a pixel: plotters counts whole ones; drawing in tenths of one keeps curves smooth.
pub const FINE: f64 = 10.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Align {
    Left,
    Centre,
    Right,
}

/// The style of a text.
#[derive(Clone, Copy)]
pub struct Type {
    pub size: f64,
    pub bold: bool,
    pub colour: RGBColor,
    pub align: Align,
}

impl Type {
    pub fn new(size: f64, colour: RGBColor) -> Type {
        Type {
            size,
            bold: false,
            colour,
            align: Align::Left,
        }
    }

    pub fn bold(mut self) -> Type {
        self.bold = true;
        self
    }

    pub fn align(mut self, align: Align) -> Type {
        self.align = align;
        self
    }
}

/// A sheet to draw on; coordinates in pixels, y downwards.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    failure: Option<String>,
    plots: Vec<Plot>,
    spots: Vec<Spot>,
    /// Markup that goes on top of what plotters draws.
    cells: String,
}

type At = (f64, f64);

fn fine((x, y): At) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

/// Draws a chart: `paint` on a sheet of the given size.
///
/// `title` and `description` become the alternative text.
pub fn draw(
    name: &str,
    (width, height): (f64, f64),
    title: &str,
    description: &str,
    paint: impl FnOnce(&mut Canvas<'_>),
) -> Result<Chart, ChartError> {
    let mut text = String::new();
    let (plots, spots, cells);
    let (w, h) = fine((width, height));
    {
        let backend = SVGBackend::with_string(&mut text, (w as u32, h as u32));
        let mut canvas = Canvas {
            area: backend.into_drawing_area(),
            failure: None,
            plots: Vec::new(),
            spots: Vec::new(),
            cells: String::new(),
        };
        canvas.rect((0.0, 0.0), (width, height), theme::PAPER);
        paint(&mut canvas);
        plots = std::mem::take(&mut canvas.plots);
        spots = std::mem::take(&mut canvas.spots);
        cells = std::mem::take(&mut canvas.cells);
        let presented = canvas.area.present().map_err(|e| e.to_string());
        if let Some(reason) = canvas.failure.or(presented.err()) {
            return Err(ChartError {
                chart: name.to_string(),
                reason,
            });
        }
    }
    let body = text.split_once('>').map_or("", |(_, body)| body);
    let body = body.trim_end().trim_end_matches("</svg>");
    let svg = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
         stroke-linejoin=\"round\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <title>{}</title>\n<desc>{}</desc>{body}{cells}</svg>\n",
        escape(title),
        escape(description),
    );
    Ok(Chart {
        name: name.to_string(),
        title: title.to_string(),
        subtitle: String::new(),
        description: description.to_string(),
        head: 0.0,
        svg,
        plots,
        spots,
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Canvas<'_> {
    fn note(&mut self, result: Result<(), impl ToString>) {
        if let Err(e) = result {
            self.failure.get_or_insert(e.to_string());
        }
    }

    /// Values that a page may show over a part of the drawing.
    pub fn plot(&mut self, plot: Plot) {
        self.plots.push(plot);
    }

    /// What a rectangle of the drawing stands for.
    pub fn spot(&mut self, from: At, to: At, lines: Vec<String>) {
        let round = |x: f64| (x * 10.0).round() / 10.0;
        self.spots.push(Spot {
            area: [from.0, from.1, to.0, to.1].map(round),
            lines,
        });
    }

    /// Many rectangles of one colour, on top of everything else. As one path they take
    /// a twentieth of what an element for each would.
    pub fn cells(&mut self, colour: RGBColor, rectangles: &[(At, At)]) {
        if rectangles.is_empty() {
            return;
        }
        let mut path = String::new();
        for (from, to) in rectangles {
            let ((x, y), (right, bottom)) = (fine(*from), fine(*to));
            let (width, height) = (right - x, bottom - y);
            path += &format!("M{x} {y}h{width}v{height}h-{width}z");
        }
        let fill = theme::hex(colour);
        self.cells += &format!("<path fill=\"{fill}\" d=\"{path}\"/>\n");
    }

    /// The curve of the i-th policy: its colour, and dashes where colours come again.
    pub fn curve(&mut self, points: &[At], i: usize) {
        let (colour, width) = (theme::colour(i), 2.6);
        match theme::dashes(i) {
            None => self.line(points, colour, width),
            Some(pattern) => self.dashed(points, colour, width, pattern),
        }
    }

    pub fn rect(&mut self, from: At, to: At, colour: RGBColor) {
        let shape = Rectangle::new([fine(from), fine(to)], colour.filled());
        let done = self.area.draw(&shape).map_err(|e| e.to_string());
        self.note(done);
    }

    pub fn line(&mut self, points: &[At], colour: RGBColor, width: f64) {
        let points: Vec<_> = points.iter().copied().map(fine).collect();
        let style = colour.stroke_width((width * FINE) as u32);
        let done = self
            .area
            .draw(&PathElement::new(points, style))
            .map_err(|e| e.to_string());
        self.note(done);
    }

    /// A straight dashed line.
    pub fn dashes(&mut self, from: At, to: At, colour: RGBColor, width: f64) {
        self.dashed(&[from, to], colour, width, (9.0, 7.0));
    }

    /// A path in dashes of a length, with gaps of another.
    pub fn dashed(&mut self, path: &[At], colour: RGBColor, width: f64, (dash, gap): (f64, f64)) {
        let (mut piece, mut left, mut inked) = (Vec::new(), dash, true);
        piece.extend(path.first());
        for ends in path.windows(2) {
            let (mut from, to) = (ends[0], ends[1]);
            loop {
                let length = (to.0 - from.0).hypot(to.1 - from.1);
                if length < left {
                    left -= length;
                    piece.push(to);
                    break;
                }
                // The dash or gap ends within this stretch.
                let share = left / length;
                from = (
                    from.0 + (to.0 - from.0) * share,
                    from.1 + (to.1 - from.1) * share,
                );
                piece.push(from);
                if inked {
                    self.line(&piece, colour, width);
                }
                piece = vec![from];
                inked = !inked;
                left = if inked { dash } else { gap };
            }
        }
        if inked && piece.len() > 1 {
            self.line(&piece, colour, width);
        }
    }

    /// The area between two curves over the same xs.
    pub fn band(&mut self, upper: &[At], lower: &[At], colour: RGBColor, opacity: f64) {
        let points: Vec<_> = upper
            .iter()
            .chain(lower.iter().rev())
            .copied()
            .map(fine)
            .collect();
        let shape = Polygon::new(points, colour.mix(opacity).filled());
        let done = self.area.draw(&shape).map_err(|e| e.to_string());
        self.note(done);
    }

    pub fn dot(&mut self, at: At, radius: f64, colour: RGBColor) {
        let shape = Circle::new(fine(at), (radius * FINE) as i32, colour.filled());
        let done = self.area.draw(&shape).map_err(|e| e.to_string());
        self.note(done);
    }

    /// A text whose baseline starts, ends or is centred at a point.
    pub fn text(&mut self, (x, baseline): At, text: &str, style: Type) {
        let h_pos = match style.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        // The backend divides sizes by 1.24 and puts the baseline 0.76 em below the top.
        let weight = if style.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let font = FontDesc::new(
            FontFamily::Name(theme::FAMILY),
            style.size * FINE * 1.24,
            weight,
        );
        let ink = TextStyle::from(font)
            .color(&style.colour)
            .pos(Pos::new(h_pos, VPos::Top));
        let top = (x, baseline - 0.76 * style.size);
        let done = self
            .area
            .draw(&Text::new(text.to_string(), fine(top), ink))
            .map_err(|e| e.to_string());
        self.note(done);
    }

    /// Title, subtitle and footer.
    pub fn frame(&mut self, height: f64, title: &[String], subtitle: &str, footer: &str) {
        let mut baseline = 49.0;
        for line in title {
            self.text(
                (theme::LEFT, baseline),
                line,
                Type::new(theme::TITLE, theme::INK).bold(),
            );
            baseline += 40.0;
        }
        let room = theme::WIDTH - theme::LEFT - theme::EDGE;
        let width = theme::measure(subtitle, theme::SUBTITLE, false);
        let fitting = theme::SUBTITLE * (room / width).min(1.0);
        self.text(
            (theme::LEFT, baseline + 5.0),
            subtitle,
            Type::new(fitting, theme::SOFT),
        );
        self.text(
            (theme::LEFT, height - 24.0),
            footer,
            Type::new(theme::SMALL, theme::FAINT),
        );
    }
}

static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(theme::REGULAR.to_vec());
    fonts.load_font_data(theme::SEMIBOLD.to_vec());
    Arc::new(fonts)
});

/// A drawing with every colour of [`theme::TONES`] replaced by what `of` says.
pub fn recoloured(svg: &str, of: impl Fn(&theme::Tone) -> String) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    // In one pass: what one colour becomes is not mistaken for another.
    while let Some(at) = rest.find("=\"#") {
        let (before, after) = rest.split_at(at + 2);
        out += before;
        let colour = after.get(..7).unwrap_or(after);
        match theme::TONES.iter().find(|tone| tone.light == colour) {
            Some(tone) => out += &of(tone),
            None => out += colour,
        }
        rest = &after[colour.len()..];
    }
    out + rest
}

impl Chart {
    /// The same for a light or a dark ground.
    #[must_use]
    pub fn on(self, theme: theme::Theme) -> Chart {
        match theme {
            theme::Theme::Light => self,
            theme::Theme::Dark => Chart {
                svg: recoloured(&self.svg, |tone| tone.dark.to_string()),
                ..self
            },
        }
    }

    /// The drawing as a PNG of twice its size, with the embedded font.
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        const SCALE: f32 = 2.0;
        let failed = |reason: String| ChartError {
            chart: self.name.clone(),
            reason,
        };
        let options = usvg::Options {
            fontdb: FONTS.clone(),
            font_family: "Inter".to_string(),
            ..usvg::Options::default()
        };
        let tree = usvg::Tree::from_str(&self.svg, &options).map_err(|e| failed(e.to_string()))?;
        let size = tree.size();
        let (width, height) = (size.width() * SCALE, size.height() * SCALE);
        let mut pixels = tiny_skia::Pixmap::new(width.round() as u32, height.round() as u32)
            .ok_or_else(|| failed("it has no size".to_string()))?;
        let transform = tiny_skia::Transform::from_scale(SCALE, SCALE);
        resvg::render(&tree, transform, &mut pixels.as_mut());
        encode(&pixels).map_err(|e| failed(e.to_string()))
    }
}

/// A drawing on opaque paper as a PNG without alpha. The fast compression
/// takes a tenth of the time of the default, for files of twice the size.
fn encode(pixels: &tiny_skia::Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let opaque: Vec<u8> = pixels
        .data()
        .chunks_exact(4)
        .flat_map(|rgba| [rgba[0], rgba[1], rgba[2]])
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        // 192 dots an inch: twice the usual, so that documents show it at its size.
        xppu: 7559,
        yppu: 7559,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&opaque)?;
    writer.finish()?;
    Ok(file)
}
