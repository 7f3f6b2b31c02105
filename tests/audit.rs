//! Readers and rules against files with the truth written beside it.
//!
//! A comment `site: SEAM key=value …` stands above the line where a site has to be found with
//! this reading, `rule: IDs` above the line whose site has to have exactly these findings,
//! `edge: FROM > TO` above the line that states an edge, `unresolved:` above one that cannot be
//! followed. Whatever else is found is a failure: every fixture tests silence, too. What has no
//! comments has a file `NAME.expect` beside it, with `LINE: site: …`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use herdsim::audit::rules::Finding;
use herdsim::audit::site::{Decision, Field, How, Site, line};
use herdsim::audit::situation::{Asked, Situations};
use herdsim::audit::{Audit, Request};
use herdsim_core::scenario::policy::{Jitter, Policy, UNLIMITED};
use herdsim_core::scenario::{Job, JobKind, Overlay};
use herdsim_core::units::Nanos;
use herdsim_core::value::Value;

/// What a comment says has to be there.
#[derive(Debug)]
struct Expected {
    file: String,
    line: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Site(String, Vec<(String, String)>),
    Rules(Vec<String>),
    Edge(String, String),
    Unresolved,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit/fixtures")
}

fn parse(body: &str) -> Option<What> {
    let body = body.trim();
    if let Some(rest) = body.strip_prefix("site:") {
        let mut words = rest.split_whitespace();
        let seam = words.next()?.to_string();
        let mut fields: Vec<(String, String)> = Vec::new();
        for word in words {
            match word.split_once('=') {
                Some((key, value)) if !key.contains('(') => {
                    fields.push((key.to_string(), value.to_string()))
                }
                // A value with blanks in it goes on.
                _ => {
                    if let Some((_, value)) = fields.last_mut() {
                        value.push(' ');
                        value.push_str(word);
                    }
                }
            }
        }
        return Some(What::Site(seam, fields));
    }
    if let Some(rest) = body.strip_prefix("rule:") {
        let ids = rest.split_whitespace().filter(|id| *id != "-");
        return Some(What::Rules(ids.map(str::to_string).collect()));
    }
    if let Some(rest) = body.strip_prefix("edge:") {
        let (from, to) = rest.split_once('>')?;
        return Some(What::Edge(from.trim().to_string(), to.trim().to_string()));
    }
    body.starts_with("unresolved:").then_some(What::Unresolved)
}

/// The comment of a line that holds nothing else.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line
        .strip_prefix("{{/*")
        .map_or(line, |l| l.trim_end_matches("*/}}"));
    let leaders = ["//", "#", ";", "!", "--"];
    leaders.iter().find_map(|leader| line.strip_prefix(leader))
}

fn expectations(path: &Path, shown: &str, all: &mut Vec<Expected>) {
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    if shown.ends_with(".expect") {
        for line in text.lines() {
            let Some((at, body)) = line.split_once(':') else {
                continue;
            };
            let Ok(at) = at.trim().parse() else { continue };
            if let Some(what) = parse(body) {
                all.push(Expected {
                    file: shown.trim_end_matches(".expect").to_string(),
                    line: at,
                    what,
                });
            }
        }
        return;
    }
    let mut pending = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match comment(line) {
            Some(body) => pending.extend(parse(body)),
            None if line.trim().is_empty() => {}
            None => {
                for what in pending.drain(..) {
                    all.push(Expected {
                        file: shown.to_string(),
                        line: at + 1,
                        what,
                    });
                }
            }
        }
    }
}

fn walk(path: &Path, visit: &mut dyn FnMut(&Path)) {
    if path.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(path)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        entries.sort();
        entries.iter().for_each(|entry| walk(entry, visit));
    } else {
        visit(path);
    }
}

/// A policy from its fields as a scenario has them.
fn policy(fields: &[(&str, &str)]) -> Policy {
    let mut text = String::from("[policy.x]\n");
    for (key, value) in fields {
        let bare = matches!(*key, "attempts") && *value != "unlimited"
            || matches!(*value, "true" | "false");
        match bare {
            true => writeln!(text, "{key} = {value}").unwrap(),
            false => writeln!(text, "{key} = \"{value}\"").unwrap(),
        }
    }
    let mut overlay = Overlay::default();
    overlay.file("expected", &text).unwrap();
    overlay.set("compare=[\"x\"]").unwrap();
    match Job::from_overlay(&overlay, JobKind::Herd) {
        Ok(Job::Herd(scenario)) => scenario.policies[0].1.clone(),
        Ok(_) => panic!("no herd"),
        Err(problem) => panic!("{problem}\n{text}"),
    }
}

