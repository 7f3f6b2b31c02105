"""Reads the stock level with a loop of its own round requests 2, which does not retry."""
import time

import requests


def run(sku="A-1", retries=3):
    for attempt in range(retries):
        try:
            response = requests.get(f"http://stock.internal/{sku}", timeout=2)
            response.raise_for_status()
            return response.json()
        except requests.exceptions.RequestException:
            if attempt == retries - 1:
                raise
            time.sleep(1.5)
