//! Bad input: one screen, the right status, nothing half-written, no panic.

use assert_cmd::Command;

/// Runs in an empty directory and checks status, message and what is left.
fn refused(args: &[&str], status: i32, says: &[&str]) -> String {
    refused_with(args, status, says, &[])
}

/// What it says, of which it has to say some.
fn refused_with(args: &[&str], status: i32, says: &[&str], files: &[(&str, &[u8])]) -> String {
    let dir = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
    let done = Command::cargo_bin("herdsim")
        .unwrap()
        .current_dir(&dir)
        .args(args)
        .assert()
        .code(status);
    let output = done.get_output();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    for text in says {
        assert!(stderr.contains(text), "{text:?} in\n{stderr}");
    }
    assert!(
        stderr.lines().count() <= 24,
        "more than a screen:\n{stderr}"
    );
    assert!(
        !stderr.contains("panicked") && !stderr.contains("backtrace"),
        "{stderr}"
    );
    let mut left: Vec<String> = Vec::new();
    let mut open = vec![dir.path().to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => left.push(path.strip_prefix(&dir).unwrap().display().to_string()),
            }
        }
    }
    left.sort();
    let mut given: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    given.sort_unstable();
    assert_eq!(left, given, "something was written");
    stderr.into_owned()
}

fn scenario(text: &str, says: &[&str]) {
    refused_with(&["run", "s.toml"], 2, says, &[("s.toml", text.as_bytes())]);
}

#[test]
fn unknown_names_get_the_nearest() {
    refused(
        &["--policy", "fxied"],
        2,
        &["unknown policy `fxied`", "did you mean `fixed`?"],
    );
    refused(
        &["--set", "service.servrs=80"],
        2,
        &["unknown key `servrs`", "`servers`", "^^^^^^"],
    );
    refused(
        &["--set", "servce.servers=80"],
        2,
        &["unknown key `servce`", "`service`"],
    );
    refused(&["--fault", "crsh@10s+2s"], 2, &["did you mean `crash`?"]);
    refused(&["--service-time", "epx(5ms)"], 2, &["did you mean `exp`?"]);
    refused(&["--jitter", "ful"], 2, &["did you mean `full`?"]);
    refused(
        &["--set", "policy.fixd.attempts=2"],
        2,
        &["`fixd`", "did you mean `fixed`?"],
    );
    scenario(
        "name = \"x\"\n[service]\nservers = 80\nservice_tme = \"exp(14ms)\"\n",
        &[
            "s.toml:4:1",
            "unknown key `service_tme`",
            "did you mean `service_time`?",
        ],
    );
    scenario(
        "[policy.x]\nextends = \"fixd\"\n",
        &["s.toml:2:11", "`fixd`", "`fixed`"],
    );
}

#[test]
fn durations_need_a_unit_and_a_sign() {
    refused(
        &["--timeout", "250"],
        2,
        &["a duration needs a unit", "`250ms`"],
    );
    refused(&["--timeout=-5ms"], 2, &["cannot be negative"]);
    refused(&["--timeout", "5mss"], 2, &["unknown unit `mss`"]);
    refused(&["--timeout", "0s"], 2, &["longer than 0"]);
    scenario(
        "[run]\nhorizon = 60\n",
        &["s.toml:2:11", "a duration needs a unit", "`60s`"],
    );
    scenario("[callers]\nrate = 5\n", &["s.toml:2:8", "`5/s`"]);
}

#[test]
fn counts_and_probabilities_out_of_range() {
    refused(&["--callers", "0"], 2, &["at least 1"]);
    refused(&["--callers", "-3"], 2, &[]);
    refused(&["--attempts", "0"], 2, &["`attempts` must be at least 1"]);
    refused(
        &["--clients", "6000"],
        2,
        &["between 1 and the number of callers, 5000"],
    );
    refused(
        &["--fault", "errors(1.2)@10s+5s"],
        2,
        &["1.2 does not lie between 0 and 1", "^^^"],
    );
    refused(
        &["--fault", "errors(130%)@10s+5s"],
        2,
        &["130% does not lie between 0 and 1"],
    );
    refused(&["--replications", "0"], 2, &["at least 1"]);
    refused(&["--threads", "0"], 2, &["--threads"]);
    refused(&["--seed", "-1"], 2, &[]);
}

