"""Reads a table's schema. google-api-core 2: full jitter, the clock ends it."""
from google.api_core import retry as retries

from downstream import Unavailable, call

RETRY = retries.Retry(
    predicate=retries.if_exception_type(Unavailable),
    initial=0.5,
    maximum=8.0,
    multiplier=2.0,
    timeout=60.0,
)


@RETRY
def run():
    return call("GET /tables/events")
