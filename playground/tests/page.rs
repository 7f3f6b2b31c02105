//! What the page is told, asked natively.

use herdsim_core::scenario::Scenario;
use herdsim_playground::answer;
use serde_json::{Value as Json, json};

const BLIP: &str = include_str!("../../configs/blip.toml");

fn ask(question: &Json) -> Json {
    serde_json::from_str(&answer(&question.to_string())).unwrap()
}

fn read(text: &str, policy: &str) -> Json {
    ask(&json!({ "ask": "read", "text": text, "policy": policy }))
}

fn moved(text: &str, policy: &str, control: &str, to: &str) -> String {
    let question =
        json!({ "ask": "move", "text": text, "policy": policy, "control": control, "to": to });
    let answer = ask(&question);
    let text = answer["text"].as_str();
    text.unwrap_or_else(|| panic!("{question}: {answer}"))
        .to_string()
}

fn run(text: &str, small: bool) -> Json {
    ask(&json!({ "ask": "run", "text": text, "replications": 3, "small": small, "raw": true }))
}

fn presets() -> Vec<(String, String)> {
    let all = ask(&json!({ "ask": "presets" }));
    let all = all["scenarios"].as_array().unwrap().iter();
    all.map(|one| {
        let field = |key: &str| one[key].as_str().unwrap().to_string();
        assert!(!field("says").is_empty(), "{one}");
        (field("name"), field("text"))
    })
    .collect()
}

fn list<'a>(json: &'a Json, key: &str) -> &'a Vec<Json> {
    json[key]
        .as_array()
        .unwrap_or_else(|| panic!("{key}: {json}"))
}

/// Why jitter does not end the outage and a budget does, by moving one thing after the other;
/// at the whole size and at a tenth.
#[test]
fn jitter_does_not_end_the_outage_and_a_budget_does() {
    for small in [true, false] {
        let headline = |text: &str| run(text, small)["headline"].as_str().unwrap().to_string();
        let recovers = |text: &str| {
            let told = run(text, small);
            let names = told["raw"]["metrics"].as_array().unwrap();
            let at = names.iter().position(|name| name == "recovered_ratio");
            told["raw"]["policies"][0][0][at.unwrap()].as_f64().unwrap()
        };
        assert!(headline(BLIP).starts_with("fixed and full-jitter never recover"));
        assert_eq!(recovers(BLIP), 0.0);
        let jittered = moved(BLIP, "fixed", "jitter", "full");
        assert_eq!(recovers(&jittered), 0.0);
        let limited = moved(&jittered, "fixed", "budget", "10%");
        assert_eq!(recovers(&limited), 1.0);
        // The other one extends it: it has a budget as well.
        assert!(headline(&limited).starts_with("Every policy recovers"));
        let own = moved(BLIP, "full-jitter", "budget", "10%");
        assert!(headline(&own).starts_with("fixed never recovers"));
    }
}

/// Whoever moves along is named: what extends the policy, in the text or in the catalogue, and
/// what groups and services have of it.
#[test]
fn who_moves_along_is_said() {
    let along = |text: &str, policy: &str| {
        let question = json!({ "ask": "move", "text": text, "policy": policy, "control": "timeout", "to": "1s" });
        ask(&question)["along"].clone()
    };
    assert_eq!(along(BLIP, "fixed"), json!(["full-jitter", "budget"]));
    assert_eq!(along(BLIP, "full-jitter"), json!([]));
    assert_eq!(along("", "fixed"), json!(["budget"]));
    let groups = "compare = [\"fixed\"]\n[[callers]]\ncount = 100\npolicy = \"mine\"\n\
                  [[callers]]\ncount = 100\n[policy.mine]\nextends = \"fixed\"\n";
    assert_eq!(along(groups, "fixed"), json!(["mine"]));
}

