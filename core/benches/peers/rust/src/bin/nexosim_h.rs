//! The workload H in NeXosim, on one thread: one model that schedules events on itself.

use std::collections::VecDeque;
use std::time::Duration;

use herdsim_peers::{
    ATTEMPTS, CALLERS, DOWN_AT, DOWN_FOR, END, QUEUE, RETRY_AFTER, SERVERS, SERVICE, THINK,
    TIMEOUT, Totals, WARMUP, measure,
};
use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::QuerySource;
use nexosim::simulation::{EventKey, Mailbox, SimInit, SimulationError};
use nexosim::time::MonotonicTime;
use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Herd {
    rng: Xoshiro256PlusPlus,
    callers: Vec<Caller>,
    /// What each server does, and the event of its end.
    servers: Vec<Option<(Attempt, EventKey)>>,
    idle: Vec<usize>,
    queue: VecDeque<Attempt>,
    down: bool,
    totals: Totals,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Caller {
    /// How many attempts its call has sent.
    sent: u32,
    /// How many it has sent in all.
    attempts: u64,
    /// There while it waits for an answer.
    timeout: Option<EventKey>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Attempt {
    caller: usize,
    /// Of this caller's.
    number: u64,
}

#[Model]
impl Herd {
    fn new(seed: u64) -> Self {
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            callers: vec![Caller::default(); CALLERS],
            servers: vec![None; SERVERS],
            idle: (0..SERVERS).collect(),
            queue: VecDeque::new(),
            down: false,
            totals: Totals::default(),
        }
    }

    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        for caller in 0..CALLERS {
            self.think(caller, cx);
        }
        cx.schedule_event(DOWN_AT, schedulable!(Self::crash), ())
            .unwrap();
        cx.schedule_event(DOWN_AT + DOWN_FOR, schedulable!(Self::restart), ())
            .unwrap();
    }

    /// A caller's call begins.
    #[nexosim(schedulable)]
    fn call(&mut self, caller: usize, cx: &Context<Self>) {
        self.totals.calls += counted(cx);
        self.callers[caller].sent = 0;
        self.send(caller, cx);
    }

    /// A caller sends an attempt.
    #[nexosim(schedulable)]
    fn send(&mut self, caller: usize, cx: &Context<Self>) {
        self.totals.attempts += counted(cx);
        let state = &mut self.callers[caller];
        state.sent += 1;
        state.attempts += 1;
        let attempt = Attempt {
            caller,
            number: state.attempts,
        };
        if self.down {
            self.totals.refused += counted(cx);
            return self.failed(caller, cx);
        }
        if self.idle.is_empty() && self.queue.len() == QUEUE {
            return self.failed(caller, cx);
        }
        let timeout = cx.schedule_keyed_event(TIMEOUT, schedulable!(Self::timed_out), caller);
        state.timeout = Some(timeout.unwrap());
        match self.idle.pop() {
            Some(server) => self.serve(server, attempt, cx),
            None => self.queue.push_back(attempt),
        }
    }

    #[nexosim(schedulable)]
    fn timed_out(&mut self, caller: usize, cx: &Context<Self>) {
        self.callers[caller].timeout = None;
        self.failed(caller, cx);
    }

    /// A server is done with what it served.
    #[nexosim(schedulable)]
    fn served(&mut self, server: usize, cx: &Context<Self>) {
        if let Some((attempt, _)) = self.servers[server].take()
            && self.stop_waiting(attempt)
        {
            self.think(attempt.caller, cx);
        }
        match self.queue.pop_front() {
            Some(next) => self.serve(server, next, cx),
            None => self.idle.push(server),
        }
    }

    #[nexosim(schedulable)]
    fn crash(&mut self, _: (), cx: &Context<Self>) {
        self.down = true;
        let mut lost = Vec::new();
        for (server, serving) in self.servers.iter_mut().enumerate() {
            if let Some((attempt, end)) = serving.take() {
                end.cancel();
                self.idle.push(server);
                lost.push(attempt);
            }
        }
        lost.extend(self.queue.drain(..));
        for attempt in lost {
            if self.stop_waiting(attempt) {
                self.failed(attempt.caller, cx);
            }
        }
    }

    #[nexosim(schedulable)]
    fn restart(&mut self) {
        self.down = false;
    }

    async fn totals(&mut self) -> Totals {
        self.totals
    }

    fn serve(&mut self, server: usize, attempt: Attempt, cx: &Context<Self>) {
        let time = self.exponential(SERVICE);
        let end = cx.schedule_keyed_event(time, schedulable!(Self::served), server);
        self.servers[server] = Some((attempt, end.unwrap()));
    }

    /// Whether the attempt's caller still waited for it.
    fn stop_waiting(&mut self, attempt: Attempt) -> bool {
        let caller = &mut self.callers[attempt.caller];
        if caller.attempts != attempt.number {
            return false;
        }
        match caller.timeout.take() {
            Some(timeout) => {
                timeout.cancel();
                true
            }
            None => false,
        }
    }

    /// A caller tries again, or its call ends.
    fn failed(&mut self, caller: usize, cx: &Context<Self>) {
        if self.callers[caller].sent < ATTEMPTS {
            cx.schedule_event(RETRY_AFTER, schedulable!(Self::send), caller)
                .unwrap();
        } else {
            self.think(caller, cx);
        }
    }

    fn think(&mut self, caller: usize, cx: &Context<Self>) {
        let time = self.exponential(THINK);
        cx.schedule_event(time, schedulable!(Self::call), caller)
            .unwrap();
    }

    /// At least 1 ns: an event must be later than now.
    fn exponential(&mut self, mean: Duration) -> Duration {
        let e: f64 = Exp1.sample(&mut self.rng);
        Duration::from_nanos((mean.as_nanos() as f64 * e) as u64).max(Duration::from_nanos(1))
    }
}

fn counted(cx: &Context<Herd>) -> u64 {
    u64::from(cx.time() >= MonotonicTime::EPOCH + WARMUP)
}

fn run(seed: u64) -> Result<Totals, SimulationError> {
    let mailbox = Mailbox::new();
    let mut bench = SimInit::with_num_threads(1);
    let totals = QuerySource::new()
        .connect(Herd::totals, &mailbox)
        .register(&mut bench);
    let mut simulation = bench
        .add_model(Herd::new(seed), mailbox, "herd")
        .init(MonotonicTime::EPOCH)?;
    simulation.step_until(END)?;
    Ok(simulation.process_query(&totals, ())?)
}

fn main() {
    measure("nexosim", |seed| run(seed).expect("a simulation"));
}
