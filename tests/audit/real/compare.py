"""Holds what `audit` reads in the cases against what the harnesses saw happen.

    compare.py BINARY CASES OBSERVED.json…
    compare.py --observe OBSERVED.json…      only says what was seen

A reading is right if the attempts agree, every delay that was seen can be drawn from the
policy, and what was seen fills the interval that it claims and has its mean: too wide a
reading is as wrong as too narrow a one.
"""

import json
import math
import random
import re
import statistics
import subprocess
import sys
from functools import cache
from itertools import count
from pathlib import Path

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
ALMOST_ONE = 1 - 1e-9  # Draws lie below 1; a floor must see that.
# What these draw depends on the draw before, so that one k's interval is rarely filled.
FEEDS_BACK = {"decorrelated", "compounding", "polly"}
# Cases whose law the policy language only comes near to: the interval is right and the
# mean is not. U(min, v) has to be said as max(min, U(0, v)).
ONLY_INTERVALS = {"tenacity_random_exponential_min"}


# --- the policy language --------------------------------------------------------------


@cache
def duration(text):
    parts = re.findall(r"([\d._]+)([a-z]+)", text)
    if not parts or "".join(a + b for a, b in parts) != text:
        raise ValueError(f"`{text}` is no duration")
    return sum(float(number.replace("_", "")) * UNITS[unit] for number, unit in parts)


def factor(text):
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def term(text):
    """`name(a,b=c)` as its name, its arguments in order and those by name, as text."""
    match = re.fullmatch(r"([a-z-]+)(?:\((.*)\))?", text.strip(), re.S)
    if not match:
        raise ValueError(f"`{text}` cannot be read")
    name, inside = match.groups()
    depth, parts = 0, [""]
    for c in inside or "":
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    parts = [p.strip() for p in parts if p.strip()]
    named = dict(p.split("=", 1) for p in parts if re.match(r"[a-z_]+=", p))
    return name, [p for p in parts if not re.match(r"[a-z_]+=", p)], named