#[test]
fn what_is_out_of_reach_is_refused_with_the_estimate() {
    refused(
        &["--callers", "1000000000000"],
        2,
        &[
            "1000000000000 callers need some 17.0 TB",
            "fewer callers before fewer servers",
        ],
    );
    refused(
        &["--horizon", "100000h"],
        2,
        &["events and", "of memory", "shorter horizon", "--yes"],
    );
    refused(
        &["--callers", "4_000_000_000"],
        2,
        &["events and", "TiB of memory"],
    );
    refused(&["--bin", "1ns"], 2, &["of memory"]);
    refused(&["--horizon", "100y"], 2, &["unknown unit"]);
    refused(&["--horizon", "1000000d"], 2, &["longer than 31 years"]);
}

#[test]
fn what_does_not_belong_together() {
    refused(&["--warmup", "60s"], 2, &["leaves nothing of the horizon"]);
    refused(&["--fault", "crash@70s+2s"], 2, &["the run ends at 60s"]);
    refused(
        &["--horizon", "3s"],
        2,
        &["the default fault begins at 10s", "--fault none"],
    );
    refused(&["--fault", "crash@10s"], 2, &["how long it lasts"]);
    refused(&["--fault", "crash@10s+0s"], 2, &["longer than 0"]);
    refused(
        &["--think", "1s"],
        2,
        &["`think` goes with arrival = \"closed\""],
    );
    refused(
        &["--arrival", "closed", "--think", "0s"],
        2,
        &["needs time to think"],
    );
    refused(
        &["--jitter", "decorrelated", "--policy", "fixed"],
        2,
        &["exponential backoff"],
    );
    refused(
        &["--backoff", "exponential(base=10s,cap=1s)"],
        2,
        &["the cap is below the base"],
    );
    refused(&["--policy", "fixed,fixed"], 2, &["named twice"]);
    refused(&["--budget", "0"], 2, &["a budget of 0", "attempts = 1"]);
    refused(&["--budget", "many"], 2, &["a share such as 10%"]);
    refused(&["--hedge", "soon"], 2, &["the delay, such as 50ms"]);
    refused(
        &["-p", "fixed,none", "--retry-on", "error"],
        2,
        &["whose is `--retry-on`?", "policy.fixed.retry_on"],
    );
    // What has no effect on the kind at hand.
    for kind in ["fence", "quorum-cluster"] {
        let file = format!("{}/configs/{kind}.toml", env!("CARGO_MANIFEST_DIR"));
        refused(
            &["run", &file, "--timeout", "1s"],
            2,
            &["has no retry policy"],
        );
        refused(
            &["run", &file, "--attempts", "3"],
            2,
            &["unknown key `policy`"],
        );
        refused(
            &["run", &file, "--set", "policy.*.bogus=3"],
            2,
            &["has no retry policy"],
        );
    }
    // What is suggested is what may have been meant.
    refused(&["--budgte", "10%"], 2, &["'--budget'"]);
    let far = refused(&["--trace", "x.csv"], 2, &["--trace"]);
    assert!(!far.contains("--rate"), "{far}");
    refused(
        &["--set", "run.max_replications=5"],
        2,
        &["goes with `precision`"],
    );
    refused(
        &["--arrival", "once", "--fault", "surge(2)@1s+1s"],
        2,
        &["cannot surge"],
    );
    scenario(
        "[policy.a]\nextends = \"b\"\n[policy.b]\nextends = \"a\"\n",
        &["extends itself"],
    );
    scenario(
        "[policy.a]\nbudget = { kind = \"ratio\" }\n",
        &["needs its `ratio`"],
    );
    scenario("service = []\n", &["there is no service"]);
    refused(
        &["--fault", "none", "--fault", "crash@1s+1s"],
        2,
        &["`none` stands alone", "^^^^"],
    );
    refused(
        &["--service-time", "pareto(scale=1ms,alpha=1)"],
        2,
        &["no finite mean", "`alpha` above 1"],
    );
    scenario("compare = []\n", &["no policy to compare"]);
    scenario("service = 5\n", &["expected a table"]);
}