/// What is no stop is not written; other shapes of a text are moved as well.
#[test]
fn shapes_of_a_text() {
    let refused = |control: &str, to: &str| {
        let question =
            json!({ "ask": "move", "text": BLIP, "policy": "fixed", "control": control, "to": to });
        assert!(ask(&question)["problem"].is_object(), "{control} {to}");
    };
    for (control, to) in [
        ("load", "0%"),
        ("load", "nan%"),
        ("attempts", "banana"),
        ("timeout", "x"),
    ] {
        refused(control, to);
    }
    let one = moved(
        "[[callers]]\ncount = 100\n[service]\nservers = 2\n",
        "fixed",
        "load",
        "50%",
    );
    assert!(one.contains("rate = \""), "{one}");
    let inline = moved("policy = { p = { attempts = 2 } }\n", "p", "timeout", "1s");
    assert_eq!(
        inline,
        "policy = { p = { attempts = 2 , timeout = \"1s\" } }\n"
    );
    let windows = moved(&BLIP.replace('\n', "\r\n"), "fixed", "attempts", "3");
    assert_eq!(
        windows.replace("\r\n", "\n"),
        BLIP.replace("attempts = 6", "attempts = 3")
    );
    assert!(!windows.replace("\r\n", "").contains('\n'));
    let text = "actions = [\"scale(2,tier=s)@30s\"]\n[service]\nname = \"s\"\n";
    let paused = moved(text, "fixed", "action", "pause(50%)");
    assert!(paused.contains("pause(0.5)@30s+10s"), "{paused}");
    let text = "actions = [\"reject(0.5)@30s+5s~2s\"]\n";
    let more = moved(text, "fixed", "action", "reject(90%)");
    assert_eq!(more, "actions = [\"reject(0.9)@30s+5s~2s\"]\n");
}

/// What does not go with size moves at its whole size.
#[test]
fn what_does_not_divide_is_left_whole() {
    let times = |text: &str| {
        let text = format!(
            "faults = []\ncompare = [\"none\"]\nrun = {{ horizon = \"10s\", warmup = \"1s\" }}\n{text}"
        );
        let told = ask(&json!({ "ask": "run", "text": text, "replications": 1, "small": true }));
        told["smaller"].as_u64().unwrap_or_else(|| panic!("{told}"))
    };
    assert_eq!(times(""), 10);
    assert_eq!(
        times("callers = { count = 1000 }\nservice = { servers = 20 , queue = 100 }\n"),
        2
    );
    for text in [
        "service = { hosts = 10, servers = 10, queue = 500 }",
        "service = { discipline = \"codel\" }",
        "service = { contention = 0.01 }",
        "service = { queue = 0 }",
        "service = { queue = 150 }",
        "service = { shed = \"50ms\" }",
        "service = { servers = 12 }",
        "service = { limit = { rate = \"4000/s\", burst = 15 } }",
        "callers = { clients = 7 }",
        "callers = { fan_out = 10, rate = \"0.1/s\" }",
        "callers = { rate = \"0.01/s\" }",
        "service = { kind = \"elastic\", service_time = \"10ms\", slope = \"1us\" }",
        "actions = [\"scale(1.33)@5s\"]",
    ] {
        assert_eq!(times(&format!("{text}\n")), 1, "{text}");
    }
}

/// Every control of every shipped scenario can be put at every one of its stops: it then
/// stands there, and no other control has moved.
#[test]
fn every_control_goes_to_each_of_its_stops() {
    let mut stood = 0;
    for (name, text) in presets() {
        let first = read(&text, "");
        let Some(policies) = first["policies"].as_array() else {
            continue;
        };
        let policy = policies.last().unwrap().as_str().unwrap();
        let before = read(&text, policy);
        for control in list(&before, "controls") {
            let id = control["id"].as_str().unwrap();
            for (n, stop) in list(control, "stops").iter().enumerate() {
                let stop = stop.as_str().unwrap();
                let text = moved(&text, policy, id, stop);
                let after = read(&text, policy);
                if let Some(problem) = after.get("problem") {
                    // What no policy can have together is said, at its place.
                    assert!(
                        problem["place"]["line"].is_u64(),
                        "{name} {id} {stop}: {problem}"
                    );
                    continue;
                }
                for other in list(&after, "controls") {
                    let stops = list(other, "stops");
                    let at = other["at"].as_u64().unwrap() as usize;
                    if other["id"] == id {
                        let same = stops.get(at).and_then(Json::as_str) == Some(stop);
                        assert!(same, "{name} {id} to {n} {stop}: {other}");
                        stood += 1;
                    } else if other["id"] != "when" && id != "delay" {
                        let old = list(&before, "controls").iter();
                        let old = old.clone().find(|old| old["id"] == other["id"]).unwrap();
                        let old = &list(old, "stops").get(old["at"].as_u64().unwrap() as usize);
                        assert_eq!(stops.get(at), *old, "{name}: {id} moved {other}");
                    }
                }
            }
        }
    }
    assert!(stood > 1_000, "{stood}");
}

