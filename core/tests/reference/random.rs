//! Random scenarios, small enough that a replication takes milliseconds.

use herdsim_core::streams::{Purpose, Stream, Streams};
use rand::RngExt;

struct Picks(Stream);

impl Picks {
    fn of(&mut self, of: &[&str]) -> String {
        of[self.0.random_range(0..of.len())].to_string()
    }

    /// Whether something comes up that does once in so many times.
    fn once_in(&mut self, n: u32) -> bool {
        self.0.random_range(0..n) == 0
    }
}

/// The text of scenario number `seed`.
pub fn scenario(seed: u64) -> String {
    let mut pick = Picks(
        Streams {
            seed,
            replication: 4242,
        }
        .stream(Purpose::Arrivals),
    );
    let chain = pick.once_in(3);
    let hosts = pick.once_in(4);
    let arrival = arrival(&mut pick);
    let network = pick.of(&[
        "",
        "",
        "[network]\nout = \"14700us\"\nback = \"5200us\"\n",
        "[network]\nout = \"exp(10ms)\"\nback = \"exp(10ms)\"\n",
        "[network]\nout = \"uniform(0s,60ms)\"\nback = \"10ms\"\n",
    ]);
    let services = match chain {
        true => {
            let front = front(&mut pick);
            let back = service(&mut pick, hosts, "name = \"back\"\n");
            format!("[[service]]\n{front}[[service]]\n{back}")
        }
        false => format!("[service]\n{}", service(&mut pick, hosts, "")),
    };
    let queue = services
        .rsplit("[service]")
        .next()
        .is_some_and(|s| !s.contains("kind"));
    let (faults, actions) = trouble(&mut pick, (chain, hosts, queue, &arrival));
    let own = policy(&mut pick, "p", hosts && !chain);
    let inner = match services.contains("policy = \"inner\"") {
        true => policy(&mut pick, "inner", hosts),
        false => String::new(),
    };
    // Where it takes no time to arrive or to answer, the engine does that within the event that
    // sends, and not in the order by cause among all that happens at the instant. Attempts of
    // one call, and calls of one service, may meet at an instant.
    let hedges = format!("{own}{inner}").contains("hedge");
    let network = match network.is_empty() && (hedges || chain) {
        true => "[network]\nout = \"2ms\"\nback = \"1ms\"\n".to_string(),
        false => network,
    };
    // An attempt that its client does not let out takes a turn of the engine's round-robin.
    let guarded = ["breaker", "throttle = "]
        .iter()
        .any(|guard| format!("{own}{inner}").contains(guard));
    let services = match guarded {
        true => services.replace("round-robin", "random"),
        false => services,
    };
    let horizon = pick.of(&["6s", "8s"]);
    let warmup = if arrival.contains("once") { "0s" } else { "1s" };
    format!(
        "compare = [\"p\"]\nfaults = [{faults}]\nactions = [{actions}]\nno_action_row = false\n\
         [run]\nhorizon = \"{horizon}\"\nwarmup = \"{warmup}\"\nseed = {seed}\n\
         [callers]\ncount = 40\nclients = 5\n{arrival}\n{network}{services}{own}{inner}"
    )
}

fn arrival(pick: &mut Picks) -> String {
    pick.of(&[
        "rate = \"2/s\"",
        "rate = \"4/s\"",
        "rate = \"1/s\"",
        "arrival = \"closed\"\nthink = \"exp(300ms)\"",
        "arrival = \"closed\"\nthink = \"200ms\"",
        "arrival = \"closed\"\nthink = \"gamma(shape=2,mean=400ms)\"",
        "arrival = \"once\"\nspread = \"uniform(0s,3s)\"",
        "arrival = \"once\"\nat = \"1s\"",
        "arrival = \"periodic\"\nevery = \"500ms\"",
        "arrival = \"periodic\"\nevery = \"2s\"\nphase = \"aligned\"\nspread = \"exp(100ms)\"",
        "arrival = \"periodic\"\nevery = \"1s\"\nphase = \"aligned\"",
        "arrival = \"trace\"\nstep = \"2s\"\nrates = [100, 0, 20, 160]",
    ])
}

