"""Refunds, by a provider over HTTP."""

import random
import time

import requests

PROVIDER = "https://provider.example"


def refund(order):
    """Gives an order's money back; where the answer is lost it is asked for again."""
    for attempt in range(2):
        try:
            answer = requests.post(
                f"{PROVIDER}/refunds",
                json={"order": order.id, "amount": order.total},
                timeout=2,
            )
            answer.raise_for_status()
            return answer.json()
        except requests.RequestException:
            if attempt == 1:
                raise
            time.sleep(random.uniform(0, 0.5))
