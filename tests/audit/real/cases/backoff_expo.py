"""Sends a metric. backoff 2: full jitter unless told otherwise."""
import backoff

from downstream import Unavailable, call


@backoff.on_exception(backoff.expo, Unavailable, max_tries=6, max_value=10)
def run():
    return call("POST /metrics")