/// The first service of a chain.
fn front(pick: &mut Picks) -> String {
    format!(
        "name = \"front\"\nservers = {}\nservice_time = \"{}\"\nqueue = {}\ncancel = \"{}\"\n\
         async = {}\n{}\n",
        pick.of(&["6", "20", "60"]),
        pick.of(&["exp(5ms)", "10ms"]),
        pick.of(&["0", "10", "100"]),
        pick.of(&["none", "none", "queued", "all"]),
        pick.of(&["false", "false", "true"]),
        pick.of(&["", "policy = \"inner\"", "policy = \"inner\""]),
    )
}

/// The only service, or the last of a chain.
fn service(pick: &mut Picks, hosts: bool, name: &str) -> String {
    let kind = pick.of(&[
        "queue", "queue", "queue", "queue", "queue", "coin", "elastic",
    ]);
    let cancel = pick.of(&["none", "none", "queued", "all"]);
    let own = match kind.as_str() {
        "coin" => format!(
            "kind = \"coin\"\nfailure_ratio = \"{}\"\nresponse_time = \"{}\"\n",
            pick.of(&["0%", "20%", "70%"]),
            pick.of(&["exp(30ms)", "40ms", "uniform(0s,300ms)"]),
        ),
        "elastic" => "kind = \"elastic\"\nservice_time = \"exp(20ms)\"\nslope = \"2ms\"\n".into(),
        _ => format!(
            "servers = {}\nservice_time = \"{}\"\nqueue = {}\ndiscipline = \"{}\"\n\
             drop_expired = {}\n{}\n",
            match hosts {
                true => pick.of(&["1", "2"]),
                false => pick.of(&["1", "3", "4", "10"]),
            },
            pick.of(&[
                "exp(30ms)",
                "30ms",
                "gamma(shape=0.5,mean=30ms)",
                "uniform(5ms,80ms)"
            ]),
            pick.of(&["0", "3", "20", "200"]),
            pick.of(&["fifo", "fifo", "lifo", "adaptive-lifo"]),
            pick.of(&["false", "false", "true"]),
            pick.of(&["", "", "", "contention = 0.1", "shed = \"50ms\""]),
        ),
    };
    let limit = pick.of(&[
        "",
        "",
        "",
        "",
        "limit = \"30/s\"\nretry_after = \"token\"",
        "limit = { rate = \"60/s\", burst = 5 }",
        "retry_after = \"300ms\"",
    ]);
    let balance = match hosts {
        true => pick.of(&[
            "hosts = 3",
            "hosts = 3\nbalance = \"round-robin\"",
            "hosts = 4\nbalance = \"least(2)\"",
            "hosts = 3\nbalance = \"least\"",
            "hosts = 3\nbalance = \"sticky\"",
            "hosts = 2\nbalance = \"least\"\nview = \"client\"",
            "hosts = 3\nbalance = \"round-robin\"\nview = \"client\"",
        ]),
        false => String::new(),
    };
    format!("{name}{own}cancel = \"{cancel}\"\n{limit}\n{balance}\n")
}

