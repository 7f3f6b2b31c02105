"""Reserves stock. backoff 2: base is the multiplier, factor the first wait."""
from backoff import expo, on_exception

from downstream import Unavailable, call


@on_exception(expo, (Unavailable, TimeoutError), base=3, factor=0.2, max_tries=5, jitter=None)
def run():
    return call("POST /stock/reserve")