/// The text that somebody wrote stays as it is, but for what is moved.
#[test]
fn a_move_changes_one_line() {
    let changed = |text: &str| {
        let before: Vec<&str> = BLIP.lines().collect();
        let after: Vec<String> = text.lines().map(String::from).collect();
        let longer = after.len() as i64 - before.len() as i64;
        let mut new = after;
        for line in before {
            if let Some(at) = new.iter().position(|other| other == line) {
                new.remove(at);
            }
        }
        (new, longer)
    };
    for (policy, control, to, line, more) in [
        ("fixed", "timeout", "1s", "timeout = \"1s\"", 0),
        ("fixed", "attempts", "3", "attempts = 3", 0),
        ("fixed", "delay", "100ms", "backoff = \"fixed(100ms)\"", 0),
        ("fixed", "jitter", "full", "jitter = \"full\"", 1),
        ("fixed", "budget", "10%", "budget = \"10%\"", 1),
        (
            "full-jitter",
            "delay",
            "1s",
            "backoff = \"exponential(base=1s,multiplier=2,cap=10s)\"",
            0,
        ),
        ("fixed", "load", "50%", "rate = \"0.71429/s\"", 0),
        ("fixed", "blip", "5s", "faults = [\"crash@10s+5s\"]", 0),
        (
            "fixed",
            "action",
            "pause(80%)",
            "actions = [\"pause(0.8)@22s+10s\"]",
            1,
        ),
    ] {
        let (new, longer) = changed(&moved(BLIP, policy, control, to));
        assert_eq!(new, [line], "{control}");
        assert_eq!(longer, more, "{control}");
    }
    let acting = moved(BLIP, "fixed", "action", "pause(80%)");
    let later = moved(&acting, "fixed", "when", "30s");
    assert_eq!(changed(&later).0, ["actions = [\"pause(0.8)@30s+10s\"]"]);
    assert_eq!(moved(&later, "fixed", "action", "none"), BLIP);
}

/// Policies of the catalogue get a table of their own where one of them is moved, and the
/// same are compared as before.
#[test]
fn policies_of_the_catalogue_are_laid_over() {
    let text = moved("", "fixed", "attempts", "3");
    let scenario = Scenario::parse("moved", &text).unwrap();
    let names: Vec<&str> = scenario
        .policies
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["fixed", "full-jitter", "budget"]);
    assert_eq!(scenario.policies[0].1.attempts, 3);
    let own = Scenario::default().policies[0].1.clone();
    assert_eq!(scenario.policies[0].1.backoff, own.backoff);
    let text = moved("compare = [\"grpc\", \"envoy\"]", "envoy", "jitter", "none");
    let scenario = Scenario::parse("moved", &text).unwrap();
    assert_eq!(scenario.policies.len(), 2);
    let more = moved(BLIP, "fixed", "compare", "grpc");
    assert_eq!(list(&read(&more, "grpc"), "policies").len(), 4);
}