#[test]
fn contradictory_policies() {
    let policy = |text: &str, says: &[&str]| scenario(&format!("[policy.a]\n{text}\n"), says);
    policy(
        "budget = { kind = \"ratio\", ratio = 1001 }",
        &["above 1000", "s.toml:2:"],
    );
    policy(
        "hedge = { max = 0 }",
        &["`max` counts the attempts in flight", "s.toml:2:"],
    );
    policy(
        "breaker = { threshold = \"150%\" }",
        &["150% does not lie between 0 and 1", "s.toml:2:"],
    );
    policy("breaker = { threshold = 0 }", &["never closed"]);
    policy(
        "breaker = { window = 10, min_calls = 20 }",
        &["never holds 20"],
    );
    policy(
        "attempts = \"unlimited\"\nbackoff = \"none\"",
        &["go on for ever"],
    );
    for endless in [
        "backoff = \"exponential(base=1s,multiplier=1,exponent_from=less-one)\"",
        "backoff = \"fixed(900us)\"\nquantum = \"1ms\"",
        "backoff = \"exponential(base=1ms,multiplier=2,cap=4ms)\"\nquantum = \"nearest(10ms)\"",
        "hedge = { delay = \"1s\", next_on_failure = true }",
        "hedge = { delay = \"0s\", next_on_failure = false }",
        "backoff = \"none\"\nbudget = { kind = \"ratio\", ratio = 0.9, deposit = \"attempt\", expiry = \"tower\" }",
        "backoff = \"fixed(1ms)\"\njitter = \"full\"\nquantum = \"1ms\"",
        "backoff = \"fixed(900us)\"\nquantum = \"inclusive(1ms)\"",
        "backoff = \"exponential(base=1ms,multiplier=2,cap=4ms)\"\njitter = \"growing(1ms)\"\ncap_after = \"both\"\nquantum = \"10ms\"",
        "backoff = \"random(uniform(0ms,1ms))\"\nquantum = \"1ms\"",
        "backoff = \"exponential(base=800us,multiplier=2)\"\njitter = \"compounding(20%)\"\nquantum = \"1ms\"",
        "backoff = \"none\"\nretry_on = [\"denied\"]\nbudget = { kind = \"throttle\", max_tokens = 10, token_ratio = 0.1 }",
        "retry_after = \"replace(0s)\"",
        "backoff = \"none\"\nbudget = { kind = \"ratio\", ratio = 1, deposit = \"attempt\" }",
        "backoff = \"none\"\nbudget = { kind = \"concurrent\" }",
    ] {
        let text = format!("attempts = \"unlimited\"\n{endless}");
        policy(&text, &["go on for ever", "s.toml:2:"]);
    }
    scenario("service.retry_after = \"0s\"\n", &["longer than 0"]);
    policy(
        "hedge = { delay = \"1s\" }\nthrottle = { kind = \"bucket\", rate = \"1/s\" }",
        &["does not go with a bucket", "s.toml:2:"],
    );
    policy(
        "retry_after = \"at-least-before-jitter\"\nfirst = \"0s\"",
        &["no `first`", "s.toml:2:"],
    );
    policy("cap_after = true", &["needs a backoff with a cap"]);
    policy("jitter = \"polly\"", &["exponential backoff"]);
    policy("jitter = \"scale(2,1)\"", &["from ≤ to"]);
    policy(
        "throttle = { kind = \"sre\", k = 0.5 }",
        &["the book uses 2"],
    );
    policy("throttle = { kind = \"bucket\" }", &["needs its `rate`"]);
    policy("budget = { kind = \"bucket\" }", &["token-bucket"]);
    policy("quantum = \"0s\"", &["longer than 0"]);
    policy(
        "budget = { kind = \"ratio\", ratio = 1, window = \"2m\", expiry = \"tower\" }",
        &["1 s to 60 s"],
    );
}

#[test]
fn traces_with_holes() {
    let trace = |rows: &str, says: &[&str]| {
        let text = b"[callers]\narrival = \"trace\"\nfile = \"t.csv\"\n";
        let file = format!("t_s,rate_per_s\n{rows}");
        refused_with(
            &["run", "s.toml"],
            2,
            says,
            &[("s.toml", text), ("t.csv", file.as_bytes())],
        );
    };
    trace("0,10\n1,10\n3,10\n", &["has no gaps", "t.csv:4:1"]);
    trace("0,10\n1,-5\n", &["cannot be negative", "t.csv:3:1"]);
    trace("0,10\n1,many\n", &["`many` is not a rate", "t.csv:3:1"]);
    trace("0,10\n1,NaN\n", &["`NaN` is not a rate"]);
    trace("0,10\n", &["at least two rows"]);
    trace("5,10\n6,10\n", &["begins at t_s = 0"]);
    trace("0,0\n1,0\n", &["a rate above 0"]);
    scenario("[callers]\narrival = \"trace\"\n", &["needs its `file`"]);
    scenario(
        "[callers]\nphase = \"aligned\"\n",
        &["goes with arrival = \"periodic\""],
    );
}

