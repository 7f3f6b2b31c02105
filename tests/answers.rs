//! `docs/answers`: questions that people ask, each with one command, one chart, and an
//! answer whose numbers are those of the run.
//!
//! `UPDATE_ANSWERS=1 cargo test --test answers` writes them again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// The rows of a `summary.csv`, by their first column or, of a sweep, by axis and name.
struct Summary {
    rows: Vec<BTreeMap<String, String>>,
}

impl Summary {
    fn read(path: &Path) -> Summary {
        let mut reader = csv::Reader::from_path(path).unwrap();
        Summary {
            rows: reader.deserialize().map(Result::unwrap).collect(),
        }
    }

    /// A metric of the row in which a column holds a value.
    fn of(&self, column: &str, value: &str, metric: &str) -> f64 {
        let row = self.rows.iter().find(|row| row[column] == value);
        let row = row.unwrap_or_else(|| panic!("no {value} in {column}"));
        row[metric].parse().unwrap_or(f64::NAN)
    }

    fn policy(&self, name: &str, metric: &str) -> f64 {
        self.of("policy", name, metric)
    }
}

/// A question with its command, the chart that answers it, and the answer in words.
struct Question {
    slug: &'static str,
    title: &'static str,
    args: &'static [&'static str],
    chart: &'static str,
    answer: fn(&Summary) -> String,
}

/// A share in percent, a rate and a factor, as the answers write them.
fn percent(x: f64) -> String {
    format!("{:.1}%", x * 100.0)
}

fn whole(x: f64) -> String {
    let digits = format!("{x:.0}");
    let split = digits.len().saturating_sub(3);
    match split {
        0 => digits,
        _ => format!("{},{}", &digits[..split], &digits[split..]),
    }
}

const SLOTS: &str = "policy.concurrent.budget.min_concurrency";
const DEPOSIT: &str = "policy.budget.budget.deposit_per_call";

