//! Names beside curves: the line nearest to a name is its own.

mod common;

/// A text of a drawing: its colour, where it begins, its size, and what it says.
struct Label {
    colour: String,
    at: (f64, f64),
    text: String,
}

/// The value of an attribute.
fn attribute<'t>(element: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn number(element: &str, name: &str) -> f64 {
    attribute(element, name).unwrap().parse().unwrap()
}

/// A line with its colour.
type Line = (String, Vec<(f64, f64)>);

/// The bold texts of policies' colours, and all lines with theirs.
fn read(svg: &str) -> (Vec<Label>, Vec<Line>) {
    let (mut labels, mut lines) = (Vec::new(), Vec::new());
    for element in svg.split('<').skip(1) {
        if element.starts_with("polyline") {
            let points = attribute(element, "points").unwrap();
            let points = points.split_whitespace().map(|point| {
                let (x, y) = point.split_once(',').unwrap();
                (x.parse().unwrap(), y.parse().unwrap())
            });
            let colour = attribute(element, "stroke").unwrap().to_string();
            lines.push((colour, points.collect()));
        } else if element.starts_with("text") && element.contains("bold") {
            let (head, text) = element.split_once('>').unwrap();
            if attribute(head, "text-anchor").is_some_and(|anchor| anchor != "start") {
                continue;
            }
            let size = number(head, "font-size");
            labels.push(Label {
                colour: attribute(head, "fill").unwrap().to_string(),
                at: (number(head, "x"), number(head, "y") + 0.45 * size),
                text: text.trim().to_string(),
            });
        }
    }
    (labels, lines)
}

/// The distance of a point from a line.
fn distance(line: &[(f64, f64)], (x, y): (f64, f64)) -> f64 {
    let of = |ends: &[(f64, f64)]| {
        let ((ax, ay), (bx, by)) = (ends[0], ends[1]);
        let (dx, dy) = (bx - ax, by - ay);
        let along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).max(1e-9);
        let along = along.clamp(0.0, 1.0);
        (x - ax - along * dx).hypot(y - ay - along * dy)
    };
    line.windows(2).map(of).fold(f64::INFINITY, f64::min)
}

#[test]
fn the_line_nearest_to_a_name_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let chain = format!("{}/configs/chain.toml", env!("CARGO_MANIFEST_DIR"));
    let small = ["--replications", "2"];
    let runs: [(&[&str], &[&str]); 7] = [
        (&["-q"], &["timeline", "queue", "latency", "distribution"]),
        (
            &["-q", "-p", "fixed,tower,none,budget,envoy,grpc"],
            &["timeline", "distribution"],
        ),
        (&["run", &chain, "-q"], &["timeline", "amplification"]),
        (
            &[
                "--vary",
                "service.queue=100..5_000 log 4",
                "--horizon",
                "20s",
                "-q",
            ],
            &["curves"],
        ),
        (
            &[
                "quorum", "--w", "1..=3", "--r", "1..=3", "-q", "--method", "exact",
            ],
            &["staleness"],
        ),
        (
            &[
                "quorum",
                "--w",
                "1,2",
                "--r",
                "1,2",
                "-q",
                "--latency",
                "exp(200us)",
                "--t",
                "0ms..=10ms step 1ms",
            ],
            &["staleness"],
        ),
        (&["fence", "-q"], &["stale-writes"]),
    ];
    let mut seen = 0;
    for (i, (args, charts)) in runs.iter().enumerate() {
        let name = format!("r{i}");
        let mut herdsim = common::herdsim(&dir);
        herdsim.args(*args).args(["--name", &name]);
        if !args.contains(&"quorum") && !args.contains(&"fence") {
            herdsim.args(small);
        }
        herdsim.assert().success();
        for chart in *charts {
            let path = dir.path().join(format!("out/{name}/{chart}.svg"));
            let (labels, lines) = read(&std::fs::read_to_string(path).unwrap());
            let own = |label: &&Label| lines.iter().any(|(colour, _)| *colour == label.colour);
            // Titles and headings are of no line.
            for label in labels.iter().filter(own).filter(|l| l.colour != "#202124") {
                let coloured = |colour: &str| labels.iter().any(|l| l.colour == colour);
                let lines = lines.iter().filter(|(colour, _)| coloured(colour));
                let nearest = lines
                    .min_by(|a, b| distance(&a.1, label.at).total_cmp(&distance(&b.1, label.at)));
                let (colour, _) = nearest.unwrap();
                assert_eq!(*colour, label.colour, "{args:?}: {chart}: {}", label.text);
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen} labels");
}