#[test]
fn chains_and_kinds_of_service() {
    let two = "[[service]]\nname = \"front\"\n[[service]]\nname = \"db\"\n";
    let file: &[(&str, &[u8])] = &[("s.toml", two.as_bytes())];
    refused_with(
        &["run", "s.toml", "--set", "service.servers=5"],
        2,
        &["there are 2 of `service`", "service.1.servers"],
        file,
    );
    refused_with(
        &["run", "s.toml", "--fault", "crash(tier=dd)@1s+1s"],
        2,
        &["there is no service `dd`", "did you mean `db`?"],
        file,
    );
    scenario(
        "service = { kind = \"coin\", servers = 5 }\n",
        &["`servers` goes with kind = \"queue\""],
    );
    scenario(
        "faults = [\"capacity(50%)@1s+1s\"]\nservice = { kind = \"coin\" }\n",
        &["needs a service with servers"],
    );
    scenario(
        "service = { policy = \"none\" }\n",
        &["this one is the last"],
    );
    scenario(
        "service = { target = \"1ms\" }\n",
        &["goes with the discipline codel"],
    );
    scenario(
        "[network]\nout = \"quantiles(p50=1ms,p90=0.5ms,max=2ms)\"\n",
        &["quantiles have to rise"],
    );
    refused_with(
        &["--network-out", "file(rtt.csv,round_trip=half)"],
        2,
        &["rtt.csv, line 3: `slow` is not a number"],
        &[("rtt.csv", b"rtt_ms\n5\nslow\n")],
    );
}

/// What a column means is asked for, never guessed.
#[test]
fn measured_delays_that_do_not_say_what_they_are() {
    let cases: [(&[u8], &str, &[&str]); 7] = [
        (
            b"rtt_ms\n5\n6\n",
            "file(x.csv)",
            &["`rtt_ms` are round trips", "round_trip=half"],
        ),
        (
            b"a,ping-RTT_us\n1,5\n2,6\n",
            "file(x.csv,column=ping-RTT_us)",
            &["are round trips"],
        ),
        (
            b"out_ms,ack_ms\n1,2\n3,4\n",
            "file(x.csv)",
            &["several columns", "column=out_ms"],
        ),
        (
            b"1,2\n3,4\n",
            "file(x.csv,unit=ms)",
            &["2 columns without names"],
        ),
        (
            b"out_ms\n1,2\n3,4\n",
            "file(x.csv)",
            &["line 2: 2 columns, and the first line has 1"],
        ),
        (
            b"rtt_ms\n5\n6\n",
            "file(x.csv,round_trip=third)",
            &["half or whole, not `third`"],
        ),
        (b"5\n6\n", "file(x.csv)", &["of which unit"]),
    ];
    for (file, law, told) in cases {
        let files: &[(&str, &[u8])] = &[("x.csv", file)];
        refused_with(&["quorum", "--latency", law], 2, told, files);
        refused_with(&["fence", "--network", law], 2, told, files);
        refused_with(&["--network-out", law], 2, told, files);
        refused_with(
            &["quorum", "--reply", law, "--latency", "ymmr"],
            2,
            told,
            files,
        );
    }
    refused(
        &["quorum", "--latency", "lnkd-disc"],
        2,
        &["unknown fit `lnkd-disc`", "did you mean `lnkd-disk`?"],
    );
    refused(&["quorum", "--latency", "exp(5)"], 2, &["unit"]);
    refused(
        &["quorum", "--reply", "1ms"],
        2,
        &["the delays lack write_out, ack, read_out"],
    );
}

#[test]
fn files_that_cannot_be_read() {
    refused(&["run", "missing.toml"], 2, &["cannot read `missing.toml`"]);
    refused_with(
        &["run", "s.toml"],
        2,
        &["line 2 is not UTF-8"],
        &[("s.toml", b"name = 'x'\nfaults = ['\xff']\n")],
    );
    scenario("[service\n", &["s.toml:1:", "error"]);
    scenario("[run]\nseed = 1\nseed = 2\n", &["s.toml:3:1"]);
    scenario("name = \"../escape\"\n", &["name is letters"]);
}

