//! `docs/report/` is what the shipped configurations give: a change of an engine shows
//! there. `UPDATE_REPORT=1 cargo test --test report` writes it anew.

use std::path::Path;

use assert_cmd::Command;

#[test]
fn the_report_of_the_shipped_configurations_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    for name in ["blip", "brownout", "fence", "saga", "quorum-grid"] {
        let config = root.join("configs").join(format!("{name}.toml"));
        Command::cargo_bin("herdsim")
            .unwrap()
            .current_dir(&dir)
            .arg("run")
            .arg(&config)
            .args(["--quiet", "--no-charts", "--name", name])
            .assert()
            .success();
        let made = dir.path().join("out").join(name).join("postmortem.md");
        let text = std::fs::read_to_string(made).unwrap();
        let kept = root.join("docs/report").join(format!("{name}.md"));
        if std::env::var_os("UPDATE_REPORT").is_some() {
            std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
            std::fs::write(&kept, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&kept).unwrap_or_default();
        assert!(
            text == expected,
            "docs/report/{name}.md is not what {name} gives now:\n{text}"
        );
    }
}
