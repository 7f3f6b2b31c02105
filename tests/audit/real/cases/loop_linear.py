"""Uploads a photo."""
import time

from downstream import Unavailable, call

RETRIES = 3


def run():
    for attempt in range(1, RETRIES + 2):
        try:
            return call("PUT /photos/77")
        except Unavailable:
            if attempt > RETRIES:
                raise
        time.sleep(attempt * 0.6)
