"""Registers a web hook. tenacity 9: waits can be added up."""
from tenacity import retry, stop_after_attempt, wait_fixed, wait_random

from downstream import call

TRIES = 4


@retry(stop=stop_after_attempt(TRIES), wait=wait_fixed(2) + wait_random(0, 1.5))
def run():
    return call("POST /hooks")