/// What is smaller says the same of a scenario as the whole where it is not at an edge, and
/// tells by how much it is smaller.
#[test]
fn a_tenth_is_like_the_whole() {
    let mean = |told: &Json, metric: &str, policy: usize| {
        let names = list(&told["raw"], "metrics");
        let at = names.iter().position(|name| name == metric).unwrap();
        let runs = told["raw"]["policies"][policy].as_array().unwrap();
        let values: Vec<f64> = runs.iter().filter_map(|run| run[at].as_f64()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let [small, whole] = [true, false].map(|small| run(BLIP, small));
    assert_eq!(
        (&small["smaller"], &whole["smaller"]),
        (&json!(10), &json!(1))
    );
    for (policy, part) in [(0, 0.05), (1, 0.05), (2, 0.02)] {
        let of = |told| mean(told, "answered_ratio", policy);
        let (a, b) = (of(&small), of(&whole));
        assert!((a - b).abs() < part, "{policy}: {a}, {b}");
        let of = |told| mean(told, "attempts", policy);
        let times = of(&whole) / of(&small);
        assert!((times / 10.0 - 1.0).abs() < 0.05, "{policy}: {times}");
    }
}

/// A film counts, frame by frame, what the time series of its run has; and shows as many.
#[test]
fn a_film_counts_what_the_time_series_has() {
    let mut filmed = 0;
    for (name, text) in presets() {
        let told = read(&text, "");
        let Some(policies) = told["policies"].as_array() else {
            continue;
        };
        let film = ask(&json!({ "ask": "film", "text": text, "policy": policies[0] }));
        if film.get("none").is_some() {
            continue;
        }
        let bin = film["bin_s"].as_f64().unwrap();
        let many = (film["step_s"].as_f64().unwrap() / bin).round() as usize;
        let callers = film["callers"].as_u64().unwrap() as u32;
        let mut seen = 0.0;
        for (n, frame) in list(&film, "frames").iter().enumerate() {
            let number = |key: &str| frame[key].as_f64().unwrap();
            let sum = |column: &str| {
                let bins = n * many..(n + 1) * many;
                // A run of callers who call once ends before its horizon.
                let of = |bin: usize| film["series"][column][bin].as_f64().unwrap_or(0.0);
                bins.map(of).sum::<f64>()
            };
            let same = |what: &str, a: f64, b: f64| {
                assert!(
                    (a - b).abs() < 1e-6 * (1.0 + b.abs()),
                    "{name} {what} {n}: {a}, {b}"
                );
            };
            same("offered", number("offered"), sum("offered") * bin);
            same("ok", number("ok"), sum("goodput") * bin);
            same("queue", number("mean_queue"), sum("queue") / many as f64);
            same("busy", number("mean_busy"), sum("busy") / many as f64);
            let here = ["waiting", "waiting_in_vain", "served", "served_in_vain"];
            let here: f64 = here.map(number).iter().sum();
            let dots = frame["dots"]
                .as_str()
                .unwrap()
                .chars()
                .map(|c| c as u32 - 256);
            let shown = dots.clone().filter(|code| code % 6 >= 2).count();
            assert_eq!(shown as f64, here, "{name}");
            assert!(dots.clone().all(|code| code / 6 < callers), "{name}");
            seen += here;
        }
        // A service without servers may answer at once.
        assert!(seen > 10.0 || film["servers"].is_null(), "{name}: {seen}");
        filmed += 1;
    }
    assert!(filmed > 8, "{filmed}");
}

/// Whatever is asked is answered, and said where it is not for a page.
#[test]
fn what_cannot_be_run_is_said() {
    let problem = |text: &str| {
        let told = run(text, false);
        let problem = &told["problem"];
        assert!(problem["message"].is_string(), "{told}");
        problem.clone()
    };
    let wrong = problem("[service]\nserver = 5\n");
    assert_eq!(wrong["place"]["line"], 2);
    assert_eq!(wrong["place"]["column"], 0);
    assert_eq!(wrong["place"]["text"], "server = 5");
    problem("[service\n");
    problem("name = \"\u{1F40E}\u{1F40E}\" x\n");
    problem("[callers]\narrival = \"trace\"\nfile = \"load.csv\"\n");
    let elsewhere = |text: &str, why: &str| {
        let told = run(text, false);
        let found = told["elsewhere"]["why"].as_str();
        assert!(found.is_some_and(|w| w.contains(why)), "{told}");
        assert!(
            told["elsewhere"]["command"]
                .as_str()
                .unwrap()
                .starts_with("herdsim ")
        );
    };
    elsewhere("kind = \"fence\"\n", "fence");
    elsewhere("kind = \"saga\"\n", "saga");
    elsewhere("[sweep]\n\"service.queue\" = [1, 2]\n", "[sweep]");
    elsewhere(
        "faults = []\ncompare = [\"none\"]\nrun = { horizon = \"24d\", bin = \"1d\" }\n\
         callers = { count = 1, rate = \"0.001/s\" }\n",
        "memory",
    );
    elsewhere(
        "callers = { count = 2_000_000 }\nservice = { servers = 40_000 }\n",
        "events",
    );
    let quorum = run("kind = \"quorum\"\n", false);
    assert_eq!(quorum["kind"], "quorum");
    assert!(quorum["verdict"].as_str().is_some_and(|v| !v.is_empty()));
    assert!(!list(&quorum["table"], "rows").is_empty());
    for question in [
        "",
        "{}",
        "[]",
        "{\"ask\":\"run\"}",
        "{\"ask\":\"read\",\"text\":3}",
    ] {
        assert!(answer(question).contains("problem"), "{question}");
    }
}
