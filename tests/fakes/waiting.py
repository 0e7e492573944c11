"""Waiting for other tasks and threads."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fail after 30 seconds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - conditions of fakes, some of them set by threads
            await asyncio.sleep(0.001)
