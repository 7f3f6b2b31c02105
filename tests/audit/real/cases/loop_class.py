"""A client of the address book that knows its own waits."""
import time

from downstream import Unavailable, call


class AddressBook:
    MAX_RETRIES = 3
    BACKOFF = [0.5, 1, 3]

    def find(self, name):
        retries = 0
        while True:
            try:
                return call("GET /addresses", name)
            except Unavailable:
                if retries >= self.MAX_RETRIES:
                    raise
                time.sleep(self.BACKOFF[retries])
                retries += 1


def run():
    return AddressBook().find("Ada")