fn nanos(text: &str) -> Option<Nanos> {
    match text {
        "none" => None,
        text => Some(Nanos::parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"))),
    }
}

/// What differs between a site and what is expected of it.
fn differences(site: &Site, fields: &[(String, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut differ = |key: &str, wanted: &str, read: String| {
        if wanted != read {
            wrong.push(format!("{key}: expected {wanted}, read {read}"));
        }
    };
    let get = |name: &str| {
        fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    for (key, wanted) in fields {
        if key == "named" {
            let named = site.named.as_ref().map_or("none", |(name, _)| name);
            differ(key, wanted, named.to_string());
            continue;
        }
        match &site.decision {
            Decision::Retry(retry) => {
                let (name, how) = match key.split_once('.') {
                    Some((name, "how")) => (name, true),
                    _ => (key.as_str(), false),
                };
                let field = Field::ALL.into_iter().find(|f| f.name() == name);
                let fact = field.and_then(|f| retry.fact(f));
                if how {
                    let known = fact.map_or("nothing".to_string(), |f| {
                        format!("{:?}", f.how).to_lowercase()
                    });
                    differ(key, wanted, known);
                    continue;
                }
                let unresolved = fact.is_some_and(|f| f.how == How::Unresolved);
                if wanted == "?" {
                    differ(
                        key,
                        "unresolved",
                        if unresolved {
                            "unresolved"
                        } else {
                            "something"
                        }
                        .to_string(),
                    );
                    continue;
                }
                if field.is_some() && fact.is_none() || unresolved {
                    let why = fact.and_then(|f| f.why.clone()).unwrap_or_default();
                    differ(key, wanted, format!("nothing ({why})"));
                    continue;
                }
                match key.as_str() {
                    "attempts" => {
                        let read = match retry.policy.attempts {
                            UNLIMITED => "unlimited".to_string(),
                            n => n.to_string(),
                        };
                        differ(key, wanted, read);
                    }
                    "timeout" | "deadline" => {
                        let read = if key == "timeout" {
                            retry.policy.timeout
                        } else {
                            retry.policy.deadline
                        };
                        if nanos(wanted) != read {
                            differ(
                                key,
                                wanted,
                                read.map_or("none".to_string(), |d| d.to_string()),
                            );
                        }
                    }
                    "budget" => {
                        let read = if retry.policy.budget.is_some() {
                            "some"
                        } else {
                            "none"
                        };
                        let wanted = if wanted == "none" { "none" } else { "some" };
                        differ(key, wanted, read.to_string());
                    }
                    "backoff" | "jitter" => {}
                    "quantum" | "first" | "at_least" | "cap_after" => {}
                    "retry_on" => {}
                    other => differ(other, wanted, "an unknown key".to_string()),
                }
            }
            Decision::Quorum(q) => {
                let (name, how) = key
                    .split_once('.')
                    .map_or((key.as_str(), false), |(n, _)| (n, true));
                let known = match name {
                    "n" => &q.n,
                    "w" => &q.w,
                    _ => &q.r,
                };
                let read = match (how, known.value) {
                    (true, _) => format!("{:?}", known.fact.how).to_lowercase(),
                    (_, None) => "?".to_string(),
                    (_, Some(n)) => n.to_string(),
                };
                differ(key, wanted, read);
            }
            Decision::Acks(a) => {
                let text = |n: &Option<herdsim::audit::site::Known<u32>>| {
                    n.as_ref()
                        .and_then(|k| k.value)
                        .map_or("?".to_string(), |n| n.to_string())
                };
                let read = match key.as_str() {
                    "acks" => a
                        .acks
                        .as_ref()
                        .and_then(|k| k.value.clone())
                        .unwrap_or("?".to_string()),
                    "min_isr" => text(&a.min_isr),
                    _ => text(&a.replicas),
                };
                differ(key, wanted, read);
            }
            Decision::Lease(l) => {
                let read = match key.as_str() {
                    "ttl" => l.ttl.value.flatten(),
                    "renew" => l.renew.as_ref().and_then(|k| k.value),
                    _ => l.deadline.as_ref().and_then(|k| k.value),
                };
                if nanos(wanted) != read {
                    differ(
                        key,
                        wanted,
                        read.map_or("none".to_string(), |d| d.to_string()),
                    );
                }
            }
            Decision::Fence(f) => differ(key, wanted, f.guard.name().to_string()),
            Decision::Effect(e) => {
                let read = match key.as_str() {
                    "key" => e.key.name().to_string(),
                    _ => e.retried_by.is_some().to_string(),
                };
                differ(key, wanted, read);
            }
            Decision::Timeout(_) => {}
        }
    }
    // Laws are compared by what they are, not by how they are written.
    if let (Some(retry), Some(backoff)) = (site.retry(), get("backoff").filter(|b| *b != "?"))
        && retry.is_known(Field::Backoff)
    {
        let mut wanted = vec![("backoff", backoff)];
        for key in ["jitter", "first", "at_least", "cap_after", "quantum"] {
            wanted.extend(get(key).map(|value| (key, value)));
        }
        let mut expected = policy(&wanted);
        let mut read = retry.policy.clone();
        if get("jitter").is_none() && !backoff.starts_with("random") {
            (expected.jitter, read.jitter) = (Jitter::None, Jitter::None);
        }
        if get("first").is_none() {
            expected.first = read.first;
        }
        if get("at_least").is_none() {
            expected.at_least = read.at_least;
        }
        if get("cap_after").is_none() {
            expected.cap_after = read.cap_after;
        }
        let last = match read.attempts {
            UNLIMITED | 0 | 1 => 8,
            n => n.min(13),
        };
        for k in 1..last {
            let ((a, b), (c, d)) = (expected.wait_bounds(k), read.wait_bounds(k));
            let same =
                |x: f64, y: f64| (x - y).abs() <= 1e-6 * x.abs().max(y.abs()).max(1.0) || x == y;
            if !same(a, c) || !same(b, d) {
                wrong.push(format!(
                    "wait {k}: expected {}..{} s ({backoff} {}), read {}..{} s ({} {})",
                    a / 1e9,
                    b / 1e9,
                    expected.jitter,
                    c / 1e9,
                    d / 1e9,
                    read.backoff,
                    read.jitter
                ));
                break;
            }
        }
    }
    wrong
}

/// Every failure of one fixture.
fn check(entry: &Path) -> Vec<String> {
    let base = fixtures();
    let mut expected = Vec::new();
    walk(entry, &mut |path| {
        let shown = path
            .strip_prefix(&base)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        expectations(path, &shown, &mut expected);
    });
    let beside = entry.with_file_name(format!(
        "{}.expect",
        entry.file_name().unwrap().to_string_lossy()
    ));
    if beside.is_file() {
        let shown = beside
            .strip_prefix(&base)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        expectations(&beside, &shown, &mut expected);
    }
    let audit = Audit::of(&Request {
        paths: vec![entry.to_path_buf()],
        ..Request::default()
    })
    .unwrap();
    let shown = |name: &str| {
        Path::new(name)
            .strip_prefix(&base)
            .map_or(name.to_string(), |p| p.to_string_lossy().replace('\\', "/"))
    };
    let mut failures = Vec::new();
    let mut taken = vec![false; audit.system.sites.len()];
    let with_edges = ["compose", "kubernetes", "csharp"]
        .iter()
        .any(|d| entry.starts_with(base.join(d)));
    let mut edges: Vec<(String, usize, String, String)> = audit
        .system
        .edges
        .iter()
        .map(|e| {
            (
                shown(&e.place.source.name),
                line(&e.place),
                e.from.clone(),
                e.to.clone(),
            )
        })
        .collect();
    let by_site: BTreeMap<usize, Vec<&Finding>> =
        audit.findings.iter().fold(BTreeMap::new(), |mut map, f| {
            map.entry(f.site).or_insert_with(Vec::new).push(f);
            map
        });
    for want in &expected {
        let here: Vec<usize> = (0..taken.len())
            .filter(|at| {
                let site = &audit.system.sites[*at];
                shown(&site.place.source.name) == want.file && site.line() == want.line
            })
            .collect();
        let at = format!("{}:{}", want.file, want.line);
        match &want.what {
            What::Site(seam, fields) => {
                let found = here.iter().find(|at| {
                    !taken[**at] && audit.system.sites[**at].decision.seam().to_string() == *seam
                });
                match found {
                    None => failures.push(format!("{at}: no {seam} site")),
                    Some(found) => {
                        taken[*found] = true;
                        for wrong in differences(&audit.system.sites[*found], fields) {
                            failures.push(format!("{at}: {wrong}"));
                        }
                    }
                }
            }
            What::Rules(ids) => {
                let mut read: Vec<String> = here
                    .iter()
                    .flat_map(|at| by_site.get(at).into_iter().flatten())
                    .map(|f| f.rule.id().to_string())
                    .collect();
                read.sort();
                read.dedup();
                let mut ids = ids.clone();
                ids.sort();
                if read != ids {
                    failures.push(format!("{at}: expected rules {ids:?}, read {read:?}"));
                }
            }
            What::Edge(from, to) => {
                let found = edges.iter().position(|e| {
                    e.2 == *from && e.3 == *to && e.0 == want.file && e.1 == want.line
                });
                match found {
                    Some(at) => {
                        edges.remove(at);
                    }
                    None => failures.push(format!("{at}: no edge {from} > {to}")),
                }
            }
            What::Unresolved => {
                let found = audit.unresolved.iter().any(|a| {
                    shown(&a.place.source.name) == want.file && line(&a.place) == want.line
                });
                let field = audit
                    .system
                    .sites
                    .iter()
                    .filter_map(|s| s.retry())
                    .any(|retry| {
                        Field::ALL
                            .into_iter()
                            .filter_map(|f| retry.fact(f))
                            .any(|fact| {
                                fact.how == How::Unresolved
                                    && fact.place.as_ref().is_some_and(|p| {
                                        shown(&p.source.name) == want.file && line(p) == want.line
                                    })
                            })
                    });
                if !found && !field {
                    failures.push(format!("{at}: nothing unresolved"));
                }
            }
        }
    }
    for (at, site) in audit.system.sites.iter().enumerate() {
        if !taken[at] {
            failures.push(format!(
                "{}:{}: unexpected {} site ({}) `{}`",
                shown(&site.place.source.name),
                site.line(),
                site.decision.seam(),
                site.reader,
                site.name
            ));
        }
        // Places are bytes.
        let text = &site.place.source.text;
        let facts = site
            .retry()
            .into_iter()
            .flat_map(|r| Field::ALL.into_iter().filter_map(|f| r.fact(f)));
        let facts: Vec<_> = facts
            .filter_map(|fact| fact.place.as_ref())
            .filter(|p| p.source == site.place.source)
            .collect();
        let places = site
            .remarks
            .iter()
            .map(|r| &r.place)
            .chain([&site.place])
            .chain(facts);
        for place in places {
            if place.source.text.get(place.span.clone()).is_none() {
                failures.push(format!(
                    "{}: a place that is none: {:?} of {}",
                    site.name,
                    place.span,
                    text.len()
                ));
            }
        }
    }
    if with_edges {
        failures.extend(
            edges
                .iter()
                .map(|(file, at, from, to)| format!("{file}:{at}: unexpected edge {from} > {to}")),
        );
    }
    failures
}

fn all(directory: &str) {
    let mut entries: Vec<_> = std::fs::read_dir(fixtures().join(directory))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    entries.retain(|e| !e.to_string_lossy().ends_with(".expect"));
    assert!(
        entries.len() >= 4,
        "{directory} has {} fixtures",
        entries.len()
    );
    let mut failures = Vec::new();
    for entry in &entries {
        failures.extend(check(entry));
    }
    let text = failures.join("\n");
    assert!(
        failures.is_empty(),
        "{} of {directory}:\n{text}",
        failures.len()
    );
}

macro_rules! readers {
    ($($name:ident)*) => { $(
        #[test]
        fn $name() {
            all(stringify!($name));
        }
    )* };
}

readers! {
    argo aws cassandra cloudformation compose dapr envoy gateway go grpc haproxy herdsim istio java kafka kotlin kubernetes leases linkerd mongodb nginx python
    quorum spring stepfunctions terraform typescript
}

// Languages of builds that ask for them.
#[cfg(feature = "csharp")]
readers! { csharp }
#[cfg(feature = "ruby")]
readers! { ruby }
#[cfg(feature = "rust")]
readers! { rust }

/// The four seams as a developer would have written them, among files that hold nothing.
#[test]
fn four_seams_among_forty_empty_files() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    for n in 0..40 {
        write(
            &format!("nothing_{n}.py"),
            &format!("def f{n}(x):\n    return x + {n}\n"),
        );
    }
    write(
        "store.yaml",
        "store:\n  name: orders\n  replication: {N: 3, W: 1, R: 1}\n",
    );
    write(
        "resource.py",
        "class Resource:\n    def __init__(self):\n        self.highest = 0\n        self.steps = []\n\n    \
         def apply(self, step, token):\n        self.steps.append(step)\n        \
         self.highest = max(self.highest, token)\n",
    );
    write(
        "refunds.py",
        "import requests\n\n\ndef refund(order, amount):\n    return requests.post(\n        \
         \"http://payments/refunds\", json={\"order\": order, \"amount\": amount}, timeout=2\n    )\n",
    );
    write(
        "client.py",
        "import time\n\nimport requests\n\n\ndef call(url):\n    for attempt in range(6):\n        try:\n            \
         return requests.get(url, timeout=2)\n        except requests.Timeout:\n            \
         if attempt == 5:\n                raise\n            time.sleep(1)\n",
    );
    let request = Request {
        paths: vec![dir.path().to_path_buf()],
        ..Request::default()
    };
    let audit = Audit::of(&request).unwrap();
    let found: Vec<(String, &str, usize)> = audit
        .findings
        .iter()
        .map(|f| {
            let name = Path::new(&f.place.source.name).file_name().unwrap();
            (
                name.to_string_lossy().into_owned(),
                f.rule.id(),
                line(&f.place),
            )
        })
        .collect();
    let expected = [
        ("client.py", "HS101", 7),
        ("client.py", "HS102", 13),
        ("refunds.py", "HS401", 5),
        ("resource.py", "HS301", 7),
        ("store.yaml", "HS201", 3),
        ("store.yaml", "HS202", 3),
    ];
    assert_eq!(
        found,
        expected.map(|(file, id, at)| (file.to_string(), id, at))
    );
    assert_eq!(audit.system.sites.len(), 4);
}

/// Hostile files are said, and take nothing with them.
#[test]
fn whatever_is_read_ends() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "circle.py",
        "def load(url, n):\n    for i in range(n):\n        try:\n            return fetch(url)\n        \
         except OSError:\n            time.sleep(1)\n\n\ndef a(url, n):\n    return b(url, n)\n\n\n\
         def b(url, n):\n    if url:\n        return a(url, n)\n    return load(url, n)\n",
    );
    write(
        "super.py",
        "# retry\nclass A(B):\n    def post(self, url):\n        return super().post(url)\n\n\nclass C(B):\n    def post(self, url):\n        return super().post(url)\n",
    );
    let elifs: String = (0..3_000)
        .map(|n| format!("    elif x == {n}:\n        retry()\n"))
        .collect();
    write(
        "elif.py",
        &format!("def f(x):\n    if x:\n        pass\n{elifs}"),
    );
    write(
        "deep.py",
        &format!("x = {}retry{}\n", "(".repeat(5_000), ")".repeat(5_000)),
    );
    write(
        "sum.js",
        &format!("const retries = {};\n", vec!["a"; 20_000].join(" + ")),
    );
    write(
        "nested.js",
        &format!(
            "function retry() {{ {} {} }}\n",
            "if (a) {".repeat(3_000),
            "}".repeat(3_000)
        ),
    );
    let calls: String = (0..400)
        .map(|n| {
            format!(
                "function f{n}(x) {{ if (x) return f{}(x); return f{}(x); }}\n",
                (n + 1) % 400,
                (n + 2) % 400
            )
        })
        .collect();
    write(
        "calls.js",
        &format!(
            "{calls}function g(x, n) {{ for (let i = 0; i < n; i++) {{ try {{ return send(x); }} catch (e) {{ continue; }} }} }}\nfunction h(x) {{ return g(x, f1(3)); }} // retry\n"
        ),
    );
    write(
        "braces.yaml",
        &format!("retries: {}\n", "{a: ".repeat(3_000)),
    );
    write(
        "templates.yaml",
        &format!("retries:\n{}", "  a: {{ .Values.a }}\n".repeat(5_000)),
    );
    write(
        "loop.py",
        "while True:\n    try:\n        send()\n        break\n    except ConnectionError:\n        n = n + 1\n",
    );
    let bomb = dir.path().join("bomb");
    std::fs::create_dir(&bomb).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(dir.path(), bomb.join("loop")).unwrap();
    let request = Request {
        paths: vec![dir.path().to_path_buf(), fixtures().join("broken")],
        ..Request::default()
    };
    let audit = Audit::of(&request).unwrap();
    let said = |name: &str| audit.not_read.iter().any(|n| n.file.ends_with(name));
    assert!(said("braces.yaml") && said("invalid_utf8.yaml") && said("anchor_bomb.yaml"));
    assert!(
        audit
            .not_read
            .iter()
            .any(|n| n.file.ends_with("broken_then_good.yaml") && n.line.is_some())
    );
}

/// Thousands of sites in one file: each is read once, and what is looked up for one does not go
/// through those of all the others, which took minutes.
#[test]
fn many_sites_of_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
    const SITES: usize = 3_000;
    let many = |part: &dyn Fn(usize) -> String| (0..SITES).map(part).collect::<String>();
    write(
        "loops.py",
        many(&|n| {
            format!(
                "def f{n}(x):\n    for attempt in range(5):\n        try:\n            return \
                 requests.get(x, timeout=2)\n        except OSError:\n            \
                 time.sleep({})\n\n",
                n % 7 + 1
            )
        }),
    );
    write(
        "libraries.ts",
        "import pRetry from 'p-retry';\n".to_string()
            + &many(&|n| {
                format!("export const f{n} = () => pRetry(() => g{n}(), {{ retries: 2 }});\n")
            }),
    );
    write(
        "routes.yaml",
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  \
         hosts: [a]\n  http:\n"
            .to_string()
            + &many(&|n| {
                format!(
                    "  - retries: {{attempts: 3}}\n    route:\n    - destination: {{host: h{n}}}\n"
                )
            }),
    );
    write(
        "application.properties",
        many(&|n| format!("resilience4j.retry.instances.a{n}.maxAttempts=3\n")),
    );
    let audit = Audit::of(&Request {
        paths: vec![dir.path().to_path_buf()],
        ..Request::default()
    })
    .unwrap();
    for file in [
        "loops.py",
        "libraries.ts",
        "routes.yaml",
        "application.properties",
    ] {
        let own = |site: &&Site| site.place.source.name.ends_with(file);
        assert_eq!(
            audit.system.sites.iter().filter(own).count(),
            SITES,
            "{file}"
        );
    }
    herdsim::audit::json(herdsim::audit::View {
        audit: &audit,
        plan: None,
        against: None,
    });
}

