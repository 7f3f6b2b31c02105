"""Syncs a calendar, asynchronously. tenacity 9."""
from tenacity import AsyncRetrying, stop_after_attempt, wait_incrementing

from downstream import acall


async def run():
    async for attempt in AsyncRetrying(
        stop=stop_after_attempt(5),
        wait=wait_incrementing(start=2, increment=2),
        reraise=True,
    ):
        with attempt:
            return await acall("GET /calendars/12")