class Policy:
    def __init__(self, fields):
        for name in ("attempts", "backoff", "jitter"):
            if fields.get(name) is None and not (name != "attempts" and fields.get("attempts") == 1):
                raise ValueError(f"{name} not read")
        attempts = fields["attempts"]
        self.attempts = math.inf if attempts == "unlimited" else int(attempts)
        self.backoff, self.order, self.named = term(fields.get("backoff") or "none")
        self.jitter, self.jitter_order, jitter_named = term(fields.get("jitter") or "none")
        self.jitter_order += jitter_named.values()
        optional = lambda name: fields[name] and duration(fields[name]) if name in fields else None
        self.deadline, self.first, self.at_least = map(optional, ("deadline", "first", "at_least"))
        self.cap_after = fields.get("cap_after") or False
        self.budget = bool(fields.get("budget"))
        self.quantum = None
        if fields.get("quantum"):
            text = fields["quantum"]
            kind, unit, _ = ("floor", [text], {}) if text[0].isdigit() else term(text)
            self.quantum = kind, duration(unit[0])
        self.cap = duration(self.named["cap"]) if "cap" in self.named else math.inf

    def argument(self, name, at):
        return self.named[name] if name in self.named else self.order[at]

    def level(self, k, draw):
        """The backoff before retry k, before its cap and its jitter."""
        if self.backoff == "none":
            return 0.0
        if self.backoff == "fixed":
            return duration(self.argument("delay", 0))
        if self.backoff == "linear":
            return duration(self.argument("step", 0)) * k
        if self.backoff == "exponential":
            multiplier = float(self.named.get("multiplier", 2))
            start = self.named.get("exponent_from", "0")
            power = multiplier ** (k - 1 if start == "0" else k)
            return self.base() * (power - 1 if start == "less-one" else power)
        if self.backoff == "polynomial":
            power = int(self.argument("power", 2))
            return duration(self.argument("offset", 0)) + duration(self.argument("step", 1)) * (k - 1) ** power
        if self.backoff == "table":
            return duration(self.order[min(k, len(self.order)) - 1])
        if self.backoff == "random":
            law, (low, high), _ = term(self.argument("law", 0))
            if law == "uniform":
                return duration(low) + (duration(high) - duration(low)) * draw()
        raise ValueError(f"unknown backoff `{self.backoff}`")

    def base(self):
        return duration(self.argument("base", 0))

    def jittered(self, k, v, last, draw):
        """v with its jitter; `last` is the delay before, which some of them feed on."""
        arguments = self.jitter_order
        # An integer draw with both ends reaches one unit further.
        reach = self.quantum[1] if self.quantum and self.quantum[0] == "inclusive" else 0.0
        if self.jitter == "none":
            return v
        if self.jitter == "full":
            return (v + reach) * draw()
        if self.jitter == "equal":
            return v / 2 + (v / 2 + reach) * draw()
        if self.jitter == "proportional":
            f = factor(arguments[0])
            return v * (1 - f + 2 * f * draw())
        if self.jitter == "scale":
            low, high = map(factor, arguments)
            return v * (low + (high - low) * draw())
        if self.jitter == "additive":
            return v + (duration(arguments[0]) + reach) * draw()
        if self.jitter == "growing":
            return v + (duration(arguments[0]) * k + reach) * draw()
        base = self.base()
        if self.jitter == "decorrelated":
            return min(self.cap, base + (3 * (last or base) - base) * draw())
        if self.jitter == "compounding":
            f = factor(arguments[0])
            grown = float(self.named.get("multiplier", 2)) * last if last else base
            return min(self.cap, grown * (1 - f + 2 * f * draw()))
        raise ValueError(f"unknown jitter `{self.jitter}`")

    def delays(self, retries, draw):
        """The delays before retries 1, 2, …, with uniform draws from `draw`."""
        last, before, out = None, 0.0, []
        for k in range(1, retries + 1):
            v = self.level(k, draw)
            if self.cap_after is not True:
                v = min(v, self.cap)
            if self.jitter == "polly":
                t = k - 1 + draw()
                now = 2**t * math.tanh(math.sqrt(4 * t))
                d, before = min(self.cap, self.base() * (now - before) / 1.4), now
            else:
                d = last = self.jittered(k, v, last, draw)
            if self.cap_after:
                d = min(d, self.cap)
            if self.quantum:
                kind, unit = self.quantum
                whole = d / unit
                # 0.3 / 0.1 is a hair below 3.
                whole = round(whole) if abs(whole - round(whole)) < 1e-10 else whole
                rounding = {"ceil": math.ceil, "nearest": lambda x: math.floor(x + 0.5)}
                d = unit * rounding.get(kind, math.floor)(whole)
            d = max(d, self.at_least or 0.0)
            out.append(self.first if k == 1 and self.first is not None else d)
        return out

    def bounds(self, retries):
        low = self.delays(retries, lambda: 0.0)
        high = self.delays(retries, lambda: ALMOST_ONE)
        if self.jitter == "polly":
            # Longest where this draw is high and the one before was low.
            low = [0.0] * retries
            for k in range(retries):
                draws = iter([0.0] * k + [ALMOST_ONE])
                high[k] = self.delays(k + 1, lambda: next(draws))[k]
        return list(zip(low, high))


# --- the comparison -------------------------------------------------------------------


def waits(run):
    return [start - end for start, end in zip(run["starts"][1:], run["ends"])]


def near(seconds):
    return 1e-6 * max(seconds, 1e-3)


def wrong(policy, runs, means=True):
    """The first thing that the policy gets wrong, or nothing."""
    fewest, most = extremes(len(run["starts"]) for run in runs)
    bounds = policy.bounds(most)
    deadline = policy.deadline
    for run in runs:
        attempts, starts, ends = len(run["starts"]), run["starts"], run["ends"]
        if run["stopped"]:
            # So many short waits may come before a deadline.
            if policy.attempts < math.inf or deadline and ends[-1] > deadline:
                return "read an end; really there is none"
            continue
        # A bucket that is used up ends a call early.
        if attempts == policy.attempts or policy.budget and attempts < policy.attempts:
            pass
        elif attempts > policy.attempts:
            return f"read {policy.attempts} attempts; really {span(fewest, most)}"
        elif not deadline:
            return f"read {policy.attempts} attempts and no deadline; really {span(fewest, most)} attempts"
        # Some look at the clock before the wait, some after it, some shorten it.
        elif deadline > ends[-1] + bounds[attempts - 1][1] + near(deadline):
            return f"read a deadline of {deadline:g} s; really over after {ends[-1]:.3g} s"
        if deadline and attempts > 1 and starts[-2] > deadline + near(deadline):
            return f"read a deadline of {deadline:g} s; really an attempt at {starts[-2]:.3g} s was retried"

    samples = [policy.delays(most, random.Random(i).random) for i in range(1000)]
    for k in range(most - 1):
        low, high = bounds[k]
        seen, cut = [], False
        for run in runs:
            if len(waits(run)) <= k:
                continue
            wait = waits(run)[k]
            shortened = deadline and wait < low and run["starts"][k + 1] > deadline - near(deadline)
            cut |= bool(shortened)
            if not shortened:
                seen.append(wait)
        if not seen:
            continue
        shortest, longest = extremes(seen)
        told = f"read {span(low, high)} s before retry {k + 1}; really {span(shortest, longest)} s"
        if shortest < low - near(low) or longest > high + near(high):
            return told
        # Where the clock ended some runs, the rest are no fair sample.
        if cut or len(seen) < len(runs):
            continue
        if policy.jitter not in FEEDS_BACK and longest - shortest < 0.9 * (high - low) - near(high):
            return told
        drawn = [sample[k] for sample in samples]
        error = statistics.pstdev(drawn) * math.sqrt(1 / len(seen) + 1 / len(drawn))
        mean, real = statistics.fmean(drawn), statistics.fmean(seen)
        if means and abs(mean - real) > 5 * error + near(high):
            return f"{told}, of mean {mean:.3g} s; really of mean {real:.3g} s"
    return None


