"""Subscribes to a topic, asynchronously."""
import asyncio
import random

from downstream import Unavailable, acall


async def run(max_retries: int = 4):
    for attempt in range(max_retries + 1):
        try:
            return await acall("SUBSCRIBE prices")
        except Unavailable:
            if attempt == max_retries:
                raise
            await asyncio.sleep(2 ** attempt + random.random())
