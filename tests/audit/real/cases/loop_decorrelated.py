"""Mirrors a package; every wait is drawn from the one before."""
import random
import time

from downstream import Unavailable, call

BASE = 0.5
CAP = 20


def run(attempts=6):
    wait = BASE
    for attempt in range(attempts):
        try:
            return call("GET /packages/left-pad")
        except Unavailable:
            if attempt + 1 == attempts:
                raise
            wait = min(CAP, random.uniform(BASE, wait * 3))
            time.sleep(wait)
