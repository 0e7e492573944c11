import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from shared.settings import Settings
from tests.unit.ingest import publishing
from tests.unit.ingest.publishing import Make
from tests.unit.ingest.serving import World


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    worlds: list[publishing.World] = []

    def make(**changes: object) -> publishing.World:
        worlds.append(publishing.World(replace(Settings(), **changes)))
        return worlds[-1]

    yield make
    for world in worlds:
        world.queue.unblocked.set()
        await world.publisher.aclose()
        await asyncio.gather(*world.tasks, return_exceptions=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World().serving() as world:
        yield world
