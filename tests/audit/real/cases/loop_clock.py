"""Joins a room; the clock ends it."""
import time

from downstream import Unavailable, call

PATIENCE = 20


def run():
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return call("POST /rooms/3/join")
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.75)
