"""The workload H of benches/herd.rs in SimPy, on one core.

    python3 benches/peers/simpy_h.py [RUNS]

Prints `simpy,<seconds per run>,<calls>,<attempts>,<refused>`: the median of the runs' times
and the means of their counts.
"""

import random
import statistics
import sys
import time

try:
    import simpy
except ImportError:
    sys.exit("skipped: simpy is not installed")

CALLERS = 5_000
THINK = 1.0
SERVERS = 50
SERVICE = 0.005
QUEUE = 1_000
TIMEOUT = 0.5
RETRY_AFTER = 1.0
ATTEMPTS = 6
DOWN_AT, UP_AT = 10.0, 12.0
WARMUP, END = 2.0, 60.0


class Service:
    def __init__(self, env, rng, counts):
        self.env, self.rng, self.counts = env, rng, counts
        self.servers = simpy.Resource(env, SERVERS)
        self.down = False
        env.process(self.outage())

    def attempt(self):
        """Returns whether it was answered in time."""
        self.counts["attempts"] += self.env.now >= WARMUP
        if self.down:
            self.counts["refused"] += self.env.now >= WARMUP
            return False
        if len(self.servers.queue) >= QUEUE:
            return False
        work = self.env.process(self.work())
        yield work | self.env.timeout(TIMEOUT)
        return work.triggered and work.value

    def work(self):
        """Returns whether it was done; goes on whether or not anybody waits for it."""
        try:
            with self.servers.request() as turn:
                yield turn
                yield self.env.timeout(self.rng.expovariate(1 / SERVICE))
            return True
        except simpy.Interrupt:
            return False

    def outage(self):
        yield self.env.timeout(DOWN_AT)
        self.down = True
        for request in self.servers.users + self.servers.queue:
            request.proc.interrupt()
        yield self.env.timeout(UP_AT - DOWN_AT)
        self.down = False


def caller(env, rng, counts, service):
    while True:
        yield env.timeout(rng.expovariate(1 / THINK))
        counts["calls"] += env.now >= WARMUP
        for earlier in range(ATTEMPTS):
            if earlier:
                yield env.timeout(RETRY_AFTER)
            if (yield from service.attempt()):
                break


def run(seed):
    env = simpy.Environment()
    rng = random.Random(seed)
    counts = dict.fromkeys(("calls", "attempts", "refused"), 0)
    service = Service(env, rng, counts)
    for _ in range(CALLERS):
        env.process(caller(env, rng, counts, service))
    env.run(until=END)
    return counts


runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
times, totals = [], []
for seed in range(1, runs + 1):
    start = time.perf_counter()
    counts = run(seed)
    times.append(time.perf_counter() - start)
    totals.append(counts.values())
means = [round(statistics.mean(column)) for column in zip(*totals)]
print("simpy", f"{statistics.median(times):.4f}", *means, sep=",")
