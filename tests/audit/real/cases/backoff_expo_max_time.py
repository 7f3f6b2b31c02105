"""Pulls a feed. backoff 2: no count, the clock ends it."""
import backoff

from downstream import Unavailable, call

MAX_TIME = 45


@backoff.on_exception(backoff.expo, Unavailable, max_value=8, max_time=MAX_TIME)
def run():
    return call("GET /feed.xml")
