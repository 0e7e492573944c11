"""What a part of an app needs that opens nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def nothing_to_open() -> AsyncIterator[None]:
    yield


async def ready() -> None:
    """Always."""
