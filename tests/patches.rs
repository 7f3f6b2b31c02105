//! Changes as they are written: into every fixture, one at a time, and into the order system.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use herdsim::audit::draft::{Draft, marks};
use herdsim::audit::fixes::{self, Fix};
use herdsim::audit::plan::Plan;
use herdsim::audit::predict::{Making, Standing};
use herdsim::audit::rank::Objective;
use herdsim::audit::site::Decision;
use herdsim::audit::situation::{Asked, Situations};
use herdsim::audit::{Audit, Request, patch};
use herdsim_core::ensemble::Workers;
use herdsim_core::scenario::Scenario;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn audit(path: &Path) -> Audit {
    let request = Request {
        paths: vec![path.to_path_buf()],
        ..Request::default()
    };
    Audit::of(&request).unwrap()
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

/// A directory that git takes for a work tree, with a copy of something in it.
fn tree(from: &Path) -> (tempfile::TempDir, PathBuf) {
    let tree = tempfile::tempdir().unwrap();
    let to = tree.path().join(from.file_name().unwrap());
    copy(from, &to);
    git(tree.path(), &["init", "-q"], "");
    (tree, to)
}

fn git(at: &Path, args: &[&str], input: &str) {
    use std::io::Write as _;
    let mut child = Command::new("git")
        .args(args)
        .current_dir(at)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "git {args:?}: {said}\n{input}");
}

/// What a change is about, without its numbers.
fn kind(fix: &Fix) -> &'static str {
    use herdsim::audit::change::Change;
    match fix {
        Fix::Retry(Change::Budget) => "budget",
        Fix::Retry(Change::Jitter) => "jitter",
        Fix::Retry(Change::Attempts(_)) => "attempts",
        Fix::Retry(Change::Timeout(_)) => "timeout",
        Fix::Retry(Change::Backoff { .. }) => "backoff",
        Fix::Quorum { .. } => "quorum",
        Fix::AllAcks => "acks",
        Fix::Fence => "fence",
        Fix::Key => "key",
    }
}

/// Findings by rule and reading, places left out: lines shift.
fn found(audit: &Audit) -> Vec<String> {
    let mut all: Vec<String> = audit
        .findings
        .iter()
        .map(|f| format!("{} {}", f.rule, audit.system.sites[f.site].name))
        .collect();
    all.sort();
    all
}

/// Every change that can be written into a fixture: `git apply` takes the diff, what is then on
/// disk reads as the draft does, no rule finds anything new, and the change reversed leaves the
/// fixture as it was. How many of each kind can be written stands in `written.txt`.
#[test]
fn every_change_that_is_written_holds() {
    let mut written: BTreeMap<(String, &str), [usize; 2]> = BTreeMap::new();
    let fixtures = root().join("tests/audit/fixtures");
    let mut groups: Vec<_> = std::fs::read_dir(fixtures)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    groups.sort();
    // Languages that only some builds read are tried there, and not counted.
    let more = [
        ("csharp", cfg!(feature = "csharp")),
        ("ruby", cfg!(feature = "ruby")),
        ("rust", cfg!(feature = "rust")),
    ];
    let optional = |group: &Path| more.iter().find(|(name, _)| group.ends_with(name));
    groups.retain(|group| !group.ends_with("broken") && optional(group).is_none_or(|m| m.1));
    for group in &groups {
        let counted = optional(group).is_none();
        let (tree, copied) = tree(group);
        for entry in std::fs::read_dir(&copied).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "expect") {
                continue;
            }
            let before = audit(&path);
            for (site, mark) in before.system.sites.iter().zip(marks(&before.system.sites)) {
                for fix in fixes::all(site) {
                    let mut draft = Draft::new(&before);
                    let made = draft.make(&mark, &fix);
                    if counted {
                        let entry = written.entry((site.reader.to_string(), kind(&fix)));
                        let count = entry.or_default();
                        count[0] += usize::from(made);
                        count[1] += 1;
                    }
                    if !made {
                        continue;
                    }
                    let diff = patch::diff(&before.files, draft.texts());
                    assert!(!diff.is_empty(), "{} {fix:?} {:?}", path.display(), site);
                    git(tree.path(), &["apply", "-"], &diff);
                    let after = audit(&path);
                    let at = format!("{} {fix:?}\n{diff}", path.display());
                    assert_eq!(found(&after), found(draft.audit()), "{at}");
                    assert!(found(&after).len() <= found(&before).len(), "{at}");
                    assert_eq!(after.system.sites.len(), before.system.sites.len(), "{at}");
                    git(tree.path(), &["apply", "-R", "-"], &diff);
                }
            }
        }
    }
    let mut text = String::from(
        "# What can be written, of what might be, per reader: UPDATE_ANSWERS=1 renews this.\n",
    );
    for ((reader, kind), [made, all]) in written {
        writeln!(text, "{reader} {kind}: {made} of {all}").unwrap();
    }
    let known = root().join("tests/audit/written.txt");
    if std::env::var_os("UPDATE_ANSWERS").is_some() {
        std::fs::write(&known, &text).unwrap();
    }
    let known = std::fs::read_to_string(known).unwrap_or_default();
    assert_eq!(
        text, known,
        "UPDATE_ANSWERS=1 renews it, where that is for the better"
    );
}

