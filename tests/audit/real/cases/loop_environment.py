"""Fetches a schedule; how often it tries is set from outside, four times if not."""
import os
import time

from downstream import Unavailable, call

ATTEMPTS = int(os.environ.get("SCHEDULE_ATTEMPTS", "4"))
PAUSE = float(os.getenv("SCHEDULE_PAUSE_SECONDS", "1.25"))


def run():
    for attempt in range(ATTEMPTS):
        try:
            return call("GET /schedule")
        except Unavailable:
            if attempt + 1 >= ATTEMPTS:
                raise
            time.sleep(PAUSE)
