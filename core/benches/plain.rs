//! The engine that anyone would write: one binary heap of (time, sequence,
//! event), a timer for every caller, timeout, retry and server. The same
//! model as herdsim's, for open or closed callers with exponential gaps or think
//! times, exponential service, a FIFO queue, a fixed retry delay and one crash. It is
//! the yardstick of the benchmark.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;

pub struct Model {
    pub callers: usize,
    /// Whether a caller calls on whatever becomes of its calls, after a gap of this mean,
    /// or thinks as long when one has ended.
    pub open: bool,
    pub gap_ns: f64,
    pub servers: usize,
    pub service_ns: f64,
    pub queue: usize,
    pub timeout: u64,
    pub backoff: u64,
    pub attempts: u32,
    pub crash: (u64, u64),
    pub warmup: u64,
    pub horizon: u64,
}

#[derive(Default, Clone)]
pub struct Totals {
    pub calls: u64,
    pub attempts: u64,
    pub ok: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub refused: u64,
    pub latency_ns: u128,
    /// Offered, answered, failed per 100 ms.
    pub series: Vec<[u32; 3]>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    CrashBegins,
    CrashEnds,
    Finish(usize, u32),
    Timeout(usize),
    Retry(usize),
    /// By caller.
    Call(usize),
}

struct Attempt {
    call: usize,
    try_number: u32,
    started: u64,
    awaited: bool,
    at_service: bool,
    /// Where it is among those served, if it is, and how often its slot has been used.
    place: Option<usize>,
    generation: u32,
}

pub fn run(m: &Model, seed: u64) -> Totals {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut exp = |mean: f64| -> u64 {
        let e: f64 = Exp1.sample(&mut rng);
        (mean * e) as u64
    };
    let mut heap = BinaryHeap::new();
    let mut sequence = 0u64;
    let mut push = |heap: &mut BinaryHeap<Reverse<(u64, u64, Event)>>, time, event| {
        sequence += 1;
        heap.push(Reverse((time, sequence, event)));
    };
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    // Who makes a call, when it started, and how many attempts it has sent.
    let mut calls: Vec<(usize, u64, u32)> = Vec::new();
    let mut free_calls: Vec<usize> = Vec::new();
    let mut queue: VecDeque<usize> = VecDeque::new();
    let mut serving: Vec<usize> = Vec::new();
    let mut down = false;
    // What becomes of calls whose attempt failed just now.
    let mut failed: Vec<usize> = Vec::new();
    let mut t = Totals {
        series: vec![[0; 3]; (m.horizon / 100_000_000) as usize],
        ..Totals::default()
    };
    for caller in 0..m.callers {
        push(&mut heap, exp(m.gap_ns), Event::Call(caller));
    }
    push(&mut heap, m.crash.0, Event::CrashBegins);
    push(&mut heap, m.crash.1, Event::CrashEnds);
    while let Some(Reverse((now, _, event))) = heap.pop() {
        if now >= m.horizon {
            break;
        }
        let counted = now >= m.warmup;
        let bin = (now / 100_000_000) as usize;
        let mut sent: Option<usize> = None;
        match event {
            Event::CrashBegins => {
                down = true;
                for id in serving.drain(..).chain(queue.drain(..)) {
                    attempts[id].at_service = false;
                    attempts[id].place = None;
                    if attempts[id].awaited {
                        failed.push(id);
                    }
                }
            }
            Event::CrashEnds => down = false,
            Event::Finish(id, generation) => {
                // A crash may have taken it, and its slot may be used again.
                if attempts[id].generation == generation
                    && let Some(place) = attempts[id].place.take()
                {
                    serving.swap_remove(place);
                    if let Some(moved) = serving.get(place) {
                        attempts[*moved].place = Some(place);
                    }
                    attempts[id].at_service = false;
                    if attempts[id].awaited {
                        attempts[id].awaited = false;
                        let (caller, started, _) = calls[attempts[id].call];
                        free_calls.push(attempts[id].call);
                        if counted {
                            t.ok += 1;
                            t.latency_ns += u128::from(now - started);
                        }
                        t.series[bin][1] += 1;
                        if !m.open {
                            push(&mut heap, now + exp(m.gap_ns), Event::Call(caller));
                        }
                    }
                    if let Some(next) = queue.pop_front() {
                        attempts[next].place = Some(serving.len());
                        serving.push(next);
                        let generation = attempts[next].generation;
                        let done = now + exp(m.service_ns);
                        push(&mut heap, done, Event::Finish(next, generation));
                    }
                }
            }
            Event::Timeout(id) => {
                if attempts[id].awaited {
                    t.timed_out += u64::from(counted);
                    failed.push(id);
                } else if !attempts[id].at_service {
                    free.push(id);
                }
            }
            Event::Retry(call) => sent = Some(call),
            Event::Call(caller) => {
                t.calls += u64::from(counted);
                let call = free_calls.pop().unwrap_or(calls.len());
                if call == calls.len() {
                    calls.push((0, 0, 0));
                }
                calls[call] = (caller, now, 0);
                sent = Some(call);
                if m.open {
                    push(&mut heap, now + exp(m.gap_ns), Event::Call(caller));
                }
            }
        }
        if let Some(call) = sent {
            calls[call].2 += 1;
            t.attempts += u64::from(counted);
            t.series[bin][0] += 1;
            let attempt = Attempt {
                call,
                try_number: calls[call].2,
                started: calls[call].1,
                awaited: true,
                at_service: false,
                place: None,
                generation: 0,
            };
            let id = match free.pop() {
                Some(id) => {
                    let generation = attempts[id].generation + 1;
                    attempts[id] = Attempt {
                        generation,
                        ..attempt
                    };
                    id
                }
                None => {
                    attempts.push(attempt);
                    attempts.len() - 1
                }
            };
            push(&mut heap, now + m.timeout, Event::Timeout(id));
            if down {
                t.refused += u64::from(counted);
                failed.push(id);
            } else if serving.len() < m.servers {
                attempts[id].at_service = true;
                attempts[id].place = Some(serving.len());
                serving.push(id);
                let generation = attempts[id].generation;
                let done = now + exp(m.service_ns);
                push(&mut heap, done, Event::Finish(id, generation));
            } else if queue.len() < m.queue {
                attempts[id].at_service = true;
                queue.push_back(id);
            } else {
                failed.push(id);
            }
        }
        for id in failed.drain(..) {
            let Attempt {
                call, try_number, ..
            } = attempts[id];
            attempts[id].awaited = false;
            if try_number < m.attempts {
                push(&mut heap, now + m.backoff, Event::Retry(call));
            } else {
                debug_assert!(attempts[id].started <= now);
                t.failed += u64::from(counted);
                t.series[bin][2] += 1;
                free_calls.push(call);
                if !m.open {
                    let caller = calls[call].0;
                    push(&mut heap, now + exp(m.gap_ns), Event::Call(caller));
                }
            }
        }
    }
    t
}
