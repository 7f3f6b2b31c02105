//! The page of `herdsim playground`, and what a build without it says.

mod common;

use std::fs;

use assert_cmd::Command;
use herdsim::chart::theme::TONES;
use predicates::str::contains;

fn herdsim(directory: &std::path::Path) -> Command {
    let mut command = Command::cargo_bin("herdsim").unwrap();
    command.current_dir(directory);
    command
}

/// What a page is written for is read before it is written.
#[test]
fn a_scenario_that_no_page_runs_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let refused = |name: &str, text: &str, why: &str| {
        fs::write(root.path().join(name), text).unwrap();
        let mut command = herdsim(root.path());
        let assert = command.args(["playground", name]).assert();
        assert.code(2).stderr(contains(why.to_string()));
        assert!(!root.path().join("playground.html").exists());
    };
    refused(
        "grid.toml",
        "[sweep]\n\"service.queue\" = [1, 2]\n",
        "one scenario",
    );
    refused("fence.toml", "kind = \"fence\"\n", "this is a fence");
    refused("wrong.toml", "[service]\nserver = 5\n", "`server`");
}

/// A colour of the page is the one that charts have.
#[test]
fn the_page_has_the_colours_of_charts() {
    let css = include_str!("../playground/page/page.css");
    let rules: Vec<&str> = css.split(":root").collect();
    let [light, dark, print] = [1, 2, 3].map(|n| rules[n]);
    for tone in TONES.iter().filter(|tone| !tone.name.starts_with('h')) {
        let is = |rule: &str, colour: &str| rule.contains(&format!("--{}: {colour};", tone.name));
        assert!(is(light, tone.light), "{}", tone.name);
        assert!(is(dark, tone.dark), "{}", tone.name);
        assert!(is(print, tone.light), "{}", tone.name);
    }
}

#[cfg(not(feature = "playground"))]
#[test]
fn a_build_without_the_page_says_how_to_get_it() {
    let root = tempfile::tempdir().unwrap();
    let assert = herdsim(root.path()).arg("playground").assert();
    assert
        .code(2)
        .stderr(contains("without the page"))
        .stderr(contains("playground/build.sh"));
    let run = ["--replications", "1", "--horizon", "15s", "--quiet"];
    herdsim(root.path()).args(run).assert().success();
    let report = fs::read_to_string(root.path().join("out/blip/report.html")).unwrap();
    assert!(!report.contains("Move it"));
}

#[cfg(feature = "playground")]
#[test]
fn a_build_with_the_page_writes_it_with_its_scenario() {
    let root = tempfile::tempdir().unwrap();
    let page = |name: &str| fs::read_to_string(root.path().join(name)).unwrap();
    let scenario = |page: &str| {
        let json = page.split("id=\"scenario\">").nth(1).unwrap();
        let json = json.split("</script>").next().unwrap();
        serde_json::from_str::<Option<String>>(json).unwrap()
    };
    herdsim(root.path()).arg("playground").assert().success();
    assert_eq!(scenario(&page("playground.html")), None);
    // A second time over its own, and never over another file.
    let text = "# mine\n[service]\nservers = 90\n";
    fs::write(root.path().join("mine.toml"), text).unwrap();
    let write = ["playground", "mine.toml"];
    herdsim(root.path()).args(write).assert().success();
    assert_eq!(scenario(&page("playground.html")).as_deref(), Some(text));
    fs::write(root.path().join("notes.html"), "mine").unwrap();
    let over = ["playground", "--out", "notes.html"];
    herdsim(root.path()).args(over).assert().code(2);
    assert_eq!(page("notes.html"), "mine");
    // What stands in another file is in the page.
    fs::write(
        root.path().join("load.csv"),
        "t_s,rate_per_s\n0,100\n1,200\n",
    )
    .unwrap();
    let trace = "[callers]\narrival = \"trace\"\nfile = \"load.csv\"\n";
    fs::write(root.path().join("trace.toml"), trace).unwrap();
    let write = ["playground", "trace.toml", "--out", "trace.html"];
    herdsim(root.path()).args(write).assert().success();
    let whole = scenario(&page("trace.html")).unwrap();
    assert!(whole.contains("rates = [100.0, 200.0]"), "{whole}");
    // A run has it beside its report, and so has a report that is made again.
    let run = ["--replications", "1", "--horizon", "15s", "--quiet"];
    herdsim(root.path()).args(run).assert().success();
    for _ in 0..2 {
        assert!(page("out/blip/report.html").contains("href=\"playground.html\">Move it</a>"));
        let own = scenario(&page("out/blip/playground.html")).unwrap();
        assert!(own.contains("horizon = \"15s\""), "{own}");
        fs::remove_file(root.path().join("out/blip/playground.html")).unwrap();
        let again = ["report", "out/blip", "--quiet"];
        herdsim(root.path()).args(&again[..2]).assert().success();
    }
}
