from collections.abc import AsyncIterator

import pytest

from tests.unit.console.serving import Served, served


@pytest.fixture
async def world() -> AsyncIterator[Served]:
    async with served() as world:
        yield world
