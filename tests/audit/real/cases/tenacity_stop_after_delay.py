"""Waits for the ledger's answer. tenacity 9: whichever stop comes first."""
from datetime import timedelta

from tenacity import retry, stop_after_attempt, stop_after_delay, wait_fixed

from downstream import call


@retry(stop=stop_after_delay(timedelta(seconds=30)) | stop_after_attempt(12), wait=wait_fixed(timedelta(seconds=1)))
def run():
    return call("GET /ledger/4711")
