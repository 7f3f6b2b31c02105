"""Renews a lease of a meeting room with a decorator of its own."""
import functools
import time

from downstream import Unavailable, call


def retry(times=3, delay=1.0, factor=2.0):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            pause = delay
            for attempt in range(times):
                try:
                    return function(*args, **kwargs)
                except Unavailable:
                    if attempt == times - 1:
                        raise
                    time.sleep(pause)
                    pause *= factor

        return wrapper

    return decorate


@retry(times=5, delay=0.5)
def run():
    return call("PUT /rooms/2/booking")
