"""Fetches an exchange rate. tenacity 9: min lifts the first waits to 4 s."""
from tenacity import retry, stop_after_attempt, wait_exponential

from downstream import call


@retry(stop=stop_after_attempt(6), wait=wait_exponential(multiplier=1, min=4, max=10))
def run():
    return call("GET /rates/EUR")