/// Everything that is predicted, under a situation of flags.
fn planned(audit: &Audit, asked: &Asked) -> Plan {
    let situations = Situations::new(asked, &audit.files.settings).unwrap();
    let workers = Workers::new(2).unwrap();
    let making = Making {
        workers: &workers,
        stop: &AtomicBool::new(false),
        progress: &|_, _| (),
        objective: Objective::Balanced,
        margins: false,
    };
    Plan::of(audit, &situations, &making).unwrap()
}

/// The four seams give the four changes, each with its number; the patch holds, and is the one
/// that stands beside the system.
#[test]
fn the_order_system() {
    let (tree, system) = tree(&root().join("configs/order-system"));
    let before = audit(&system);
    let plan = planned(&before, &Asked::default());
    let best = |file: &str, seam: &str| {
        let mut sites = before.system.sites.iter();
        let site = sites.find(|site| {
            site.place.source.name.ends_with(file) && site.decision.seam().to_string() == seam
        });
        let outlook = plan.outlook(site.unwrap().number).unwrap();
        let first = &outlook.remedies[0];
        assert_eq!(first.standing, Standing::Best, "{file}");
        (first, outlook)
    };
    let (quorum, _) = best("store.yaml", "quorum");
    assert_eq!(quorum.fixes, [Fix::Quorum { w: 2, r: 2 }]);
    let (fence, _) = best("resource.py", "fence");
    assert_eq!(fence.fixes, [Fix::Fence]);
    let (key, _) = best("refunds.py", "effect");
    assert_eq!(key.fixes, [Fix::Key]);
    let (retry, outlook) = best("client.py", "retry");
    let kinds: Vec<&str> = retry.fixes.iter().map(kind).collect();
    assert_eq!(kinds, ["budget", "jitter"]);
    // What each of the two did: the budget ends it, jitter alone does not.
    assert!(
        outlook.outcome.starts_with("never recovers"),
        "{}",
        outlook.outcome
    );
    let alone: Vec<bool> = retry
        .parts
        .iter()
        .map(|(_, told)| told.starts_with("never"))
        .collect();
    assert_eq!(alone, [false, true], "{:?}", retry.parts);

    let (draft, changes) = plan.patched(&before, &[]).unwrap();
    assert_eq!(changes, 5);
    let diff = patch::diff(&before.files, draft.texts());
    let known = root().join("configs/order-system/fix.patch");
    let here = diff.replace("a/order-system", "a/configs/order-system");
    let here = here.replace("b/order-system", "b/configs/order-system");
    if std::env::var_os("UPDATE_ANSWERS").is_some() {
        std::fs::write(&known, &here).unwrap();
    }
    assert_eq!(here, std::fs::read_to_string(known).unwrap());
    git(tree.path(), &["apply", "-"], &diff);
    let after = audit(&system);
    assert_eq!(found(&after), Vec::<String>::new());
    // Nothing is left to change, either.
    let plan = planned(&after, &Asked::default());
    assert_eq!(plan.patched(&after, &[]).unwrap().1, 0);
}

