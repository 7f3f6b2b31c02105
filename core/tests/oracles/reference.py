"""The models of three published simulations, written down again in a few lines.

Prints figures for tests/oracles_published.rs; its output is kept beside it:
    python3 reference.py > reference.csv

1. aws-samples/aws-arch-backoff-simulator: N clients write one row under
   optimistic concurrency control, all from time 0, until all are done.
2. mbrooker/simulator_example, retry_sim: 100 clients of 10 calls/s against a
   service that fails a share x of attempts, in a run of 100 s.
3. mbrooker/simulator_example, simple_collapse_sim: a service that takes
   1 s + 10 ms per request in service, 40 calls/s, 80 for five seconds.
"""

import heapq
import random
from math import inf, sqrt


def summary(name, policy, metric, values):
    n = len(values)
    mean = sum(values) / n
    se = sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
    print(f"{name},{policy},{metric},{mean:.9g},{se:.3g},{n}")


def run(queue, until=inf):
    """queue: (time, tie, function, argument); a function returns new events."""
    tie = len(queue)
    heapq.heapify(queue)
    now = 0.0
    while queue:
        t, _, f, a = heapq.heappop(queue)
        if t >= until:
            return until
        now = t
        for (at, g, b) in f(t, a) or ():
            tie += 1
            heapq.heappush(queue, (at, tie, g, b))
    return now


def occ(n, backoff):
    """Time in ms until all n clients have written, and the writes it took."""
    leg = lambda: abs(random.gauss(10, 2))
    row = {"version": 0, "writes": 0}

    def read(t, client):
        client["seen"] = row["version"]
        return [(t + leg() + leg(), write, client)]

    def write(t, client):
        row["writes"] += 1
        if client["seen"] == row["version"]:
            row["version"] += 1
            return [(t + leg(), done, client)]
        client["k"] += 1
        answered = t + leg()
        return [(answered + backoff(client) + leg(), read, client)]

    def done(t, client):
        return []

    clients = [{"k": 0, "sleep": 5.0} for _ in range(n)]
    end = run([(leg(), i, read, c) for i, c in enumerate(clients)])
    return end, row["writes"]


def window(client):
    return min(2000.0, 5.0 * 2 ** client["k"])


def decorrelated(client):
    client["sleep"] = min(2000.0, random.uniform(5.0, 3 * client["sleep"]))
    return client["sleep"]


BACKOFFS = {
    "exponential": window,
    "full": lambda c: random.uniform(0, window(c)),
    "equal": lambda c: window(c) / 2 + random.uniform(0, window(c) / 2),
    "decorrelated": decorrelated,
}


def retries(x, strategy, seconds=100.0):
    """Successes per call ended and attempts per call started by the end."""
    count = {"calls": 0, "attempts": 0, "ok": 0, "failed": 0}
    trip = lambda: random.expovariate(100.0)

    def call(t, client):
        count["calls"] += 1
        client["bucket"] = min(5.0, client["bucket"] + 0.1)
        client["calls"] += 1
        return [(t + random.expovariate(10.0), call, client)] + send(t, (client, 1))

    def send(t, state):
        count["attempts"] += 1
        answer = failed if random.random() < x else succeeded
        return [(t + trip() + trip(), answer, state)]

    def succeeded(t, state):
        count["ok"] += 1

    def failed(t, state):
        client, tries = state
        if strategy == "none":
            again = False
        elif strategy == "three":
            again = tries <= 3
        elif strategy == "adaptive":
            # Strictly more than one; in tenths, which floats do not hold exactly.
            again = client["bucket"] > 1.0 + 1e-9
            client["bucket"] -= again
        else:
            client["failed"] += 1
            again = client["failed"] <= 0.1 * client["calls"] and tries <= 3
        if again:
            return send(t, (client, tries + 1))
        count["failed"] += 1

    clients = [{"bucket": 5.0, "calls": 0, "failed": 0} for _ in range(100)]
    run([(random.expovariate(10.0), i, call, c) for i, c in enumerate(clients)], seconds)
    return count["ok"] / (count["ok"] + count["failed"]), count["attempts"] / count["calls"]


def collapse(jitter):
    """Calls answered per second before the spike (10 to 20 s) and after it (60 to 80 s)."""
    busy = [0]
    answered = {"before": 0, "after": 0}
    leg = lambda: random.expovariate(10.0)

    def call(t, _):
        rate = 80.0 if 20 <= t < 25 else 40.0
        return [(t + random.expovariate(rate), call, None)] + send(t, {"try": 0})

    def send(t, c):
        return [(t + 3.0, timeout, (c, c["try"])), (t + leg(), start, (c, c["try"]))]

    def start(t, a):
        busy[0] += 1
        return [(t + 1.0 + 0.01 * busy[0], end, a)]

    def end(t, a):
        busy[0] -= 1
        return [(t + leg(), answer, a)]

    def answer(t, a):
        c, number = a
        if c["try"] == number:
            c["try"] = -1
            answered["before"] += 10 <= t < 20
            answered["after"] += 60 <= t < 80

    def timeout(t, a):
        c, number = a
        if c["try"] != number:
            return
        c["try"] += 1
        if c["try"] >= 3:
            return
        wait = random.uniform(0, 10.0 * 2 ** c["try"]) if jitter else 0.0
        return [(t + wait, lambda t, c: send(t, c), c)]

    run([(random.expovariate(40.0), 0, call, None)], 80.0)
    return answered["before"] / 10, answered["after"] / 20


if __name__ == "__main__":
    random.seed(1)
    print("simulation,policy,metric,mean,standard_error,trials")
    for name, backoff in BACKOFFS.items():
        trials = [occ(100, backoff) for _ in range(300)]
        summary("occ-100", name, "completion_s", [t / 1000 for t, _ in trials])
        summary("occ-100", name, "attempts", [w for _, w in trials])
    for x in (0.05, 0.2, 0.5):
        for strategy in ("none", "three", "adaptive", "breaker"):
            trials = [retries(x, strategy) for _ in range(12)]
            summary(f"retries-{x}", strategy, "success_ratio", [s for s, _ in trials])
            summary(f"retries-{x}", strategy, "attempts_per_call", [a for _, a in trials])
    for name, jitter in (("at-once", False), ("jittered", True)):
        trials = [collapse(jitter) for _ in range(60)]
        summary("collapse", name, "before_per_s", [b for b, _ in trials])
        summary("collapse", name, "after_per_s", [a for _, a in trials])
