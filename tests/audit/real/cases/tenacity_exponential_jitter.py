"""Reads a customer's open orders. tenacity 9."""
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from downstream import Unavailable, call


@retry(
    retry=retry_if_exception_type(Unavailable),
    stop=stop_after_attempt(5),
    wait=wait_exponential_jitter(initial=1, max=30, jitter=1),
    reraise=True,
)
def run():
    return call("GET /orders?state=open")
