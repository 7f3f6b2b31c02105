"""Asks a language model for a summary. tenacity 9."""
from tenacity import retry, stop_after_attempt, wait_random_exponential

from downstream import call

RETRY = dict(wait=wait_random_exponential(multiplier=0.5, max=8), stop=stop_after_attempt(7), reraise=True)


@retry(**RETRY)
def run():
    return call("POST /v1/complete")
