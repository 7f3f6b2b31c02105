//! The film of the default blip as an animated PNG: who is where with fixed delays, and with
//! a retry budget.
//!
//!     cargo run --release --example film -- docs/images/film.png

use std::fmt::Write;
use std::fs::File;
use std::io::BufWriter;

use herdsim_playground::answer;
use resvg::{tiny_skia, usvg};
use serde_json::{Value, json};

const WIDTH: u32 = 840;
const HEIGHT: u32 = 314;
/// What is shown of the run, in seconds, and how much of it a second of the film.
const SHOWN: std::ops::Range<f64> = 9.0..19.0;
const STEP: usize = 2;
const A_SECOND: u16 = 8;

// The colours of the page.
const THINKS: &str = "#E8EAED";
const BACKS_OFF: &str = "#B07600";
const WAITS: &str = "#0072B2";
const IN_VAIN: &str = "#882255";
const SERVED: &str = "#009E73";

type Failure = Box<dyn std::error::Error>;

/// Dots in rows from a corner.
struct Grid {
    left: f64,
    top: f64,
    columns: u32,
    size: f64,
}

impl Grid {
    fn dot(&self, svg: &mut String, n: u32, colour: &str, hollow: bool) {
        let x = self.left + (f64::from(n % self.columns) + 0.5) * self.size;
        let y = self.top + (f64::from(n / self.columns) + 0.5) * self.size;
        let r = self.size * 0.36;
        let paint = match hollow {
            true => format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.2\""),
            false => format!("fill=\"{colour}\""),
        };
        let _ = write!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" {paint}/>");
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), weight: u16, text: &str) {
    let _ = write!(
        svg,
        "<text x=\"{x}\" y=\"{y}\" font-family=\"Inter\" font-size=\"14\" font-weight=\"{weight}\" \
         fill=\"#202124\">{text}</text>"
    );
}

/// One policy's row of a frame.
fn row(svg: &mut String, top: f64, film: &Value, frame: usize) {
    let told = &film["frames"][frame];
    let of = |key: &str| told[key].as_u64().unwrap_or(0);
    let callers = film["callers"].as_u64().unwrap_or(0) as u32;
    let servers = film["servers"].as_f64().unwrap_or(0.0) as u32;
    let name = film["policy"].as_str().unwrap_or("");
    text(svg, (12.0, top + 14.0), 600, name);
    text(
        svg,
        (370.0, top + 14.0),
        400,
        &format!("queue {}", of("waiting") + of("waiting_in_vain")),
    );
    text(svg, (738.0, top + 14.0), 400, "servers");
    let home = Grid {
        left: 10.0,
        top: top + 24.0,
        columns: 42,
        size: 8.0,
    };
    let queue = Grid {
        left: 368.0,
        top: top + 24.0,
        columns: 43,
        size: 8.0,
    };
    let desk = Grid {
        left: 736.0,
        top: top + 24.0,
        columns: 5,
        size: 18.0,
    };
    let mut states = vec![None; callers as usize];
    let (mut waiting, mut served) = (0, 0);
    for code in told["dots"]
        .as_str()
        .unwrap_or("")
        .chars()
        .map(|c| c as u32 - 256)
    {
        let (caller, place) = ((code / 6) as usize, code % 6);
        let state = &mut states[caller];
        *state = (*state).max(Some(place));
        match place {
            2 | 3 => {
                let colour = if place == 2 { WAITS } else { IN_VAIN };
                queue.dot(svg, waiting, colour, place == 3);
                waiting += 1;
            }
            4 | 5 => {
                let colour = if place == 4 { SERVED } else { IN_VAIN };
                desk.dot(svg, served, colour, place == 5);
                served += 1;
            }
            _ => {}
        }
    }
    for server in served..servers {
        desk.dot(svg, server, THINKS, true);
    }
    for (caller, state) in (0..).zip(states) {
        let colour = match state {
            None => THINKS,
            Some(0 | 1) => BACKS_OFF,
            Some(2) => WAITS,
            Some(4) => SERVED,
            Some(_) => IN_VAIN,
        };
        home.dot(svg, caller, colour, false);
    }
}

fn main() -> Result<(), Failure> {
    let out = std::env::args().nth(1).ok_or("where the picture goes")?;
    let blip = include_str!("../configs/blip.toml");
    let film = |policy: &str| -> Result<Value, Failure> {
        let question = json!({ "ask": "film", "text": blip, "policy": policy });
        Ok(serde_json::from_str(&answer(&question.to_string()))?)
    };
    let films = [film("fixed")?, film("budget")?];
    let step = films[0]["step_s"].as_f64().ok_or("no film")?;
    let first = (SHOWN.start / step) as usize;
    let last = (SHOWN.end / step) as usize;
    let frames: Vec<usize> = (first..last).step_by(STEP).collect();

    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(include_bytes!("../assets/fonts/Inter-Regular.subset.otf").to_vec());
    fonts.load_font_data(include_bytes!("../assets/fonts/Inter-SemiBold.subset.otf").to_vec());
    let options = usvg::Options {
        fontdb: std::sync::Arc::new(fonts),
        ..usvg::Options::default()
    };
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(&out)?), WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.set_animated(u32::try_from(frames.len())?, 0)?;
    encoder.set_frame_delay(1, A_SECOND)?;
    let mut writer = encoder.write_header()?;
    for frame in frames {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\">\
             <rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>"
        );
        for (top, film) in [10.0, 156.0].into_iter().zip(&films) {
            row(&mut svg, top, film, frame);
        }
        let t = films[0]["frames"][frame]["t"].as_f64().unwrap_or(0.0);
        let down = (10.0..12.0).contains(&t);
        let said = if down { ": the service is down" } else { "" };
        text(&mut svg, (90.0, 24.0), 400, &format!("{t:.1} s{said}"));
        let legend = [
            (BACKS_OFF, false, "backs off"),
            (WAITS, false, "waits"),
            (IN_VAIN, true, "nobody wants the answer any more"),
            (SERVED, false, "is served"),
        ];
        let mut left = 10.0;
        for (colour, hollow, words) in legend {
            let mark = Grid {
                left,
                top: 292.0,
                columns: 1,
                size: 14.0,
            };
            mark.dot(&mut svg, 0, colour, hollow);
            text(&mut svg, (left + 18.0, 304.0), 400, words);
            left += 50.0 + 7.4 * words.len() as f64;
        }
        svg += "</svg>";
        let tree = usvg::Tree::from_str(&svg, &options)?;
        let mut pixels = tiny_skia::Pixmap::new(WIDTH, HEIGHT).ok_or("no room")?;
        resvg::render(&tree, tiny_skia::Transform::default(), &mut pixels.as_mut());
        let opaque = pixels.data().chunks(4).flat_map(|p| [p[0], p[1], p[2]]);
        writer.write_image_data(&opaque.collect::<Vec<u8>>())?;
    }
    writer.finish()?;
    Ok(())
}
