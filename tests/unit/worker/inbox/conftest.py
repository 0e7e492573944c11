from collections.abc import AsyncIterator

import pytest

from tests.unit.worker.inbox.serving import Served


@pytest.fixture
async def world() -> AsyncIterator[Served]:
    async with Served().serving() as world:
        yield world
