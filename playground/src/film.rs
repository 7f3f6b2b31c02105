//! Who is where, instant by instant: a replication as a film.

use herdsim_core::herd::series::{BUSY_SERVERS, GOODPUT, OFFERED, QUEUE_LENGTH};
use herdsim_core::herd::{Counts, Engine, Herd, Seen, Whereabouts};
use herdsim_core::metric::Key;
use herdsim_core::scenario::{Job, Problem, Scenario};
use herdsim_core::streams::Streams;
use herdsim_core::units::Nanos;
use serde_json::{Value as Json, json};

use crate::refusal::Refusal;
use crate::scale::smaller;
use crate::text::job;
use crate::told::fits;

/// Callers of a film at most: beyond that nobody tells dots apart.
const MOST_CALLERS: u32 = 2_000;
/// Frames of a film at most.
const MOST_FRAMES: u64 = 1_500;
/// Attempts at the service that a frame shows at most.
const MOST_SEEN: usize = 8_000;

/// The film of a policy.
///
/// It is the first replication, event by event: on the fast path, which charts are made by
/// where a scenario fits it, nobody is anywhere in between, and chance is spent in another
/// order. Its own time series stands beside it. Frames lie at the edges of its bins: what was
/// counted since the one before is what the series has of that bin. In `dots` each character is
/// one call or attempt: 6 · caller + place + 256, with places in the order of [`place`]; those
/// who are served and who wait stand in the order in which they came.
pub fn film(text: &str, name: &str) -> Result<Json, Refusal> {
    let Job::Herd(whole) = job(text)? else {
        return Err(Refusal::Problem(Problem::new("only a herd is filmed")));
    };
    let callers = |s: &Scenario| s.groups.iter().map(|group| group.count).sum::<u32>();
    let (scenario, times) = match callers(&whole) {
        few if few <= 500 => (whole, 1),
        _ => match smaller(&whole) {
            Some(smaller) => smaller,
            None => (whole, 1),
        },
    };
    let count = callers(&scenario);
    if count > MOST_CALLERS {
        return Ok(json!({ "none": format!("{count} callers are too many to be filmed") }));
    }
    let policies = scenario.policies.iter();
    let mut named = policies.filter(|(own, policy)| own == name && policy.acts);
    let unknown = || Refusal::Problem(Problem::new(format!("there is no policy `{name}`")));
    let (_, policy) = named.next().ok_or_else(unknown)?;
    fits(&scenario)?;
    let run = &scenario.run;
    let bins = run.horizon.0.div_ceil(run.bin.0);
    let step = run.bin.0 * bins.div_ceil(MOST_FRAMES).max(1);
    let herd = Herd {
        scenario: &scenario,
        policy,
        // Only there is known where everybody is.
        engine: Engine::Events,
    };
    let mut running = herd.begin(Streams {
        seed: run.seed,
        replication: 0,
    });
    let mut frames = Vec::new();
    let mut before = Counts::default();
    for t in (1..=run.horizon.0 / step).map(|n| n * step) {
        running.until(Nanos(t));
        let Some((counts, seen)) = running.census() else {
            break;
        };
        frames.push(frame(t, step, (&before, &counts), seen));
        before = counts;
    }
    let outcome = running.finish();
    let series =
        |key: Key| -> Vec<f64> { outcome.series.iter().map(|bin| bin[key.index()]).collect() };
    if frames.is_empty() {
        return Ok(json!({ "none": "A bin is longer than the run" }));
    }
    Ok(json!({
        "bin_s": run.bin.as_secs(),
        "series": {
            "offered": series(OFFERED),
            "goodput": series(GOODPUT),
            "queue": series(QUEUE_LENGTH),
            "busy": series(BUSY_SERVERS),
        },
        "policy": name,
        "callers": count,
        "services": scenario.services.len(),
        "smaller": times,
        "servers": scenario.entry().servers(),
        "step_s": Nanos(step).as_secs(),
        "frames": frames,
    }))
}

/// Where in a frame's alphabet.
fn place(at: Whereabouts) -> u32 {
    match at {
        Whereabouts::OnTheWay => 0,
        Whereabouts::BackingOff => 1,
        Whereabouts::Waiting => 2,
        Whereabouts::WaitingInVain => 3,
        Whereabouts::Served => 4,
        // Whatever else there may be is at the service.
        _ => 5,
    }
}

fn frame(t: u64, step: u64, (then, now): (&Counts, &Counts), mut seen: Vec<Seen>) -> Json {
    let mean = |now: u128, then: u128| (now - then) as f64 / step as f64;
    let count = |at| seen.iter().filter(|s| s.at == at).count();
    let mut told = json!({
        "t": Nanos(t).as_secs(),
        "offered": now.offered - then.offered,
        "ok": now.ok - then.ok,
        "mean_queue": mean(now.queue_ns, then.queue_ns),
        "mean_busy": mean(now.busy_ns, then.busy_ns),
        "waiting": count(Whereabouts::Waiting),
        "waiting_in_vain": count(Whereabouts::WaitingInVain),
        "served": count(Whereabouts::Served),
        "served_in_vain": count(Whereabouts::ServedInVain),
        "backing_off": count(Whereabouts::BackingOff),
    });
    seen.sort_by_key(|s| (std::cmp::Reverse(place(s.at) / 2), s.since, s.caller));
    let dots = seen.iter().take(MOST_SEEN);
    let dots = dots.filter_map(|s| char::from_u32(256 + 6 * s.caller + place(s.at)));
    told["dots"] = json!(dots.collect::<String>());
    told
}