const QUESTIONS: [Question; 11] = [
    Question {
        slug: "grpc-max-tokens",
        title: "How do I set gRPC's maxTokens to bound amplification?",
        args: &["run", "docs/answers/grpc-max-tokens.toml"],
        chart: "timeline",
        answer: |s| {
            let during =
                |name: &str| s.policy(name, "attempts_during") / s.policy(name, "calls_during");
            format!(
                "`maxTokens` bounds the burst, `tokenRatio` what lasts. A failed attempt takes a \
                 token and retries stop at half of them, so that each client gets about maxTokens / 2 \
                 retries out of an outage: with half of all answers errors for ten seconds a call \
                 becomes {:.3} attempts with 10 tokens, {:.3} with 100 and {:.2} with 1,000. What \
                 lasts is bounded by the ratio alone: above tokenRatio / (1 + tokenRatio) failing, \
                 9% for 0.1, retries are off whatever maxTokens is.",
                during("tokens-10"),
                during("tokens-100"),
                during("tokens-1000"),
            )
        },
    },
    Question {
        slug: "retry-budget-size",
        title: "How large may a retry budget be?",
        args: &[
            "-p",
            "budget",
            "--horizon",
            "40s",
            "--replications",
            "4",
            "--vary",
            "policy.budget.budget.deposit_per_call=0.05,0.1,0.2,0.4,0.8,1.6",
        ],
        chart: "curves",
        answer: |s| {
            let recovers = |x: &str| s.of(DEPOSIT, x, "recovered_ratio");
            assert_eq!([recovers("0.8"), recovers("1.6")], [1.0, 0.0]);
            format!(
                "Whatever the fault, calls and retries together have to stay below what the service \
                 can do: (1 + budget) × load < 1, which at the load of 70% here is 40%, and 20% \
                 leaves room for a load of 83%. In this one outage 10% answers {} of the calls and \
                 40% {}; the service came back in every run up to 80%, which a worse fault need not \
                 leave so, and in none with 160%.",
                percent(s.of(DEPOSIT, "0.1", "answered_ratio")),
                percent(s.of(DEPOSIT, "0.4", "answered_ratio")),
            )
        },
    },
    Question {
        slug: "min-retry-concurrency",
        title: "What does min_retry_concurrency do?",
        args: &[
            "run",
            "docs/answers/three-at-once.toml",
            "--vary",
            "policy.concurrent.budget.min_concurrency=1,3,5,10,30",
        ],
        chart: "curves",
        answer: |s| {
            let recovers = |x: &str| s.of(SLOTS, x, "recovered_ratio");
            assert_eq!([recovers("5"), recovers("10")], [1.0, 0.0]);
            format!(
                "It lets so many retries be under way at once in every client, whatever the budget \
                 says, so multiply by the number of clients: 500 clients with 3 make up to 1,500 at \
                 once, and the service comes back ({} answered); with 5 it does, with 10 it never \
                 does ({}). A retry is under way for its delay and its wait, at most 1.25 s here: \
                 what certainly fits is clients × min_retry_concurrency / 1.25 s within the capacity \
                 that calls leave, 2,143/s here, which is 5.",
                percent(s.of(SLOTS, "3", "answered_ratio")),
                percent(s.of(SLOTS, "10", "answered_ratio")),
            )
        },
    },
    Question {
        slug: "many-clients",
        title: "Why do limits per client fail with ten thousand clients?",
        args: &[
            "run",
            "docs/answers/three-at-once.toml",
            "--vary",
            "callers.clients=50,500,2000,5000",
        ],
        chart: "curves",
        answer: |s| {
            let recovers = |x: &str| s.of("callers.clients", x, "recovered_ratio");
            assert_eq!([recovers("500"), recovers("2000")], [1.0, 0.0]);
            format!(
                "Because each is allowed its own few, and nobody adds them up. Three retries at once \
                 per client hold 500 clients ({} answered); the same load from 2,000 clients never \
                 comes back ({}). A limit that does not grow with the fleet is a share of the calls, \
                 or stands at the service.",
                percent(s.of("callers.clients", "500", "answered_ratio")),
                percent(s.of("callers.clients", "2000", "answered_ratio")),
            )
        },
    },
    Question {
        slug: "budget-or-three",
        title: "A retry budget, or three retries at once?",
        args: &[
            "run",
            "docs/answers/three-at-once.toml",
            "--clients",
            "1000",
            "--set",
            "compare=[\"concurrent\", \"budget\", \"fixed\"]",
        ],
        chart: "timeline",
        answer: |s| {
            let lost = |name: &str| whole(s.policy(name, "lost_calls"));
            format!(
                "Either is far better than none, and neither is safe in itself: what counts is what \
                 all clients together may send. With a thousand clients three at once each cost {} \
                 calls of this crash and a peak of {}/s after it, a bucket of ten tokens each {} calls \
                 and {}/s, no limit {} calls and no recovery. A bucket that is full lets all of it out \
                 at once; make it small where there are many clients.",
                lost("concurrent"),
                whole(s.policy("concurrent", "peak_after_per_s")),
                lost("budget"),
                whole(s.policy("budget", "peak_after_per_s")),
                lost("fixed"),
            )
        },
    },
    Question {
        slug: "restart",
        title: "What does Retry-After do for a server that is back after a restart?",
        args: &["run", "docs/answers/restart.toml"],
        chart: "timeline",
        answer: |s| {
            format!(
                "It lets the server say when, and clients need not guess. Five thousand that want a \
                 list at once are all served after {:.1} s with Retry-After: 1, at {:.1} attempts \
                 each and a peak of {}/s. Retrying every 100 ms takes {:.1} s as well, at {:.1} \
                 attempts and {}/s; guessing with a backoff from 800 ms to 30 s takes {:.1} s, as \
                 its delays grow whether there is room or not.",
                s.policy("retry-after", "completion_s"),
                s.policy("retry-after", "attempts_per_call"),
                whole(s.policy("retry-after", "peak_after_per_s")),
                s.policy("at-once", "completion_s"),
                s.policy("at-once", "attempts_per_call"),
                whole(s.policy("at-once", "peak_after_per_s")),
                s.policy("backoff", "completion_s"),
            )
        },
    },
    Question {
        slug: "breaker",
        title: "Does a breaker belong around retries, or inside?",
        args: &["run", "docs/answers/breaker.toml"],
        chart: "timeline",
        answer: |s| {
            let answered = |name: &str| percent(s.policy(name, "answered_ratio"));
            assert_eq!(s.policy("retry-alone", "recovered_ratio"), 0.0);
            format!(
                "Inside, where it counts attempts, and let it stop retries first. While six of ten answers are errors, four are not: a \
                 breaker that stops every attempt throws them away and answers {} of the calls, one \
                 that stops retries alone answers {}. Without one, retries take over and the service \
                 never comes back ({}). A breaker around the retries, which counts calls, learns of a \
                 failure only when all attempts are over; it is not simulated here.",
                answered("stops-all"),
                answered("stops-retries"),
                answered("retry-alone"),
            )
        },
    },
    Question {
        slug: "idempotency-key",
        title: "How long must an idempotency key live?",
        args: &[
            "saga",
            "--key",
            "short-retention",
            "--vary",
            "saga.retention=250ms,500ms,1s,2s,5s,10s",
        ],
        chart: "curves",
        answer: |s| {
            let twice = |x: &str| s.of("saga.retention", x, "p_duplicate");
            assert!(twice("5s") < 1e-4 && twice("10s") == 0.0);
            format!(
                "Longer than the last retry can come: (attempts − 1) × (timeout + delay), and \
                 whatever waits in queues and in people's hands on top. Of six attempts with 250 ms \
                 of timeout and a second between, the last is sent 6.25 s after the first: a key that \
                 lives 1 s lets {} of operations happen twice, 2 s {:.2}%, 5 s {:.1} in a million, \
                 and 10 s none.",
                percent(twice("1s")),
                twice("2s") * 100.0,
                twice("5s") * 1e6,
            )
        },
    },
    Question {
        slug: "attempts",
        title: "Does maxAttempts count the first?",
        args: &[
            "run",
            "docs/answers/attempts.toml",
            "--set",
            "policy.*.budget=none",
            "--set",
            "policy.*.breaker=none",
            "--set",
            "policy.*.throttle=none",
        ],
        chart: "scoreboard",
        answer: |s| {
            let attempts = |name: &str| {
                let x = s.policy(name, "attempts_per_call");
                assert_eq!(x, x.round(), "{name}");
                x
            };
            format!(
                "In gRPC, AWS SDKs and resilience4j it does: maxAttempts = 4 makes {}, AWS's \
                 max_attempts = 3 and resilience4j's maxAttempts = 3 make {} and {}. In Polly and \
                 Envoy a number of retries comes on top: MaxRetryAttempts = 3 makes {}, num_retries = \
                 1 makes {}. Measured with everything failing and no budget in the way.",
                attempts("grpc"),
                attempts("aws-standard-2026"),
                attempts("resilience4j"),
                attempts("polly"),
                attempts("envoy"),
            )
        },
    },
    Question {
        slug: "lease",
        title: "How long a lease, and is a token needed?",
        args: &[
            "fence",
            "--guard",
            "none,atomic",
            "--vary",
            "fence.ttl=5s,15s,30s,60s",
        ],
        chart: "curves",
        answer: |s| {
            let row = |ttl: &str, guard: &str| {
                let all = s
                    .rows
                    .iter()
                    .find(|r| r["fence.ttl"] == ttl && r["guard"] == guard);
                all.unwrap()["p_stale_write"].parse::<f64>().unwrap()
            };
            let lost = |ttl: &str| {
                let all = s
                    .rows
                    .iter()
                    .find(|r| r["fence.ttl"] == ttl && r["guard"] == "atomic");
                all.unwrap()["p_lost_update"].parse::<f64>().unwrap()
            };
            for ttl in ["5s", "15s", "30s", "60s"] {
                assert!(row(ttl, "atomic") == 0.0 && row(ttl, "none") > 0.0);
            }
            format!(
                "A longer lease makes stale writes rarer and failover slower, and no lease is long \
                 enough: of pauses of 5 s on average {} end in a write over a newer one with a lease \
                 of 5 s, {} with 15 s, {:.2}% with 30 s and still some with 60 s. A token that the \
                 resource checks as it writes ends them at any length: choose the lease for \
                 failover, and the token against stale writes. What lands before the new leader's \
                 first write it does not see: {} lose an update that way with 15 s, token or not, \
                 unless the token is registered first (`atomic-barrier`).",
                percent(row("5s", "none")),
                percent(row("15s", "none")),
                row("30s", "none") * 100.0,
                percent(lost("15s")),
            )
        },
    },
    Question {
        slug: "way-out",
        title: "How do we get out of a retry storm?",
        args: &["run", "configs/way-out.toml"],
        chart: "timeline",
        answer: |s| {
            let of = |name: &str| s.policy(name, "recovered_ratio");
            let rows = [
                "fixed",
                "fixed, no action",
                "full-jitter",
                "full-jitter, no action",
            ];
            assert_eq!(rows.map(of), [1.0, 0.0, 1.0, 0.0]);
            format!(
                "Keep new calls from being made until what has piled up is gone: eighteen seconds \
                 after a blip of two, pausing 80% of them for ten seconds ends a storm that nothing \
                 else had ended, at the price of {} calls where doing nothing loses {}. Pausing for \
                 six seconds is not enough with fixed delays. Rejecting at the door ends it at no \
                 share there, as what is rejected comes back, and a restart empties a queue that \
                 fills again; 2.9 times the servers end it too. With a budget there is nothing to end: \
                 pausing costs {} calls there, doing nothing {}. `herdsim edge` looks for the smallest \
                 action.",
                whole(s.policy("fixed", "lost_calls")),
                whole(s.policy("fixed, no action", "lost_calls")),
                whole(s.policy("budget", "lost_calls")),
                whole(s.policy("budget, no action", "lost_calls")),
            )
        },
    },
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a question's command; gives its summary and its chart.
fn ask(question: &Question, out: &Path) -> (Summary, String) {
    let done = Command::cargo_bin("herdsim")
        .unwrap()
        .current_dir(root())
        .args(question.args)
        .args(["--name", question.slug, "--quiet", "--out"])
        .arg(out)
        .assert();
    done.success();
    let directory = out.join(question.slug);
    let chart = directory.join(format!("{}.svg", question.chart));
    let chart = std::fs::read_to_string(chart).unwrap();
    (Summary::read(&directory.join("summary.csv")), chart)
}

/// A command as a shell takes it.
fn command(args: &[&str]) -> String {
    let quoted = |arg: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,".contains(c);
        match arg.chars().all(plain) {
            true => arg.to_string(),
            false => format!("'{arg}'"),
        }
    };
    let all: Vec<String> = args.iter().map(quoted).collect();
    format!("herdsim {}", all.join(" "))
}

