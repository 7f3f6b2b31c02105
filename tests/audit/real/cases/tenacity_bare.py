"""Loads the price list. tenacity 9: a bare decorator neither stops nor waits."""
from tenacity import retry

from downstream import call


@retry
def run():
    return call("GET /prices")
