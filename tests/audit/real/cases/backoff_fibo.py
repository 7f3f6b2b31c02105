"""Looks an address up. backoff 2."""
import backoff

from downstream import Unavailable, call


@backoff.on_exception(backoff.fibo, Unavailable, max_tries=7, jitter=None)
def run():
    return call("GET /geocode")
