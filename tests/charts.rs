//! Charts and documents: nothing overlaps, numbers are those of the files.

use std::path::Path;

use herdsim::chart::{self, theme};
use herdsim_core::ensemble::{Workers, herd};
use herdsim_core::scenario::{Overlay, Scenario};

/// The default scenario with some fields set.
fn scenario(settings: &[&str]) -> Scenario {
    let mut overlay = Overlay::default();
    for setting in settings {
        overlay.set(setting).unwrap();
    }
    Scenario::from_overlay(&overlay).unwrap()
}

/// A text of a drawing: left, top, right, bottom in pixels, and what it says.
type Box = ([f64; 4], String);

/// Where every text of a drawing stands, by the font that it is measured with.
fn boxes(svg: &str) -> Vec<Box> {
    let attribute = |tag: &str, name: &str| -> String {
        let from = tag
            .split_once(&format!(" {name}=\""))
            .map_or("", |(_, rest)| rest);
        from.split_once('"')
            .map_or("", |(value, _)| value)
            .to_string()
    };
    let mut all = Vec::new();
    for part in svg.split("<text").skip(1) {
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

/// No text lies over another one, and none leaves the sheet.
fn assert_legible(what: &str, svg: &str) {
    let height = svg.split_once("height=\"").unwrap().1;
    let height: f64 = height.split_once('"').unwrap().0.parse().unwrap();
    let all = boxes(svg);
    assert!(all.len() > 3, "{what}");
    for (i, (a, text)) in all.iter().enumerate() {
        assert!(
            a[0] >= 0.0 && a[2] <= theme::WIDTH && a[1] >= 0.0 && a[3] <= height,
            "{what}: `{text}` leaves the sheet: {a:?}"
        );
        for (b, other) in &all[..i] {
            let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
            assert!(apart, "{what}: `{text}` over `{other}`");
        }
    }
}

/// Every chart there is, drawn of small runs, is what it was when somebody last looked
/// at it. `UPDATE_CHARTS=1 cargo test --test charts` draws them anew.
#[test]
fn every_chart_is_as_it_was_seen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chain = root.join("configs/chain.toml");
    let chain = chain.to_str().unwrap();
    let herd = [
        "--callers",
        "300",
        "--servers",
        "6",
        "--queue",
        "300",
        "--replications",
        "3",
        "--horizon",
        "12s",
        "--bin",
        "500ms",
        "--fault",
        "crash@3s+1s",
    ];
    let short = ["--replications", "3", "--horizon", "12s", "--bin", "1s"];
    let few = ["--replications", "2000"];
    let sweep = ["--set", "run.replications=2"];
    let runs: [(&str, Vec<&str>); 9] = [
        ("blip", herd.to_vec()),
        (
            "change",
            [
                &herd[..],
                &[
                    "--set",
                    "service.queue=60",
                    "--baseline",
                    "out/blip/result.json",
                ],
            ]
            .concat(),
        ),
        ("chain", [&["run", chain][..], &short].concat()),
        ("fence", [&["fence"][..], &few].concat()),
        ("saga", [&["saga"][..], &few].concat()),
        (
            "quorum",
            vec![
                "quorum",
                "--r",
                "1,2",
                "--w",
                "1,2",
                "--replications",
                "9000",
            ],
        ),
        (
            "altered",
            [&herd[..], &["--policy", "full-jitter", "--attempts", "3"]].concat(),
        ),
        (
            "curves",
            [
                &herd[..],
                &sweep,
                &["--vary", "service.queue=30,100,300,1000"],
            ]
            .concat(),
        ),
        (
            "map",
            [
                &herd[..],
                &sweep,
                &[
                    "--vary",
                    "service.queue=30,100,300",
                    "--vary",
                    "policy.*.timeout=100ms,250ms,1s",
                ],
            ]
            .concat(),
        ),
    ];
    let dir = tempfile::tempdir().unwrap();
    let kept = root.join("tests/charts");
    let mut seen: Vec<String> = Vec::new();
    let check = |chart: &str, name: &str, svg: &str, seen: &mut Vec<String>| {
        assert_legible(&format!("{chart} of {name}"), svg);
        // Of runs alike one is enough.
        if seen.iter().any(|other| other == chart) {
            return;
        }
        seen.push(chart.to_string());
        let keep = kept.join(format!("{chart}.svg"));
        if std::env::var_os("UPDATE_CHARTS").is_some() {
            std::fs::create_dir_all(&kept).unwrap();
            std::fs::write(&keep, svg).unwrap();
        }
        let before = std::fs::read_to_string(&keep).unwrap_or_default();
        assert!(
            before == svg,
            "{chart} of {name} is not tests/charts/{chart}.svg any more; look at both, and draw \
             it anew with UPDATE_CHARTS=1"
        );
    };
    for (name, args) in runs {
        assert_cmd::Command::cargo_bin("herdsim")
            .unwrap()
            .current_dir(&dir)
            .args(args)
            .args(["--quiet", "--name", name])
            .assert()
            .success();
        let mut drawn: Vec<_> = std::fs::read_dir(dir.path().join("out").join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "svg"))
            .collect();
        drawn.sort();
        for path in drawn {
            let svg = std::fs::read_to_string(&path).unwrap();
            let chart = path.file_stem().unwrap().to_string_lossy().into_owned();
            check(&chart, name, &svg, &mut seen);
        }
    }
    assert_cmd::Command::cargo_bin("herdsim")
        .unwrap()
        .current_dir(&dir)
        .args(["policies", "--chart", "."])
        .assert()
        .success();
    let svg = std::fs::read_to_string(dir.path().join("break-even.svg")).unwrap();
    check("break-even", "policies", &svg, &mut seen);
    // What is kept is drawn by something.
    for entry in std::fs::read_dir(&kept).unwrap() {
        let path = entry.unwrap().path();
        let chart = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(seen.contains(&chart), "nothing draws {chart} any more");
    }
    assert!(seen.len() >= 20, "{seen:?}");
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
    let workers = Workers::new(2).unwrap();
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
        let results = herd::run(&s, &workers).unwrap();
        for chart in chart::herd(&results, None, &[], None).unwrap().drawn {
            assert_legible(&format!("{} of {n}", chart.name), &chart.svg);
        }
    }
}

#[test]
fn pictures_are_twice_as_large_and_not_blank() {
    let workers = Workers::new(2).unwrap();
    let s = scenario(&[
        "callers.count=200",
        "service.servers=4",
        "run.horizon=15s",
        "run.replications=2",
    ]);
    let results = herd::run(&s, &workers).unwrap();
    for chart in chart::herd(&results, None, &[], None).unwrap().drawn {
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

#[test]
fn the_longest_names_leave_room_for_the_charts() {
    let workers = Workers::new(2).unwrap();
    let [one, two] = ["a", "b"].map(|c| c.repeat(100));
    let file = format!(
        "compare = [\"{one}\", \"{two}\"]\ncallers.count = 200\nservice.servers = 4\n\
         run = {{ horizon = \"15s\", replications = 2 }}\n\
         [policy.{one}]\nextends = \"fixed\"\n[policy.{two}]\nextends = \"budget\"\n"
    );
    let s = herdsim_core::scenario::Scenario::parse("long.toml", &file).unwrap();
    let results = herd::run(&s, &workers).unwrap();
    for chart in chart::herd(&results, None, &[], None).unwrap().drawn {
        assert_legible(&format!("{} of long names", chart.name), &chart.svg);
    }
}
