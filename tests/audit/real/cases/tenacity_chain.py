"""Confirms a booking. tenacity 9: the last wait of the chain stays."""
from tenacity import Retrying, stop_after_attempt, wait_chain, wait_fixed

from downstream import call


def run():
    retrying = Retrying(
        stop=stop_after_attempt(6),
        wait=wait_chain(wait_fixed(1), wait_fixed(1), wait_fixed(5)),
    )
    return retrying(call, "POST /bookings/9/confirm")
