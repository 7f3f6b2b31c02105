"""Publishes a document. google-api-core 2 with its defaults."""
import requests
from google.api_core.retry import Retry


@Retry()
def run():
    return requests.post("http://docs.internal/publish", json={"id": 7}, timeout=10)
