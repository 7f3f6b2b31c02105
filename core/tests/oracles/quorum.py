"""P(stale) at the commit when all four delays are exponential of mean 1, as fractions.

A function of x is a sum of c * x**k * exp(-m*x), kept as {(k, m): c}. With U = W + A
and L = R + S both Erlang of order 2, tau the W-th smallest of N-R copies of U and l
the smallest of N-R copies of L,

    P = C(N,R) * E[exp(-R tau)] * E[h(l)^R],  h(l) = P(R+S < l, W' > R), W' exponential,

because P(W > tau + r) = exp(-tau) exp(-r). Where only R replicas are asked,
P = E[exp(-R tau)] * E[exp(-R')]^R = E[exp(-R tau)] / 2^R.

    python3 tests/oracles/quorum.py
"""

from fractions import Fraction as F
from math import comb, factorial


def times(f, g):
    out = {}
    for (k, m), c in f.items():
        for (j, n), d in g.items():
            out[k + j, m + n] = out.get((k + j, m + n), F(0)) + c * d
    return out


def plus(f, g, by=F(1)):
    out = dict(f)
    for key, d in g.items():
        out[key] = out.get(key, F(0)) + by * d
    return out


def power(f, n):
    out = {(0, 0): F(1)}
    for _ in range(n):
        out = times(out, f)
    return out


def integral(f):
    """From 0 to infinity."""
    return sum(c * F(factorial(k), m ** (k + 1)) for (k, m), c in f.items() if c)


ONE = {(0, 0): F(1)}
SURVIVAL = {(0, 1): F(1), (1, 1): F(1)}  # (1 + x) e^-x
DENSITY = {(1, 1): F(1)}  # x e^-x
# h(l) = int_0^l e^-r (1 - e^-(l-r)) e^-r dr = 1/2 - e^-l + e^-2l / 2
H = {(0, 0): F(1, 2), (0, 1): F(-1), (0, 2): F(1, 2)}


def smallest(m, w):
    """Density of the w-th smallest of m Erlangs."""
    cdf = plus(ONE, SURVIVAL, F(-1))
    f = times(times(power(cdf, w - 1), power(SURVIVAL, m - w)), DENSITY)
    return times({(0, 0): F(m * comb(m - 1, w - 1))}, f)


def stale(n, r, w, asks_all=True):
    commit = integral(times(smallest(n - r, w), {(0, r): F(1)}))
    if not asks_all:
        return commit / 2**r
    reach = integral(times(smallest(n - r, 1), power(H, r)))
    return comb(n, r) * commit * reach


if __name__ == "__main__":
    for n, r, w, asks_all in [
        (3, 1, 1, True),
        (3, 1, 2, True),
        (3, 2, 1, True),
        (3, 1, 1, False),
        (2, 1, 1, True),
        (5, 2, 2, True),
        (5, 1, 3, True),
        (7, 3, 2, True),
        (10, 2, 5, True),
        (5, 2, 3, False),
    ]:
        p = stale(n, r, w, asks_all)
        print(f"    ({n}, {r}, {w}, {str(asks_all).lower()}, {p.numerator}.0 / {p.denominator}.0),")
