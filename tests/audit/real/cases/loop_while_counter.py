"""Asks for a quote."""
from time import sleep

from downstream import Unavailable, call


def run():
    tries, delay = 0, 1
    while tries < 5:
        try:
            return call("GET /quote")
        except Unavailable:
            tries += 1
            if tries == 5:
                raise
            sleep(delay)
            delay *= 3