#[test]
fn places_that_cannot_be_written() {
    refused_with(
        &["--out", "file"],
        1,
        &["cannot write `file`"],
        &[("file", b"in the way")],
    );
    refused_with(
        &[],
        2,
        &["`out/blip` exists, and herdsim did not write it"],
        &[("out/blip/thesis.tex", b"precious")],
    );
    refused_with(
        &["--name", "x"],
        2,
        &["did not write it"],
        &[("out/x", b"a file")],
    );
    if cfg!(target_os = "linux") {
        refused(
            &["--out", "/proc/nowhere"],
            1,
            &["cannot write `/proc/nowhere`"],
        );
    }
}

#[test]
fn assertions_that_cannot_be_meant() {
    refused(
        &["--assert", "budgt.recovery_s < 5"],
        2,
        &["did you mean `budget`?"],
    );
    refused(
        &["--assert", "recovery < 5"],
        2,
        &["unknown metric `recovery`", "`recovery_s`"],
    );
    refused(&["--assert", "recovery_s == 5"], 2, &["METRIC OP VALUE"]);
    refused(
        &["--assert", "success_ratio > 95"],
        2,
        &["never above 1", "95%"],
    );
    refused(
        &["--assert", "recovery_s < soon"],
        2,
        &["expected a number"],
    );
}

#[test]
fn fences_that_cannot_be_meant() {
    refused(
        &["fence", "--ttl", "1s", "--renew", "2s"],
        2,
        &["is over before its renewal", "^^"],
    );
    refused(
        &["fence", "--drift", "-101%"],
        2,
        &["between -100% and 100%", "^^^^^"],
    );
    refused(
        &["fence", "--guard", "atomc"],
        2,
        &["unknown guard `atomc`", "`atomic`"],
    );
    refused(&["fence", "--guard", "none,none"], 2, &["named twice"]);
    refused(
        &["fence", "--preset", "kubernets"],
        2,
        &["did you mean `kubernetes`?"],
    );
    refused(
        &["fence", "--step-rate", "1/s", "--first-step", "1s"],
        2,
        &["give one of them"],
    );
    refused(&["fence", "--step-rate", "0/s"], 2, &["must be above 0"]);
    refused(
        &["fence", "--pause", "pareto(scale=1s,alpha=1)"],
        2,
        &["finite mean", "--no-charts"],
    );
    refused(&["fence", "--pause", "5"], 2, &["needs a unit"]);
    refused(&["fence", "--replications", "1000000000000"], 2, &["--yes"]);
    refused(
        &["fence", "--set", "fence.tll=1s"],
        2,
        &["did you mean `ttl`?"],
    );
    refused(
        &["fence", "--assert", "atomic.p_stale < 1"],
        2,
        &["`p_stale_write`"],
    );
    scenario(
        "kind = \"fense\"\n",
        &["unknown kind of scenario", "`fence`"],
    );
}

#[test]
fn sagas_that_cannot_be_meant() {
    refused(
        &["saga", "--request-loss", "1.2"],
        2,
        &["does not lie between 0 and 1"],
    );
    refused(&["saga", "--retention", "0"], 2, &["forgotten at once"]);
    refused(&["saga", "--retention", "0s"], 2, &["forgotten at once"]);
    refused(
        &["saga", "--retention", "soon"],
        2,
        &["expected a duration"],
    );
    refused(&["saga", "--key", "per-op"], 2, &["`per-operation`"]);
    refused(
        &["saga", "--policy", "fixed,budget"],
        2,
        &["one retry layer"],
    );
    refused(&["saga", "--timeout", "none"], 2, &["wait for ever"]);
    refused(&["saga", "--attempts", "20000"], 2, &["can follow 1000"]);
    refused(&["saga", "--preset", "paypal"], 2, &["stripe"]);
    scenario(
        "[service]\nkey = \"none\"\n",
        &["goes with an `effect`", "s.toml:2:"],
    );
    scenario(
        "[service]\neffect = \"refund\"\nkey = \"nine\"\n",
        &["did you mean `none`?"],
    );
}

