"""Prints a delivery note. retrying 1.4, milliseconds."""
from retrying import retry

from downstream import call


@retry(stop_max_attempt_number=4, wait_fixed=2000, wait_jitter_max=800)
def run():
    return call("POST /print")
