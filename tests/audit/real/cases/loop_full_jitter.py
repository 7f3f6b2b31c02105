"""Claims a voucher."""
import random
import time

from downstream import Unavailable, call

BASE, CAP = 0.1, 2.0


def run():
    attempt = 0
    while True:
        try:
            return call("POST /vouchers/claim")
        except Unavailable:
            attempt += 1
            if attempt >= 8:
                raise
            time.sleep(random.uniform(0, min(CAP, BASE * 2 ** attempt)))