#[test]
fn quorums_that_cannot_be() {
    let quorum = |args: &[&str], says: &[&str]| {
        let args: Vec<&str> = ["quorum"].iter().chain(args).copied().collect();
        refused(&args, 2, says);
    };
    quorum(&["--r", "0"], &["R is at least 1", "--r"]);
    quorum(&["--w", "4"], &["W = 4 of 3 replicas", "at most N"]);
    quorum(&["--n", "3,5", "--w", "1..=6"], &["W = 6 of 5"]);
    quorum(&["--n", "0"], &["1 to 64 replicas, not 0"]);
    quorum(&["--n", "65"], &["1 to 64 replicas"]);
    quorum(&["--n", "1..5"], &["no range", "1..=5"]);
    quorum(&["--t", "-1ms"], &["negative", "--t"]);
    quorum(&["--t", "5ms..=1ms"], &["no range"]);
    quorum(&["--visibility", "100%"], &["between 0 and 100%"]);
    quorum(&["--w", "QORUM"], &["did you mean `QUORUM`?"]);
    quorum(&["--w", "LOCAL_QUORUM"], &["needs datacentres"]);
    quorum(&["--r", "ANY"], &["a level of writes"]);
    quorum(&["--fan-out", "closest"], &["without datacentres"]);
    quorum(&["--latency", "lnkd-disc"], &["did you mean `lnkd-disk`?"]);
    quorum(&["--ack", "1ms"], &["lack write_out, read_out, reply"]);
    quorum(&["--down", "100%"], &["nothing would ever be written"]);
    quorum(
        &["--target", "p_stale < 1"],
        &["no promise about stale reads"],
    );
    quorum(&["--target", "p_stale(0ms) <= 0"], &["write <, not <="]);
    quorum(&["--set", "cluster.handoff=1s"], &["goes with `down`"]);
    quorum(
        &[
            "--set",
            "cluster.repair=background",
            "--set",
            "cluster.reads=1000/s",
            "--write-out",
            "exp(10h)",
            "--ack",
            "1ms",
            "--read-out",
            "1ms",
            "--reply",
            "1ms",
        ],
        &["more than 10,000 reads by others"],
    );
    quorum(
        &[
            "--method",
            "exact",
            "--write-out",
            "gamma(shape=0.1,mean=1ms)",
            "--ack",
            "gamma(shape=0.1,mean=1ms)",
            "--read-out",
            "gamma(shape=0.1,mean=1ms)",
            "--reply",
            "gamma(shape=0.1,mean=1ms)",
        ],
        &["no exact answer", "monte-carlo"],
    );
    quorum(
        &["--method", "exact", "--latency", "wan"],
        &[
            "no exact answer",
            "datacentres are not alike",
            "monte-carlo",
        ],
    );
    quorum(
        &["--method", "exact", "--set", "cluster.anti_entropy=1s"],
        &["`anti_entropy` has to be played"],
    );
    quorum(
        &["--set", "cluster.repair=blocking"],
        &["reads repair, and there are none"],
    );
    quorum(
        &["--set", "replica=[{},{}]", "--n", "3"],
        &["these are 2 replicas"],
    );
    quorum(
        &["--set", "datacentres={replicas=[2,1],delay=[[\"0ms\"]]}"],
        &["a delay from each of 2 to each of 2"],
    );
    quorum(
        &["--assert", "N=3 R=2 W=1.p_stale < 1"],
        &["not part of this run"],
    );
    let measured = |rows: &str, says: &[&str]| {
        let text = b"kind = \"quorum\"\n[latency]\nwrite_out = \"file(w.csv,w_ms)\"\nack = \"1ms\"\nread_out = \"1ms\"\nreply = \"1ms\"\n";
        let file = format!("w_ms\n{rows}");
        refused_with(
            &["run", "s.toml"],
            2,
            says,
            &[("s.toml", text), ("w.csv", file.as_bytes())],
        );
    };
    measured("1\nfast\n", &["w.csv, line 3", "`fast` is not a number"]);
    measured("1\nNaN\n", &["w.csv, line 3", "NaN"]);
    measured("1\n", &["at least two samples"]);
}

