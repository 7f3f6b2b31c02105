"""Reads a feature flag. tenacity 9: the window opens at min, and its first has no width."""
from tenacity import retry, stop_after_attempt, wait_random_exponential

from downstream import call


@retry(wait=wait_random_exponential(min=1, max=20), stop=stop_after_attempt(5))
def run():
    return call("GET /flags/new-checkout")