/// What is told of a retry is what `herdsim run` makes of its scenario.
#[test]
fn numbers_are_those_of_the_scenario() {
    let audit = audit(&root().join("configs/order-system"));
    let asked = Asked {
        load: Some(0.8),
        faults: vec!["errors(30%)@10s+5s".to_string()],
        ..Asked::default()
    };
    let plan = planned(&audit, &asked);
    let situations = Situations::new(&asked, &audit.files.settings).unwrap();
    let workers = Workers::new(2).unwrap();
    for site in &audit.system.sites {
        if !matches!(site.decision, Decision::Retry(_)) {
            continue;
        }
        let line = site.line().to_string();
        let wanted = format!("{}:{line}", site.place.source.name);
        let text = herdsim::audit::scenario(&audit, &situations, Some(&wanted)).unwrap();
        let scenario = Scenario::parse("printed", &text).unwrap();
        let results = herdsim_core::ensemble::herd::run(&scenario, &workers).unwrap();
        let outlook = plan.outlook(site.number).unwrap();
        for (name, told) in &outlook.numbers {
            let key = herdsim_core::herd::find(name).unwrap();
            let run = results.policies[0].metric(key);
            let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
            assert!(
                same(told.mean, run.mean),
                "{wanted} {name}: {told:?} {run:?}"
            );
            assert!(
                same(told.low, run.low) && same(told.high, run.high),
                "{wanted} {name}"
            );
        }
    }
}

/// A service that is overloaded before the fault is told, and nothing is ranked.
#[test]
fn a_saturated_situation_is_told() {
    let audit = audit(&root().join("configs/order-system/orders/client.py"));
    let asked = Asked {
        load: Some(1.2),
        ..Asked::default()
    };
    let plan = planned(&audit, &asked);
    let outlook = &plan.outlooks[0];
    assert!(outlook.unranked.is_some() && outlook.remedies.is_empty());
    assert_eq!(plan.patched(&audit, &[]).unwrap().1, 0);
}

/// A file that has changed since it was read is left alone, and so is one that may not be
/// written; else what is written is the patch.
#[test]
fn patches_are_written_to_their_files() {
    let (_tree, system) = tree(&root().join("configs/order-system"));
    let before = audit(&system);
    let plan = planned(&before, &Asked::default());
    let (draft, _) = plan.patched(&before, &[]).unwrap();
    let client = system.join("orders/client.py");
    let text = std::fs::read_to_string(&client).unwrap();
    std::fs::write(&client, format!("{text}\n# Edited meanwhile.\n")).unwrap();
    let problem = patch::write(&before, draft.texts())
        .unwrap_err()
        .to_string();
    assert!(problem.contains("changed since"), "{problem}");
    // None was written.
    let store = std::fs::read_to_string(system.join("orders/store.yaml")).unwrap();
    assert!(store.contains("W: 1"));

    std::fs::write(&client, &text).unwrap();
    let mut locked = std::fs::metadata(&client).unwrap().permissions();
    locked.set_readonly(true);
    std::fs::set_permissions(&client, locked.clone()).unwrap();
    let problem = patch::write(&before, draft.texts())
        .unwrap_err()
        .to_string();
    assert!(problem.contains("read-only"), "{problem}");
    #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test")]
    locked.set_readonly(false);
    std::fs::set_permissions(&client, locked).unwrap();
    patch::write(&before, draft.texts()).unwrap();
    assert_eq!(found(&audit(&system)), Vec::<String>::new());
}

/// Patches are picked by their numbers; two of one site, or none of that number, are refused.
#[test]
fn patches_are_picked() {
    let system = audit(&root().join("configs/order-system"));
    let plan = planned(&system, &Asked::default());
    let outlook = plan.outlooks.iter().find(|o| o.remedies.len() > 3).unwrap();
    let numbers: Vec<usize> = outlook.remedies.iter().filter_map(|r| r.patch).collect();
    let (draft, changes) = plan.patched(&system, &numbers[..1]).unwrap();
    assert_eq!((draft.texts().len(), changes), (1, 2));
    let problem = |chosen: &[usize]| match plan.patched(&system, chosen) {
        Ok(_) => panic!("{chosen:?} was taken"),
        Err(problem) => problem.to_string(),
    };
    assert!(problem(&numbers[..2]).contains("of one site"));
    assert!(problem(&[999]).contains("no patch 999"));
}