/// What a name may not hold is told at its place, with the reason.
#[test]
fn hostile_names_are_refused() {
    use herdsim_core::scenario::Scenario;
    let long = "x".repeat(200);
    let names = [
        ("<script>alert(1)</script>", "of ASCII"),
        ("=cmd()", "of ASCII"),
        ("retry \u{1f680}", "of ASCII"),
        ("\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "of ASCII"),
        ("\u{202e}desrever", "of ASCII"),
        ("a,b", "of ASCII"),
        ("../up", "of ASCII"),
        ("-rf", "begins with"),
        ("..", "begins with"),
        ("", "is empty"),
        (long.as_str(), "at most 100 characters, this one has 200"),
    ];
    for (name, why) in names {
        for file in [
            format!("[policy.\"{name}\"]\nextends = \"fixed\"\n"),
            format!("name = \"{name}\"\n"),
            format!("[[service]]\nname = \"{name}\"\n"),
        ] {
            let problem = Scenario::parse("hostile.toml", &file).unwrap_err();
            assert!(problem.to_string().contains(why), "{file}: {problem}");
        }
    }
    // As long as is allowed.
    let most = "x".repeat(100);
    let file = format!("[policy.{most}]\nextends = \"fixed\"\n");
    assert_eq!(
        Scenario::parse("long.toml", &file).unwrap().policies[0].0,
        most
    );
}

/// What is nested, added up, listed or long without end is refused with the limit.
#[test]
fn depth_and_size_have_limits() {
    let deep_law = format!("{}exp(5ms){}", "mix(1:".repeat(6_000), ")".repeat(6_000));
    let sum = format!("exp(5ms){}", " + 200000h".repeat(15_000));
    let samples = vec!["5ms"; 1_100_000].join(",");
    let law = |law: &str| format!("[service]\nservice_time = \"{law}\"\n");
    scenario(&law(&deep_law), &["at most 8 deep"]);
    scenario(&law(&sum), &["longer than 31 years"]);
    scenario(
        &law(&format!("samples({samples})")),
        &["too long", "a million"],
    );
    let path = vec!["a"; 400_000].join(".");
    scenario(
        &format!("[sweep]\n\"{path}\" = [1, 2]\n"),
        &["at most 16 names"],
    );
    scenario(&format!("{path} = 1\n"), &["recursion limit"]);
    let list = format!("a = {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    scenario(&list, &["max recursion depth"]);
    let long = "x".repeat(3_000_000);
    scenario(&format!("[{long}]\n"), &["unknown key `xxx"]);
    scenario(&law(&long), &["unknown distribution `xxx"]);
    let each = |n: usize| (0..n).map(move |i| format!("[policy.p{i}]\nextends = \"p{}\"\n", i + 1));
    scenario(
        &each(20_000).collect::<String>(),
        &["a run compares at most 1000"],
    );
    let chain: String = std::iter::once("compare = [\"p0\"]\n".to_string())
        .chain(each(20_000))
        .collect();
    scenario(&chain, &["at most 32 deep"]);
    let faults = vec!["\"crash@10s+2s\""; 2_000].join(",");
    scenario(&format!("faults = [{faults}]\n"), &["1000 faults at most"]);
}

/// A sum of any number of durations is one shift, and a long list of samples takes no
/// longer than its length.
#[test]
fn many_terms_are_read() {
    let text = format!(
        "[service]\nservice_time = \"exp(5ms){}\"\n[callers]\narrival = \"closed\"\nthink = \"samples({})\"\n",
        " + 1us".repeat(15_000),
        vec!["5ms"; 300_000].join(",")
    );
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s.toml"), text).unwrap();
    Command::cargo_bin("herdsim")
        .unwrap()
        .current_dir(&dir)
        .args(["run", "s.toml", "--dry-run"])
        .assert()
        .success();
}

/// Devices that never end, and files that are no text.
#[cfg(unix)]
#[test]
fn endless_and_binary_files_are_refused() {
    refused(&["run", "/dev/zero"], 2, &["/dev/zero", "it is binary"]);
    refused(
        &["--service-time", "file(/dev/zero,unit=ms)"],
        2,
        &["it is binary"],
    );
    refused(
        &[
            "--set",
            "callers.arrival=trace",
            "--set",
            "callers.file=/dev/zero",
        ],
        2,
        &["it is binary"],
    );
    refused(
        &["--overlay", "/dev/zero", "--series", "calls=c"],
        2,
        &["it is binary"],
    );
    refused(&["--baseline", "/dev/zero"], 2, &["it is binary"]);
    refused(
        &["audit", ".", "--situation", "/dev/zero"],
        2,
        &["it is binary"],
    );
    refused(
        &["audit", ".", "--baseline", "/dev/zero"],
        2,
        &["it is binary"],
    );
}
