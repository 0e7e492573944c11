from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from shared.aws.layout_store import DynamoLayoutStore
from shared.clock import SystemClock
from shared.layout_ports import LayoutStore
from shared.memory.layout_store import MemoryLayoutStore
from shared.model.errors import Unavailable
from shared.model.layout import InboxName, Layout
from shared.settings import Settings
from tests.contract.build import Builder, aws_of


@pytest.fixture
async def layouts(table: Settings | None) -> AsyncIterator[LayoutStore]:
    """A layout that may have been written before: all tests share one table."""
    if table is None:
        yield MemoryLayoutStore(SystemClock())
        return
    if table.backend == "sqlite":
        pytest.skip("on SQLite each inbox has one shard")
    async with aws_of(table).dynamodb_once() as client:
        yield DynamoLayoutStore(client, table.dynamodb_table_events)


def _next(layout: Layout, make: Builder) -> Layout:
    scaled = layout.scaled(InboxName(make.tenant, "a#b%ü"), 4, 1_800_000_000_000)
    return replace(scaled, version=layout.version + 1, kept_ms=61 * 86_400_000)


async def test_a_layout_that_was_written_is_read(layouts: LayoutStore, make: Builder) -> None:
    before = (await layouts.read()).layout
    written = _next(before, make)

    assert await layouts.write(written)

    assert (await layouts.read()).layout == written


async def test_a_reading_has_the_time_of_the_table(layouts: LayoutStore) -> None:
    began_ms = SystemClock().wall_ms()

    table_ms = (await layouts.read()).table_ms

    assert table_ms is None or began_ms - 1000 <= table_ms <= SystemClock().wall_ms()


async def test_only_the_next_version_is_written(layouts: LayoutStore, make: Builder) -> None:
    layout = _next((await layouts.read()).layout, make)
    assert await layouts.write(layout)

    for version in (layout.version - 1, layout.version, layout.version + 2):
        assert not await layouts.write(replace(layout, version=version, inboxes={}))

    assert (await layouts.read()).layout == layout


async def test_a_layout_without_its_table_is_unavailable(deployment: Settings, make: Builder) -> None:
    async with aws_of(deployment).dynamodb_once() as client:
        store = DynamoLayoutStore(client, "no-such-table")

        with pytest.raises(Unavailable):
            await store.read()
        with pytest.raises(Unavailable):
            await store.write(_next(Layout(), make))
