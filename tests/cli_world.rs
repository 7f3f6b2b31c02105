//! Groups, hosts, limits and sub-calls in what a run writes.

/// Groups, hosts and sub-calls are in every file, and come back from them.
#[test]
fn groups_hosts_and_sub_calls_are_told_and_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let text = "name = \"world\"\nfaults = [\"errors(100%,host=2)@4s+2s\"]\ncompare = [\"fixed\", \"budget\"]\n\
                [run]\nhorizon = \"24s\"\nreplications = 3\n\
                [[callers]]\nname = \"steady\"\ncount = 200\n\
                [[callers]]\nname = \"pages\"\ncount = 60\nfan_out = 5\npolicy = \"full-jitter\"\npriority = 2\n\
                [service]\nhosts = 4\nbalance = \"least(2)\"\nservers = 5\nqueue = 50\n\
                shed = { delay = \"50ms\", by = \"priority\" }\nlimit = \"2000/s\"\nretry_after = \"token\"\n";
    std::fs::write(dir.path().join("world.toml"), text).unwrap();
    let run = |args: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("herdsim").unwrap();
        let done = command
            .current_dir(dir.path())
            .args(args)
            .assert()
            .success();
        String::from_utf8_lossy(&done.get_output().stdout).to_string()
    };
    let told = run(&["world.toml", "-q"]);
    for part in [
        "of steady and",
        "pages",
        "host 2",
        "of its sub-calls within",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let out = dir.path().join("out/world");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&read("result.json")).unwrap();
    let first = &json["policies"][0];
    assert_eq!(first["groups"][1]["name"], "pages");
    assert!(
        first["groups"][0]["metrics"]["answered_ratio"]["mean"]
            .as_f64()
            .unwrap()
            > 0.5
    );
    assert_eq!(first["hosts"].as_array().unwrap().len(), 4);
    let shares = first["hosts"].as_array().unwrap().iter();
    let sum: f64 = shares
        .map(|h| h["attempts_share"]["mean"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    let sub = &first["metrics"]["sub_calls"]["mean"];
    let calls = &first["metrics"]["calls"]["mean"];
    assert!(sub.as_f64().unwrap() > calls.as_f64().unwrap());
    assert_eq!(read("groups.csv").lines().count(), 5);
    assert_eq!(read("hosts.csv").lines().count(), 9);
    for name in ["groups.png", "hosts.png"] {
        assert!(out.join(name).exists(), "{name}");
    }
    // What is written is read, and drawn the same.
    let kept = ["groups.svg", "hosts.svg", "postmortem.md", "timeline.svg"].map(&read);
    run(&["report", "out/world"]);
    for (name, before) in ["groups.svg", "hosts.svg", "postmortem.md", "timeline.svg"]
        .iter()
        .zip(&kept)
    {
        assert_eq!(&read(name), before, "{name}");
    }
    // And run again it is the same.
    let before = read("summary.csv");
    run(&[
        "run",
        "out/world/scenario.toml",
        "-q",
        "--no-charts",
        "--out",
        "again",
    ]);
    let again = std::fs::read_to_string(dir.path().join("again/world/summary.csv")).unwrap();
    assert_eq!(before, again);
    // A group is a path, and an axis.
    let swept = run(&[
        "world.toml",
        "-q",
        "--no-charts",
        "--vary",
        "callers.pages.count=60,120",
        "--name",
        "swept",
    ]);
    assert!(swept.contains("callers.pages.count"), "{swept}");
    run(&[
        "world.toml",
        "-q",
        "--no-charts",
        "--vary",
        "service.hosts=1,2,4",
        "--fault",
        "none",
        "--name",
        "hosts",
    ]);
}
