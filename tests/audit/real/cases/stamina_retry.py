"""Books a courier. stamina 26."""
import stamina

from downstream import Unavailable, call


@stamina.retry(on=Unavailable, attempts=6, timeout=None, wait_initial=0.2, wait_max=2.0, wait_jitter=0.5)
def run():
    return call("POST /couriers")