/// `docs/rules.md` is made from the rules.
#[test]
fn the_page_of_rules_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    let page = herdsim::audit::rules_page();
    if std::env::var_os("UPDATE_RULES").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "UPDATE_RULES=1 cargo test --test audit writes it"
    );
}

/// A comment turns a finding off; its reason may follow.
#[test]
fn comments_turn_findings_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.yaml");
    let audit = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let audit = Audit::of(&Request {
            paths: vec![path.clone()],
            ..Request::default()
        })
        .unwrap();
        let ids: Vec<&str> = audit.findings.iter().map(|f| f.rule.id()).collect();
        (ids.join(" "), audit.suppressed)
    };
    let plain = "replication: {N: 3, W: 1, R: 1}";
    assert_eq!(audit(plain), ("HS201 HS202".to_string(), 0));
    assert_eq!(
        audit(&format!("# herdsim: ignore HS201 a cache\n{plain}")),
        ("HS202".to_string(), 1)
    );
    assert_eq!(
        audit(&format!("{plain} # herdsim: ignore HS201, HS202")),
        (String::new(), 2)
    );
    assert_eq!(
        audit(&format!("# herdsim: ignore\n{plain}")),
        (String::new(), 2)
    );
    assert_eq!(
        audit(&format!("# herdsim: ignore HS101\n{plain}")),
        ("HS201 HS202".to_string(), 0)
    );
}

/// What `--scenario` prints can be run.
#[test]
fn a_site_is_a_scenario() {
    for (file, wanted) in [
        ("python/loop_while_counter.py", "with_flag"),
        ("quorum/order_store.yaml", ""),
        ("python/fences.py", "append"),
    ] {
        let path = fixtures().join(file);
        let audit = Audit::of(&Request {
            paths: vec![path],
            ..Request::default()
        })
        .unwrap();
        let wanted = Some(wanted).filter(|w| !w.is_empty());
        let situations = Situations::new(&Asked::default(), &audit.files.settings).unwrap();
        let text = herdsim::audit::scenario(&audit, &situations, wanted).unwrap();
        let mut overlay = Overlay::default();
        overlay.file(file, &text).unwrap();
        if let Err(problem) = Job::from_overlay(&overlay, JobKind::Herd) {
            panic!("{file}: {problem}\n{text}");
        }
    }
}