/// Along a path on which three tiers try three times each, one tier is to retry: the first, which
/// outlasts the fault. With no retries at all the calls of the two seconds of the crash are lost.
#[test]
fn one_tier_of_a_path_retries() {
    let audit = audit(&root().join("tests/audit/fixtures/compose/three_tiers"));
    let plan = planned(&audit, &Asked::default());
    let [path] = &plan.paths[..] else {
        panic!("{} paths", plan.paths.len());
    };
    assert_eq!(path.name, "web > orders > payments > bank");
    assert!(
        path.options[0].name.starts_with("retries in web only"),
        "{}",
        path.options[0].name
    );
    assert_ne!(path.options[0].standing, Standing::Harms);
    let none = path
        .options
        .iter()
        .find(|o| o.name.starts_with("no retries"))
        .unwrap();
    let lost = none
        .numbers
        .iter()
        .find(|(name, _)| *name == "lost_calls")
        .unwrap()
        .1;
    // 2 s of 1,000 calls each, and those that wait or are served as it begins: 20 in service and
    // about 14 in each of three tiers. Twenty runs of a Poisson count: the mean's sd is √(2000/20).
    let sd = (2_000.0_f64 / 20.0).sqrt();
    assert!(
        lost.mean > 2_000.0 - 4.0 * sd && lost.mean < 2_060.0 + 4.0 * sd,
        "{lost:?}"
    );
}

