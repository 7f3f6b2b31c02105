"""Reads the weather. stamina 26: ten attempts or 45 s, whichever comes first."""
import stamina

from downstream import Unavailable, call


@stamina.retry(on=Unavailable)
def run():
    return call("GET /weather")
