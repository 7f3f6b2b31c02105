//! Waves, outages and queues of work.

use herdsim::run::{Context, simulate};
use herdsim_core::ensemble::Workers;
use herdsim_core::herd::backoff::Backoffs;
use herdsim_core::herd::series::GOODPUT;
use herdsim_core::herd::{Herd, find};
use herdsim_core::scenario::policy::Failure;
use herdsim_core::scenario::{Job, Scenario};
use herdsim_core::stats::Estimate;
use herdsim_core::streams::{Purpose, Streams};

use crate::{mean, near, policy, right, simulated, watch};

/// The most of some instants, in ns, that lie within any 100 ms.
fn most_within_100_ms(mut times: Vec<u64>) -> f64 {
    times.sort_unstable();
    let mut first = 0;
    let mut most = 0;
    for (last, time) in times.iter().enumerate() {
        while time - times[first] >= 100_000_000 {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most as f64
}

#[test]
fn reflector_wave() {
    for (jitter, right) in [
        ("none", [500.0; 6]),
        ("equal", [119.0, 64.0, 36.7, 22.3, 14.2, 9.6]),
        ("scale(1,2)", [66.4, 37.1, 22.3, 14.2, 9.6, 6.9]),
    ] {
        let text = format!(
            "compare = [\"p\"]\n[policy.p]\nattempts = 7\njitter = \"{jitter}\"\n\
             backoff = \"exponential(base=1s,multiplier=2,cap=1h)\"\n"
        );
        let scenario = Scenario::parse("field.toml", &text).unwrap();
        let law = &scenario.policies[0].1;
        let backoffs = Backoffs::new(law);
        let mut peaks = vec![Vec::new(); 6];
        for replication in 0..400 {
            let mut rng = Streams {
                seed: 1,
                replication,
            }
            .stream(Purpose::Backoff);
            let mut times = vec![Vec::new(); 6];
            for _ in 0..500 {
                let (mut now, mut state) = (0, 0);
                for k in 1..=6u32 {
                    now += backoffs.delay(law, k, Failure::Refused, &mut state, &mut rng);
                    times[k as usize - 1].push(now);
                }
            }
            for (peaks, times) in peaks.iter_mut().zip(times) {
                peaks.push(most_within_100_ms(times));
            }
        }
        for (k, (peaks, right)) in peaks.into_iter().zip(right).enumerate() {
            let half_digit = if right > 100.0 { 0.5 } else { 0.05 };
            let what = format!("{jitter}, retry {}", k + 1);
            near(&what, Estimate::of(peaks), right, half_digit);
        }
    }
}

/// 18,000 watchers drop together, and the server is away for half a minute.
fn watchers(spread: &str) -> String {
    format!(
        "compare = [\"fixed\", \"jittered\"]\nfaults = [\"crash@0s+30s\"]\n\
         [run]\nreplications = 20\nhorizon = \"120s\"\n\
         [callers]\ncount = 18_000\narrival = \"once\"\nat = \"0s\"\nspread = \"{spread}\"\n\
         [service]\nservers = 400\nservice_time = \"exp(20ms)\"\nqueue = 4_000\n\
         [policy.fixed]\nattempts = \"unlimited\"\ntimeout = \"none\"\nbackoff = \"fixed(1s)\"\n\
         [policy.jittered]\nextends = \"fixed\"\njitter = \"scale(1,2)\"\n\
         backoff = \"exponential(base=800ms,multiplier=2,cap=30s)\"\n"
    )
}

#[test]
fn watchers_come_back() {
    let results = simulated(&watchers("uniform(0s,1s)"));
    right(policy(&results, "fixed"), "attempts_per_call", 31.0, 0.0);
    let jittered = policy(&results, "jittered");
    right(jittered, "attempts_per_call", 6.029, 0.0005);
    // The last is back 51 s after the end.
    right(jittered, "completion_s", 81.0, 0.5);
}

#[test]
fn watchers_come_back_without_spread() {
    let results = simulated(&watchers("0s"));
    let [fixed, jittered] = ["fixed", "jittered"].map(|name| policy(&results, name));
    right(fixed, "attempts", 586_000.0, 0.0);
    right(fixed, "rejected_attempts", 28_000.0, 0.0);
    right(fixed, "peak_after_per_s", 180_000.0, 0.0);
    right(jittered, "peak_after_per_s", 1_675.0, 25.0);
}

#[test]
fn outage_of_a_dependency() {
    for (factor, retries, lost, half_digit) in [
        (3, 2, 0.850, 5e-4),
        (7, 2, 0.650, 5e-4),
        (7, 5, 0.00192, 5e-6),
    ] {
        // Judged are the calls that begin in the outage.
        let results = simulated(&format!(
            "compare = [\"p\"]\nfaults = [\"crash@10s+30s\"]\n\
             [run]\nreplications = 10\nwarmup = \"10s\"\nhorizon = \"280s\"\ncooldown = \"240s\"\n\
             bin = \"1s\"\n\
             [callers]\ncount = 2_000\n\
             [service]\nkind = \"coin\"\nfailure_ratio = 0\nresponse_time = \"1us\"\n\
             [policy.p]\nattempts = {}\njitter = \"full\"\nquantum = \"inclusive(1s)\"\n\
             backoff = \"exponential(base={factor}s,multiplier=2,cap=1h)\"\n",
            retries + 1
        ));
        let p = policy(&results, "p");
        right(p, "failed_ratio", lost, half_digit);
        assert_eq!(mean(p, "waiting_ratio"), 0.0);
        // The same by hand: a call is lost that begins so late in the outage that all its
        // waits, whole seconds each, end within it.
        let mut sums = vec![1.0];
        for k in 0..retries {
            let longest = factor << k;
            let mut longer = vec![0.0; sums.len() + longest];
            for (sum, p) in sums.iter().enumerate() {
                for wait in 0..=longest {
                    longer[sum + wait] += p / (longest + 1) as f64;
                }
            }
            sums = longer;
        }
        let by_hand: f64 = (0..30.min(sums.len()))
            .map(|sum| sums[sum] * (30 - sum) as f64 / 30.0)
            .sum();
        assert!((by_hand - lost).abs() <= half_digit, "{by_hand}");
    }
}

#[test]
fn a_day_of_retries() {
    for (retries, given_up, half_digit) in [(6, 31.5, 0.0), (2_886, 86_431.5, 0.0)] {
        let text = format!(
            "compare = [\"p\"]\nfaults = []\n\
             [run]\nhorizon = \"26h\"\nbin = \"1m\"\n\
             [callers]\ncount = 400\narrival = \"once\"\n\
             [service]\nkind = \"coin\"\nfailure_ratio = 1\nresponse_time = \"1us\"\n\
             [policy.p]\nattempts = {}\njitter = \"full\"\nquantum = \"inclusive(1s)\"\n\
             backoff = \"exponential(base=1s,multiplier=2,cap=60s)\"\n",
            retries + 1
        );
        let scenario = Scenario::parse("field.toml", &text).unwrap();
        let herd = Herd {
            scenario: &scenario,
            policy: &scenario.policies[0].1,
            engine: watch().engine,
        };
        let runs = (0..3).map(|replication| {
            let streams = Streams {
                seed: 1,
                replication,
            };
            herd.replicate(streams).metrics[find("given_up_s").unwrap()]
        });
        near("given up after", Estimate::of(runs), given_up, half_digit);
    }
}

#[test]
fn stale_work() {
    let text = |queue: u32| {
        format!(
            "compare = [\"lease\"]\nfaults = []\n\
             [run]\nreplications = 1\nhorizon = \"900s\"\nbin = \"1s\"\n\
             [callers]\ncount = 20_000\narrival = \"once\"\n\
             [service]\nservers = 100\nservice_time = \"3s\"\nqueue = {queue}\n\
             [policy.lease]\nattempts = \"unlimited\"\ntimeout = \"60s\"\nbackoff = \"fixed(1s)\"\n"
        )
    };
    let results = simulated(&text(1_000_000));
    let lease = policy(&results, "lease");
    assert_eq!(mean(lease, "answered_ratio") * 20_000.0, 2_000.0);
    assert_eq!(mean(lease, "waiting_ratio"), 0.9);
    assert_eq!(mean(lease, "success_ratio"), 1.0);
    assert!(mean(lease, "wait_p99_s").is_nan());
    let results = simulated(&text(1_900));
    let lease = policy(&results, "lease");
    assert_eq!(mean(lease, "completion_s"), 600.0);
    assert_eq!(mean(lease, "answered_ratio"), 1.0);
}

#[test]
fn grpc_connects() {
    let results = simulated(
        "compare = [\"connect\"]\nfaults = [\"crash@0s+1h\"]\n\
         [run]\nreplications = 4\nhorizon = \"4000s\"\n\
         [callers]\ncount = 5_000\narrival = \"once\"\n\
         [service]\nservers = 5_000\nservice_time = \"1us\"\nqueue = 5_000\n\
         [policy.connect]\nattempts = \"unlimited\"\ntimeout = \"none\"\n\
         backoff = \"exponential(base=1s,multiplier=1.6,cap=120s)\"\njitter = \"proportional(20%)\"\n",
    );
    let connect = policy(&results, "connect");
    right(connect, "attempts_per_call", 40.07, 0.005);
    assert!(mean(connect, "completion_s") <= 3_744.0);
    // Who is back by when, in bins of 100 ms.
    let answered: Vec<f64> = connect
        .series
        .iter()
        .map(|bin| bin[GOODPUT.index()].mean * 0.1)
        .collect();
    let all: f64 = answered.iter().sum();
    let back = |share: f64| {
        let mut sum = 0.0;
        let late = answered.iter().take_while(|n| {
            sum += **n;
            sum < share * all
        });
        late.count() as f64 * 0.1 - 3_600.0
    };
    // A share q of 20,000 lies within 2 √(q(1 − q)/20,000) of its place, where 160 come in a
    // second at the median and 2 at the far end.
    assert!((back(0.5) - 60.0).abs() < 1.0, "{}", back(0.5));
    assert!((back(0.99) - 133.3).abs() < 1.0, "{}", back(0.99));
}

/// Whoever answers nobody is not praised for being done.
#[test]
fn lockstep_and_nobody_served() {
    let text = "compare = [\"hasty\", \"patient\"]\nfaults = [\"crash@0s+10s\"]\n\
                [callers]\ncount = 500\narrival = \"once\"\n\
                [service]\nservers = 10\nservice_time = \"10ms\"\nqueue = 500\n\
                [policy.hasty]\nattempts = 3\nbackoff = \"fixed(1s)\"\n\
                [policy.patient]\nattempts = 30\nbackoff = \"fixed(1s)\"\ntimeout = \"1s\"\n";
    let context = |workers| Context {
        workers,
        watch: watch(),
        charts: false,
        before: None,
        measured: None,
    };
    let workers = Workers::new(2).unwrap();
    let told = |text: &str| {
        let job = Job::Herd(Scenario::parse("field.toml", text).unwrap());
        let finished = simulate(&job, &context(&workers)).unwrap();
        let summary = finished.story.summary.join("\n");
        (
            finished.story.title,
            format!("{}\n{summary}", finished.verdict),
        )
    };
    let (title, text_of_both) = told(text);
    assert!(
        title.starts_with("patient answers the most calls"),
        "{title}"
    );
    for praise in [
        "hasty finishes",
        "helps most is hasty",
        "hasty answers the most",
    ] {
        assert!(!text_of_both.contains(praise), "{text_of_both}");
    }
    let (title, both) = told(&text.replace("attempts = 30", "attempts = 5"));
    assert!(title.starts_with("No policy answers any call"), "{title}");
    assert!(both.contains("No policy answers any call"), "{both}");
}

#[test]
fn ten_thousand_clients() {
    // At a tenth of the size chance tips some of the runs without a budget.
    let results = simulated(
        "compare = [\"plain\", \"envoy\", \"bucket\"]\nfaults = [\"crash@10s+5s\"]\n\
         [run]\nreplications = 1\nwarmup = \"5s\"\nhorizon = \"30s\"\n\
         [callers]\ncount = 10_000\nclients = 10_000\nrate = \"10/s\"\n\
         [network]\nout = \"500us\"\nback = \"500us\"\n\
         [service]\nservers = 1_250\nservice_time = \"exp(10ms)\"\nqueue = 10_000\n\
         [policy.plain]\nattempts = 3\ntimeout = \"40ms\"\ndeadline = \"100ms\"\njitter = \"full\"\n\
         backoff = \"exponential(base=25ms,multiplier=2,cap=1s)\"\n\
         [policy.envoy]\nextends = \"plain\"\n\
         budget = { kind = \"concurrent\", percent = \"20%\", min_concurrency = 3 }\n\
         [policy.bucket]\nextends = \"plain\"\n\
         budget = { kind = \"token-bucket\", capacity = 10, deposit_per_call = 0.1, cost = 1 }\n",
    );
    // The last digit is that of one run.
    for (name, attempts) in [("plain", 1.416), ("envoy", 1.414), ("bucket", 1.073)] {
        right(policy(&results, name), "attempts_per_call", attempts, 0.001);
    }
}
