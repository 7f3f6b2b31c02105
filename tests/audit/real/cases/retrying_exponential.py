"""Opens an account. retrying 1.4: the first wait is already twice the multiplier."""
from retrying import retry

from downstream import call


@retry(
    wait_exponential_multiplier=500,
    wait_exponential_max=10000,
    stop_max_attempt_number=7,
)
def run():
    return call("POST /accounts")
