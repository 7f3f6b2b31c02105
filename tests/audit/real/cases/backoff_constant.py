"""Checks a coupon. backoff 2: even a constant wait has full jitter by default."""
import backoff

from downstream import Unavailable, call


@backoff.on_exception(backoff.constant, Unavailable, interval=3, max_tries=5)
def run():
    return call("GET /coupons/SPRING")
