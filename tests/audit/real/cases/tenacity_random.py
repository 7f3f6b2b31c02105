"""Takes a number from the ticket service. tenacity 9."""
from tenacity import retry, stop_after_attempt, wait_random

from downstream import call


@retry(stop=stop_after_attempt(4), wait=wait_random(min=1, max=3))
def run():
    return call("POST /tickets")
