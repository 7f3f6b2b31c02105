//! Charts and documents: nothing overlaps, numbers are those of the files.

mod common;

use std::sync::atomic::AtomicBool;

use common::scenario;
use herdsim::chart::{self, Chart, theme};
use herdsim::ensemble::herd;

/// A text of a drawing: left, top, right, bottom in pixels, and what it says.
type Box = ([f64; 4], String);

/// Where every text of a drawing stands, by the font that it is measured with.
fn boxes(chart: &Chart) -> Vec<Box> {
    let attribute = |tag: &str, name: &str| -> String {
        let from = tag
            .split_once(&format!(" {name}=\""))
            .map_or("", |(_, rest)| rest);
        from.split_once('"')
            .map_or("", |(value, _)| value)
            .to_string()
    };
    let mut all = Vec::new();
    for part in chart.svg.split("<text").skip(1) {
        let (tag, rest) = part.split_once('>').unwrap();
        let text = rest.split_once("</text>").unwrap().0.trim();
        let text = text
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        let number = |name: &str| attribute(tag, name).parse::<f64>().unwrap() / 10.0;
        let size = number("font-size");
        let width = theme::measure(&text, size, tag.contains("bold"));
        let left = match attribute(tag, "text-anchor").as_str() {
            "start" => number("x"),
            "middle" => number("x") - width / 2.0,
            _ => number("x") - width,
        };
        // From the height of capitals to the baseline.
        let baseline = number("y") + 0.76 * size;
        all.push(([left, baseline - 0.72 * size, left + width, baseline], text));
    }
    all
}

#[test]
fn no_texts_overlap_and_none_leaves_the_sheet() {
    let names = [
        "fixed",
        "full-jitter",
        "budget",
        "aws-standard-2026",
        "grpc",
        "envoy",
        "resilience4j-exponential",
        "none",
    ];
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    for n in 1..=names.len() {
        let compare = format!("compare={:?}", &names[..n]);
        let s = scenario(&[
            "callers.count=300",
            "callers.clients=10",
            "service.servers=6",
            "service.queue=300",
            "faults=[\"crash@5s+1s\",\"errors(30%)@12s+3s\"]",
            "run.horizon=20s",
            "run.replications=3",
            &compare,
        ]);
        let results = herd::run(&s, &pool, &AtomicBool::new(false), |_, _| {});
        for chart in chart::herd(&results, None).unwrap() {
            let size: f64 = chart
                .svg
                .split_once("height=\"")
                .unwrap()
                .1
                .split_once('"')
                .unwrap()
                .0
                .parse()
                .unwrap();
            let all = boxes(&chart);
            assert!(all.len() > 3, "{}", chart.name);
            for (i, (a, text)) in all.iter().enumerate() {
                assert!(
                    a[0] >= 0.0 && a[2] <= theme::WIDTH && a[1] >= 0.0 && a[3] <= size,
                    "{} of {n}: `{text}` leaves the sheet: {a:?}",
                    chart.name
                );
                for (b, other) in &all[..i] {
                    let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                    assert!(apart, "{} of {n}: `{text}` over `{other}`", chart.name);
                }
            }
        }
    }
}

#[test]
fn pictures_are_twice_as_large_and_not_blank() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    let s = scenario(&[
        "callers.count=200",
        "service.servers=4",
        "run.horizon=15s",
        "run.replications=2",
    ]);
    let results = herd::run(&s, &pool, &AtomicBool::new(false), |_, _| {});
    for chart in chart::herd(&results, None).unwrap() {
        let light = chart.png().unwrap();
        let decoder = png::Decoder::new(std::io::Cursor::new(&light));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.width, 2 * theme::WIDTH as u32, "{}", chart.name);
        // The title's corner, and the middle, hold something.
        let ink = |from: u32, to: u32| {
            let row = info.line_size;
            let rows = &pixels[from as usize * row..to as usize * row];
            rows.iter().filter(|byte| **byte < 128).count()
        };
        assert!(ink(0, 160) > 500, "{}", chart.name);
        assert!(
            ink(info.height / 4, info.height * 3 / 4) > 500,
            "{}",
            chart.name
        );
        let dark = chart.on(theme::Theme::Dark).png().unwrap();
        assert_ne!(light, dark);
    }
}