/// Faults and actions.
fn trouble(
    pick: &mut Picks,
    (chain, hosts, queue, arrival): (bool, bool, bool, &str),
) -> (String, String) {
    let mut faults = vec![pick.of(&[
        "crash@3s+1s",
        "crash@3s+1s~1s",
        "crash@2s+1s~2s,crash@3500ms+200ms",
        "crash@3s+0s~1500ms",
        "stall@3s+1s",
        "stall@2500ms+800ms~1s",
        "stall@2s+0s~2s,stall@3s+500ms~1s",
        "errors(80%)@2s+2s",
        "errors(50%)@2s+1s~1s,errors(30%)@1s+3s",
        "loss(50%)@2s+2s",
        "loss(40%)@1s+2s~1s,errors(60%)@2s+2s",
        "slow(3)@2s+2s",
        "slow(5)@2s+1s~2s,slow(0.5)@1s+3s",
        "blackhole@3s+500ms",
        "blackhole(40%)@2s+1s~1s",
        "refuse(60%)@2s+1s~2s",
        "refuse@2s+500ms,blackhole(50%)@1500ms+1s",
        "delay(100ms)@2s+2s",
        "delay(exp(80ms))@2s+1s~2s",
        "crash@3s+1s,loss(30%)@1s+4s",
        "stall@2s+1s,crash@2500ms+1s",
        "",
    ])];
    if queue && pick.once_in(5) {
        faults.push(pick.of(&["capacity(0.4)@2s+2s", "capacity(0)@2s+1s~2s"]));
    }
    if !arrival.contains("once") && pick.once_in(4) {
        faults.push(pick.of(&["surge(3)@2s+2s", "surge(2)@1s+2s~2s", "surge(0.3)@2s+2s~1s"]));
    }
    if hosts && pick.once_in(2) {
        faults.push(pick.of(&[
            "crash(host=1)@2s+1s",
            "errors(90%,host=2)@1s+3s",
            "refuse(host=1)@1s+3s~1s",
            "slow(4,hosts=50%)@2s+2s",
        ]));
    }
    if chain && pick.once_in(4) {
        faults.push(pick.of(&[
            "crash(tier=front)@2500ms+500ms",
            "slow(4,tier=front)@2s+1s",
            "blackhole(30%,tier=front)@2s+1s",
            "errors(40%,tier=front)@2s+1s",
            "loss(40%,tier=front)@2s+1s",
            "delay(60ms,tier=front)@2s+1s",
        ]));
    }
    let mut actions = Vec::new();
    if pick.once_in(3) {
        let action = pick.of(&[
            "reject(60%)@3s+1s~1s",
            "pause(80%)@3s+1s",
            "pause(60%)@2s+1s~1s",
            "restart@3s",
            "restart(400ms)@2s",
        ]);
        actions.push(action);
    }
    if queue && pick.once_in(5) {
        let action = pick.of(&[
            "scale(2)@3s",
            "scale(2)@2s~2s",
            "scale(1.6)@2s+2s",
            "clear@3s",
        ]);
        actions.push(action);
    }
    [faults, actions].map(|all| quoted(&all)).into()
}

/// Every fault, of which a string may hold several, as an item of a list in TOML.
fn quoted(all: &[String]) -> String {
    let mut items = Vec::new();
    for several in all {
        // A comma within brackets separates nothing.
        let mut depth = 0;
        let mut item = String::new();
        for c in several.chars() {
            depth += i32::from(c == '(') - i32::from(c == ')');
            match c == ',' && depth == 0 {
                true => items.push(std::mem::take(&mut item)),
                false => item.push(c),
            }
        }
        items.push(item);
    }
    let items = items.iter().filter(|item| !item.is_empty());
    items
        .map(|item| format!("\"{item}\""))
        .collect::<Vec<_>>()
        .join(", ")
}

