"""Fetches a user's profile."""
import logging
import time

from downstream import Unavailable, call

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
DELAY = 2.0


def run():
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return call("GET /users/1")
        except Unavailable:
            if attempt == MAX_ATTEMPTS:
                raise
            log.info("attempt %d of %d failed", attempt, MAX_ATTEMPTS)
            time.sleep(DELAY)
