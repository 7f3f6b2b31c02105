"""Renders a label. backoff 2 with the additive jitter that was once its default."""
import backoff

from downstream import Unavailable, call


@backoff.on_exception(
    backoff.constant,
    Unavailable,
    jitter=backoff.random_jitter,
    interval=2,
    max_tries=4,
)
def run():
    return call("POST /labels")
