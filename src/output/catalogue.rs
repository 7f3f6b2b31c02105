//! The catalogue of policies as text.

use herdsim_core::scenario::catalogue::{Entry, Sure};
use herdsim_core::scenario::policy::{Budget, DEFAULT_TIMEOUT, Deposit, Failure, UNLIMITED};
use herdsim_core::theory::budget::break_even;
use herdsim_words::format::percent;
use herdsim_words::text_table::aligned;

/// What the groups hold, in the order of the catalogue.
const GROUPS: [(&str, &str); 8] = [
    ("patterns", "Patterns"),
    ("aws", "AWS SDKs"),
    ("rpc", "RPC"),
    ("proxies", "Proxies and meshes"),
    ("libraries", "Resilience libraries"),
    ("http", "HTTP clients"),
    ("cloud", "Cloud and service SDKs"),
    ("workers", "Queues, workers, control loops"),
];

/// Whether a word occurs in anything that is said of a policy, case aside.
pub fn mentions(entry: &Entry, word: &str) -> bool {
    let word = word.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&word);
    has(&entry.name) || has(&entry.group) || has(&entry.source) || has(&entry.retries)
}

fn attempts(entry: &Entry) -> String {
    match entry.policy.attempts {
        UNLIMITED => "∞".to_string(),
        n => n.to_string(),
    }
}

/// What holds retries back, in a few words.
fn limits(entry: &Entry) -> String {
    let policy = &entry.policy;
    let mut limits = Vec::new();
    match &policy.budget {
        None => {}
        Some(Budget::TokenBucket(b)) => limits.push(format!("bucket of {}", b.capacity)),
        Some(Budget::Ratio(r)) => limits.push(match r.deposit {
            Deposit::Attempt => format!("{} of requests", percent(r.ratio.0)),
            _ => format!("{} of calls", percent(r.ratio.0)),
        }),
        Some(Budget::Throttle(t)) => limits.push(format!("throttle, {} tokens", t.max_tokens)),
        Some(Budget::Concurrent(c)) if c.percent.0 > 0.0 => limits.push(format!(
            "{} in flight, or {}",
            percent(c.percent.0),
            c.min_concurrency
        )),
        Some(Budget::Concurrent(c)) => limits.push(format!("{} at once", c.min_concurrency)),
        Some(Budget::FailureRatio(f)) => {
            limits.push(format!("{} failures", percent(f.threshold.0)));
        }
    }
    if policy.breaker.is_some() {
        limits.push("breaker".to_string());
    }
    if policy.throttle.is_some() {
        limits.push("rate".to_string());
    }
    if policy.hedge.is_some() {
        limits.push("hedges".to_string());
    }
    match limits.is_empty() {
        true => "–".to_string(),
        false => limits.join(", "),
    }
}

fn off_at(entry: &Entry) -> String {
    break_even(&entry.policy, Failure::Error).map_or("–".to_string(), percent)
}

/// Policies by group: name, attempts, delay, limits, and the share of failing
/// attempts above which the budget switches retries off.
pub fn table(entries: &[&Entry]) -> String {
    let mut out = String::new();
    for (group, title) in GROUPS {
        let of_group: Vec<[String; 4]> = entries
            .iter()
            .filter(|e| e.group == group)
            .map(|e| [e.name.clone(), attempts(e), off_at(e), limits(e)])
            .collect();
        if of_group.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out += &aligned(&[title, "attempts", "off above", "limits"], &of_group);
    }
    out += "\n`off above`: the share of failing attempts from which on the budget runs dry.\n";
    out += "herdsim policies NAME shows one in full.\n";
    out
}

/// One policy in full.
pub fn entry(entry: &Entry) -> String {
    let sure = match entry.sure {
        Sure::Read => "read in that source",
        Sure::Second => "second-hand",
        Sure::Own => "defined by this project",
    };
    let mut out = format!(
        "{}\n\n  delays    {}\n  attempts  {}\n  retries   {}\n  source    {} ({sure})\n",
        entry.name,
        entry.delays,
        attempts(entry),
        entry.retries,
        entry.source,
    );
    let kinds = [
        ("errors", Failure::Error),
        ("timeouts", Failure::Timeout),
        ("rejections", Failure::Rejected),
    ];
    let breaks = kinds.map(|(_, failure)| break_even(&entry.policy, failure));
    match breaks {
        [Some(a), Some(b), Some(c)] if a == b && b == c => {
            out += &format!(
                "  budget    runs dry where more than {} of attempts fail\n",
                percent(a)
            );
        }
        _ => {
            for ((kind, _), at) in kinds.iter().zip(breaks) {
                if let Some(at) = at {
                    out += &format!(
                        "  budget    runs dry where more than {} of attempts end in {kind}\n",
                        percent(at)
                    );
                }
            }
        }
    }
    let toml = toml::to_string(&entry.policy).unwrap_or_else(|e| unreachable!("plain data: {e}"));
    let name = &entry.name;
    // Tables within a policy need its name.
    let toml = toml.replace("\n[", &format!("\n[policy.{name}."));
    // A timeout is the service's to choose: few clients have one of their own.
    let toml = match entry.policy.timeout == Some(DEFAULT_TIMEOUT) {
        true => toml.replacen(
            "timeout = \"250ms\"",
            "timeout = \"250ms\" # herdsim's default: set your own",
            1,
        ),
        false => toml,
    };
    out += &format!("\n[policy.{name}]\n{toml}");
    out
}