def audit(binary, path):
    done = subprocess.run(
        [binary, "audit", str(path), "--read-only", "--format", "json"],
        capture_output=True, text=True, timeout=60,
    )
    if done.returncode:
        raise ValueError(f"audit ended with {done.returncode}: {done.stderr.strip()[:200]}")
    return json.loads(done.stdout)


def judge(binary, path, runs):
    try:
        read = audit(binary, path)
        sites = [site for site in read["sites"] if site["seam"] == "retry"]
        if len(sites) != 1:
            return f"read {len(sites)} retry sites; really there is one"
        error = wrong(Policy(sites[0]["policy"]), runs, path.stem.split("__")[0] not in ONLY_INTERVALS)
        if error:
            return error
        told = any(f["id"] == "HS113" and f["site"] == sites[0]["id"] for f in read["findings"])
        if told != any(waits_in_vain(run) for run in runs):
            return f"a wait after the last attempt: {'read' if told else 'not read'}; really {'none' if told else 'there'}"
    except (ValueError, KeyError, IndexError, TypeError, OSError, subprocess.TimeoutExpired) as error:
        return f"{error}" if isinstance(error, ValueError) else f"{error!r}"
    return None


def waits_in_vain(run):
    return not run["stopped"] and run["finish"] > run["ends"][-1] + 1e-9


# --- what is printed ------------------------------------------------------------------


def extremes(values):
    values = list(values)
    return min(values), max(values)


def span(low, high):
    return f"{low:.4g}" if high - low <= near(high) else f"{low:.4g}..{high:.4g}"


def attempts_of(runs):
    if all(run["stopped"] for run in runs):
        return "no end"
    return f"{span(*extremes(len(run['starts']) for run in runs))} attempts"


def summary(runs):
    every = [wait for run in runs for wait in waits(run)]
    if not every or max(every) == 0:
        return f"{attempts_of(runs)}, no delays"
    return f"{attempts_of(runs)}, delays {span(*extremes(every))} s"


def table(name, runs):
    columns = []
    for k in count():
        column = [waits(run)[k] for run in runs if len(waits(run)) > k]
        if not column or k == 12:
            break
        columns.append(span(*extremes(column)))
    notes = []
    if any(waits_in_vain(run) for run in runs):
        notes.append("waits after the last")
    if len({len(run["starts"]) for run in runs}) > 1 or not runs[0]["starts"]:
        notes.append(f"over after {span(*extremes(run['finish'] for run in runs))} s")
    return f"{name:36} {attempts_of(runs):16} {'  '.join(columns)}{''.join(f'  ({n})' for n in notes)}"


def main():
    if sys.argv[1] == "--observe":
        for file in sys.argv[2:]:
            for name, runs in json.loads(Path(file).read_text()).items():
                print(table(name, runs))
        return 0
    binary, cases = sys.argv[1], Path(sys.argv[2])
    observed = {}
    for file in sys.argv[3:]:
        observed |= json.loads(Path(file).read_text())
    agree = 0
    for name, runs in sorted(observed.items()):
        error = judge(binary, cases / name, runs)
        agree += error is None
        stem = name.rsplit(".", 1)[0]
        print(f"ok    {stem}  {summary(runs)}" if error is None else f"WRONG {stem}  {error}", flush=True)
    print(f"{agree} of {len(observed)} real-library cases agree")
    return 0 if agree == len(observed) else 1


if __name__ == "__main__":
    sys.exit(main())
