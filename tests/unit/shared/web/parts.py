"""What a part of an app needs that opens nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.ports import Backend


@asynccontextmanager
async def nothing_to_open(_: Backend) -> AsyncIterator[None]:
    yield


async def ready() -> None:
    """Always."""
