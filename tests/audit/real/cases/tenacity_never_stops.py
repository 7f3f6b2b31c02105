"""Announces this node. tenacity 9: a wait, but nothing that stops."""
from tenacity import retry, wait_exponential

from downstream import call


@retry(wait=wait_exponential(multiplier=0.25, max=15))
def run():
    return call("PUT /nodes/self")