#[test]
fn answers_hold_the_numbers_of_their_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut files: Vec<(String, String)> = Vec::new();
    let mut index = String::from(
        "# Questions\n\nEach with one command, one chart, and an answer whose numbers a \
         test holds to the run.\n\n",
    );
    for question in &QUESTIONS {
        let (summary, chart) = ask(question, dir.path());
        let answer = (question.answer)(&summary);
        let alt = chart.split_once("<title>").unwrap().1;
        let alt = alt
            .split_once("</title>")
            .unwrap()
            .0
            .replace(['[', ']'], " ");
        let page = format!(
            "# {}\n\n{answer}\n\n```sh\n{}\n```\n\n![{alt}]({}.svg)\n",
            question.title,
            command(question.args),
            question.slug
        );
        index += &format!("- [{}]({}.md)\n", question.title, question.slug);
        files.push((format!("{}.md", question.slug), page));
        files.push((format!("{}.svg", question.slug), chart));
    }
    files.push(("README.md".to_string(), index));
    let update = std::env::var_os("UPDATE_ANSWERS").is_some();
    for (name, made) in files {
        let path = root().join("docs/answers").join(&name);
        match update {
            true => std::fs::write(path, made).unwrap(),
            false => {
                let kept = std::fs::read_to_string(path).unwrap_or_default();
                assert!(
                    kept == made,
                    "docs/answers/{name} is not what its run gives"
                );
            }
        }
    }
}