fn policy(pick: &mut Picks, name: &str, hosts: bool) -> String {
    let backoff = pick.of(&[
        "none",
        "fixed(100ms)",
        "fixed(500ms)",
        "linear(80ms)",
        "random(exp(100ms))",
        "exponential(base=50ms,multiplier=2,cap=500ms)",
        "exponential(base=50ms,multiplier=2,cap=500ms)",
        "exponential(base=30ms,multiplier=3,exponent_from=1)",
        "exponential(base=80ms,multiplier=2,cap=600ms,exponent_from=less-one)",
        "table(50ms,200ms,400ms)",
        "polynomial(offset=20ms,step=30ms,power=2)",
    ]);
    let jitter = match backoff.starts_with("exponential") {
        true => pick.of(&[
            "none",
            "full",
            "equal",
            "decorrelated",
            "compounding(20%)",
            "polly",
        ]),
        false => pick.of(&[
            "none",
            "full",
            "equal",
            "additive(50ms)",
            "growing(30ms)",
            "proportional(30%)",
            "scale(0.5,1.5)",
        ]),
    };
    let budget = pick.of(&[
        "",
        "",
        "",
        "{ kind = \"token-bucket\", capacity = 3, deposit_per_call = 0.1 }",
        "{ kind = \"token-bucket\", capacity = 5, initial = 1, deposit_per_call = 0.2, strict = true }",
        "{ kind = \"token-bucket\", capacity = 5, cost = 2, timeout_cost = 3, throttle_cost = 1, refund = true, deposit_per_success = 0.5 }",
        "{ kind = \"token-bucket\", capacity = 6, deposit_after_retry = 1, deposit_per_success = 0.3 }",
        "{ kind = \"ratio\", ratio = 0.2, window = \"2s\", min_per_s = 1 }",
        "{ kind = \"ratio\", ratio = 0.3, window = \"1s\", min_per_s = 0.6, deposit = \"success\" }",
        "{ kind = \"ratio\", ratio = 0.25, window = \"3s\", deposit = \"settled\" }",
        "{ kind = \"ratio\", ratio = 0.2, window = \"2s\", deposit = \"attempt\" }",
        "{ kind = \"throttle\", max_tokens = 6, token_ratio = 0.3 }",
        "{ kind = \"concurrent\", percent = \"20%\", min_concurrency = 1 }",
        "{ kind = \"concurrent\", percent = \"50%\", min_concurrency = 0 }",
        "{ kind = \"failure-ratio\", threshold = \"30%\" }",
    ]);
    let mut more = Vec::new();
    if !budget.is_empty() {
        more.push(format!("budget = {budget}"));
    }
    more.push(pick.of(&[
        "",
        "",
        "retry_on = [\"timeout\", \"reset\", \"error\"]",
        "retry_on = [\"rejected\", \"refused\"]",
    ]));
    let guard = pick.of(&[
        "",
        "",
        "",
        "",
        "breaker = { window = 10, min_calls = 5, threshold = \"50%\", open_for = \"400ms\", half_open_calls = 2 }",
        "breaker = { window = 8, threshold = \"40%\", open_for = \"300ms\", half_open_calls = 3, scope = \"retries\" }",
        "throttle = { kind = \"sre\", k = 1.5, window = \"3s\" }",
        "hedge = { delay = \"60ms\", max = 2 }",
        "hedge = { delay = \"100ms\", max = 3, next_on_failure = false }",
    ]);
    // With a hedge in flight it is not said what a failure that is not retried does.
    if guard.starts_with("hedge") {
        more.retain(|setting| !setting.starts_with("retry_on"));
    }
    more.push(guard);
    more.push(pick.of(&[
        "",
        "",
        "",
        "first = \"20ms\"",
        "at_least = \"60ms\"",
        "quantum = \"20ms\"",
        "quantum = \"ceil(20ms)\"",
        "quantum = \"inclusive(20ms)\"",
        "quantum = \"nearest(20ms)\"",
        "throttle_backoff = \"fixed(300ms)\"",
        "retry_after = \"replace\"",
        "retry_after = \"at-least\"",
        "retry_after = \"clamp(100ms)\"",
        "retry_after = \"replace-or-stop(250ms)\"",
        "retry_after = \"replace-and-restart\"",
        "retry_after = \"replace(100ms)\"",
    ]));
    if jitter == "decorrelated" || jitter.starts_with("compounding") || jitter == "polly" {
        more.retain(|setting| !setting.starts_with("throttle_backoff"));
    } else if backoff.contains("cap=") {
        more.push(pick.of(&["", "", "cap_after = true", "cap_after = \"both\""]));
    }
    if jitter.starts_with("compounding") {
        more.retain(|setting| !setting.starts_with("quantum"));
    }
    if hosts {
        more.push(pick.of(&["", "", "elsewhere = true"]));
    }
    format!(
        "[policy.{name}]\nattempts = {}\ntimeout = \"{}\"\ndeadline = \"{}\"\nbackoff = \"{backoff}\"\n\
         jitter = \"{jitter}\"\n{}\n",
        pick.of(&["1", "2", "3", "4", "6"]),
        pick.of(&["60ms", "150ms", "400ms", "1s", "none"]),
        pick.of(&["none", "none", "none", "700ms", "300ms"]),
        more.join("\n"),
    )
}
