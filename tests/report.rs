//! `docs/report/` is what the shipped configurations give: a change of an engine shows
//! there. `UPDATE_REPORT=1 cargo test --test report` writes it anew.

use std::path::Path;

use assert_cmd::Command;

#[test]
fn the_report_of_the_shipped_configurations_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let mut names: Vec<String> = std::fs::read_dir(root.join("configs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut index = "# What the shipped scenarios give\n\n".to_string();
    for name in &names {
        let config = root.join("configs").join(format!("{name}.toml"));
        let is_grid = std::fs::read_to_string(&config)
            .unwrap()
            .contains("[sweep]");
        Command::cargo_bin("herdsim")
            .unwrap()
            .current_dir(&dir)
            .arg(if is_grid { "sweep" } else { "run" })
            .arg(&config)
            .args(["--quiet", "--no-charts", "--name", name])
            .assert()
            .success();
        let made = dir.path().join("out").join(name).join("postmortem.md");
        let text = std::fs::read_to_string(made).unwrap();
        let title = text.lines().next().unwrap().trim_start_matches("## ");
        index += &format!("- [{name}]({name}.md): {title}\n");
        keep(&root.join("docs/report").join(format!("{name}.md")), &text);
    }
    keep(&root.join("docs/report/README.md"), &index);
}

/// Holds a file to what it should say, or writes it anew.
fn keep(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_REPORT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        text == expected,
        "{} is not what its scenario gives now:\n{text}",
        path.display()
    );
}
