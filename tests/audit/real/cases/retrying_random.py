"""Draws a lottery number. retrying 1.4."""
import retrying

from downstream import call


@retrying.retry(wait_random_min=1000, wait_random_max=2500, stop_max_attempt_number=5)
def run():
    return call("GET /draw")
