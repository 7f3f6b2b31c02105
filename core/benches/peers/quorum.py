"""The workload of benches/quorum.rs in numpy, on one core: N = 3, R = W = 1, one t.

    python3 benches/peers/quorum.py
"""

import sys
import time

try:
    import numpy as np
except ImportError:
    sys.exit("skipped: numpy is not installed")

N, TRIALS, BLOCK, T = 3, 1 << 20, 1 << 16, 1.0


def block(rng):
    w, a, r, s = (rng.exponential(size=(N, BLOCK)) for _ in range(4))
    commit = (w + a).min(axis=0)
    first = (r + s).argmin(axis=0)
    each = np.arange(BLOCK)
    return int((w[first, each] > commit + T + r[first, each]).sum())


rng = np.random.default_rng(1)
times = []
for turn in range(7):
    start = time.perf_counter()
    stale = sum(block(rng) for _ in range(TRIALS // BLOCK))
    times.append(time.perf_counter() - start)
median = sorted(times)[len(times) // 2]
print(f"numpy {np.__version__}: {TRIALS / median / 1e6:.2f} million/s, p = {stale / TRIALS:.4f}")