/// Code that a patch is easily wrong about: what each change does to it, or that none is written.
/// `only` has to be in the diff of the change, or there is no diff.
#[test]
fn patches_that_would_be_wrong_are_not_written() {
    let cases: [(&str, &str, &str, Option<&str>); 13] = [
        // Each order has a key of its own, made before its attempts.
        (
            "worker.py",
            "import time\nimport uuid\nimport stripe\n\ndef work(q):\n    while True:\n        order = q.get()\n        for attempt in range(3):\n            try:\n                stripe.PaymentIntent.create(amount=order.amount, currency=\"eur\")\n                break\n            except stripe.APIConnectionError:\n                if attempt == 2:\n                    raise\n                time.sleep(1)\n",
            "key",
            Some("+        idempotency_key = str(uuid.uuid4())"),
        ),
        // A batch has no one key.
        (
            "batch.py",
            "import requests\n\ndef refund_all(orders):\n    for order in orders:\n        requests.post(\"https://pay.example/refunds\", json={\"order\": order.id, \"amount\": 1}, timeout=2)\n",
            "key",
            None,
        ),
        // Arguments by their places keep their meaning.
        (
            "charge.py",
            "import requests\n\ndef charge(order, dry_run=False):\n    return requests.post(\"https://pay.example/charges\", json={\"amount\": order.total}, timeout=2)\n",
            "key",
            Some("def charge(order, dry_run=False, *, idempotency_key):"),
        ),
        // What answers is no effect.
        (
            "routes.py",
            "from fastapi import APIRouter\nimport requests\n\nrouter = APIRouter()\n\n@router.post(\"/refunds\")\nasync def create_refund(charge: str):\n    return {}\n",
            "key",
            None,
        ),
        // The body is no key.
        (
            "body.ts",
            "import axios from 'axios';\nimport { v4 as uuidv4 } from 'uuid';\nexport async function pay(u: string, amount: number) {\n  for (let attempt = 0; attempt < 3; attempt++) {\n    try {\n      return await axios.post('https://pay.example/charges', JSON.stringify({ amount, attempt, requestId: uuidv4() }), { headers: { 'Idempotency-Key': uuidv4() } });\n    } catch (e) {\n      if (attempt === 2) throw e;\n      await new Promise((r) => setTimeout(r, 1000));\n    }\n  }\n}\n",
            "key",
            None,
        ),
        // A status is no count.
        (
            "status.py",
            "import time\nimport requests\n\ndef get(url):\n    for attempt in range(5):\n        r = requests.get(url, timeout=1)\n        if r.status_code // 100 == 4:\n            raise ValueError(r.status_code)\n        if r.ok:\n            return r\n        time.sleep(1)\n    raise RuntimeError(url)\n",
            "attempts",
            Some("-    for attempt in range(5):"),
        ),
        // A budget that is used up is no success.
        (
            "fetch.go",
            "package a\n\nimport \"time\"\n\nfunc Fetch(c Client, u string) error {\n\tfor i := 0; i < 5; i++ {\n\t\t_, err := c.Get(u)\n\t\tif err == nil {\n\t\t\treturn nil\n\t\t}\n\t\tif i == 4 {\n\t\t\treturn err\n\t\t}\n\t\ttime.Sleep(time.Second)\n\t}\n\treturn nil\n}\n",
            "budget",
            None,
        ),
        // A function that gives up in silence still does.
        (
            "silent.py",
            "import time\nimport requests\n\ndef get(url):\n    for attempt in range(5):\n        try:\n            return requests.get(url, timeout=1)\n        except requests.RequestException:\n            time.sleep(1)\n    return None\n",
            "budget",
            Some("+                return None"),
        ),
        // A lock is not taken twice.
        (
            "locked.py",
            "import threading\n\nclass Log:\n    def __init__(self):\n        self._lock = threading.Lock()\n        self.highest = 0\n        self.rows = []\n\n    def write(self, row, token):\n        with self._lock:\n            self.highest = max(self.highest, token)\n        self.rows.append(row)\n",
            "fence",
            None,
        ),
        // A statement that has ended takes no condition.
        (
            "sql.py",
            "class Store:\n    def __init__(self, db):\n        self.db = db\n\n    def put(self, key, value, token):\n        row = self.db.execute(\"SELECT token FROM r WHERE id = %s\", (key,)).fetchone()\n        if row and token < row[0]:\n            raise PermissionError(\"stale\")\n        self.db.execute(\"UPDATE r SET value = %s, token = %s WHERE id = %s;\", (value, token, key))\n",
            "fence",
            None,
        ),
        // What a framework calls is handed no key.
        (
            "handler.js",
            "const stripe = require('stripe')('k');\nasync function charge(call, callback) {\n  callback(null, await stripe.charges.create({ amount: call.request.amount }));\n}\nserver.addService(service, { charge });\n",
            "key",
            None,
        ),
        // Nothing stands before what is taken from the future.
        (
            "future.py",
            "from __future__ import annotations\n\nimport time\n\nimport requests\n\n\ndef get(url):\n    for i in range(5):\n        try:\n            return requests.get(url, timeout=1)\n        except requests.RequestException:\n            if i == 4:\n                raise\n            time.sleep(1)\n",
            "jitter",
            Some(" from __future__ import annotations\n \n+import random\n import time\n"),
        ),
        // kafkajs takes a number.
        (
            "send.js",
            "import { Kafka } from 'kafkajs';\nconst producer = new Kafka({ brokers: [] }).producer();\nexport const send = (m) => producer.send({ topic: 't', messages: [m], acks: 1 });\n",
            "acks",
            Some("acks: -1"),
        ),
    ];
    for (name, text, wanted, only) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        let before = audit(&path);
        let mut diffs = Vec::new();
        for (site, mark) in before.system.sites.iter().zip(marks(&before.system.sites)) {
            for fix in fixes::all(site).iter().filter(|fix| kind(fix) == wanted) {
                let mut draft = Draft::new(&before);
                if draft.make(&mark, fix) {
                    diffs.push(patch::diff(&before.files, draft.texts()));
                }
            }
        }
        match only {
            None => assert!(diffs.is_empty(), "{name}: {}", diffs[0]),
            Some(only) => {
                assert!(!diffs.is_empty(), "{name}: nothing was written");
                let right = diffs.iter().all(|diff| diff.contains(only));
                assert!(right, "{name}: {}", diffs.join("\n"));
            }
        }
        let status = diffs
            .iter()
            .any(|diff| diff.contains("// 100 == 3") || diff.contains("// 100 == 2"));
        assert!(!status, "{name}");
    }
}
