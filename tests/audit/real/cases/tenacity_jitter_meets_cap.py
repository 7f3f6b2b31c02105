"""Uploads a page of a report. tenacity 9: the cap comes after the jitter."""
import tenacity as t

from downstream import call

MAX_WAIT = 6


@t.retry(wait=t.wait_exponential_jitter(multiplier=0.5, max=MAX_WAIT, jitter=3), stop=t.stop_after_attempt(7))
def run():
    return call("PUT /reports/7/pages/2")
