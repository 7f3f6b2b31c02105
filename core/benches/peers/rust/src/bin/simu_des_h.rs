//! The workload H in simu-des: each caller, and each piece of work at the service, is a
//! process.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use herdsim_peers::{
    ATTEMPTS, CALLERS, DOWN_AT, DOWN_FOR, END, QUEUE, RETRY_AFTER, SERVERS, SERVICE, THINK,
    TIMEOUT, Totals, WARMUP, measure,
};
use simu::rng::{SplitMix64, sample};
use simu::{EnvHandle, EventTrigger, Resource, SimEnv, any_of};

struct World {
    env: EnvHandle,
    /// A crash leaves them to what they do, for nobody, and starts with others.
    servers: RefCell<Resource>,
    /// The attempts that are queued or in service, and what tells their callers of the end.
    open: RefCell<BTreeMap<u64, EventTrigger>>,
    down: Cell<bool>,
    next: Cell<u64>,
    totals: Cell<Totals>,
}

impl World {
    fn count(&self, add: impl Fn(&mut Totals)) {
        if self.env.now() >= WARMUP.as_secs_f64() {
            let mut totals = self.totals.get();
            add(&mut totals);
            self.totals.set(totals);
        }
    }

    async fn sleep(&self, time: Duration) {
        self.env.timeout(time.as_secs_f64()).await;
    }

    async fn sleep_exponential(&self, mean: Duration) {
        let time = sample::exponential(&mut self.env.rng(), mean.as_secs_f64());
        self.env.timeout(time).await;
    }
}

async fn caller(world: Rc<World>) {
    loop {
        world.sleep_exponential(THINK).await;
        world.count(|totals| totals.calls += 1);
        for earlier in 0..ATTEMPTS {
            if earlier > 0 {
                world.sleep(RETRY_AFTER).await;
            }
            if attempt(&world).await {
                break;
            }
        }
    }
}

/// Says whether it was answered in time.
async fn attempt(world: &Rc<World>) -> bool {
    world.count(|totals| totals.attempts += 1);
    if world.down.get() {
        world.count(|totals| totals.refused += 1);
        return false;
    }
    let servers = world.servers.borrow().clone();
    if servers.queue_len() >= QUEUE {
        return false;
    }
    let id = world.next.replace(world.next.get() + 1);
    let (trigger, ended) = world.env.event();
    world.open.borrow_mut().insert(id, trigger);
    let answered = Rc::new(Cell::new(false));
    world
        .env
        .spawn(work(world.clone(), servers, id, answered.clone()));
    any_of![ended, world.env.timeout(TIMEOUT.as_secs_f64())].await;
    answered.get()
}

/// Goes on whether or not its caller still waits.
async fn work(world: Rc<World>, servers: Resource, id: u64, answered: Rc<Cell<bool>>) {
    let _server = servers.request().await;
    world.sleep_exponential(SERVICE).await;
    // A crash has taken it where it is not there.
    if let Some(trigger) = world.open.borrow_mut().remove(&id) {
        answered.set(true);
        trigger.fire();
    }
}

async fn outage(world: Rc<World>) {
    world.sleep(DOWN_AT).await;
    world.down.set(true);
    world.servers.replace(Resource::new(SERVERS));
    for (_, trigger) in world.open.take() {
        trigger.fire();
    }
    world.sleep(DOWN_FOR).await;
    world.down.set(false);
}

fn run(seed: u64) -> Totals {
    let mut env = SimEnv::with_source(SplitMix64::new(seed));
    let world = Rc::new(World {
        env: env.handle(),
        servers: RefCell::new(Resource::new(SERVERS)),
        open: RefCell::default(),
        down: Cell::new(false),
        next: Cell::new(0),
        totals: Cell::default(),
    });
    env.spawn(outage(world.clone()));
    for _ in 0..CALLERS {
        env.spawn(caller(world.clone()));
    }
    env.run_until(END.as_secs_f64());
    world.totals.get()
}

fn main() {
    measure("simu-des", run);
}
