import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from shared.model.errors import Unavailable
from shared.model.position import FIRST
from shared.model.records import Outcome
from shared.sqlite import event_rows
from shared.sqlite.schema import open_writer
from tests.contract.build import END, Builder
from tests.unit.shared.sqlite.rig import opened


async def test_a_reader_sees_what_another_process_stores_after_it_opened(tmp_path: Path) -> None:
    make = Builder()
    async with opened(tmp_path) as reading, opened(tmp_path) as writing:
        reader = await reading.event_reader()
        assert (await reader.query(make.place(FIRST), shard=0, before=END, limit=10)).events == []
        mark, event = reader.mark(), make.event()

        assert await (await writing.event_store()).insert_events([event]) == [Outcome.DONE]

        async with asyncio.timeout(10):
            await reader.wait_for_change(mark, 20_000)
        assert (await reader.query(make.place(FIRST), shard=0, before=END, limit=10)).events == [event]


async def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    guard, event = Builder().guard(), Builder().event()
    async with opened(tmp_path) as backend:
        store = await backend.event_store()
        await store.insert_guards([guard])
        await store.insert_events([event])

    async with opened(tmp_path) as backend:
        store = await backend.event_store()
        assert await store.read_guard(guard.identity) == guard
        assert await store.read_events([event.place]) == [event]


async def test_a_data_directory_that_can_not_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with opened(tmp_path / "file" / "data") as backend:
        for open_ in (backend.queue, backend.event_reader, backend.keys, backend.bodies):
            with pytest.raises(Unavailable):
                await open_()


async def test_a_query_stops_at_a_megabyte_of_bodies(tmp_path: Path) -> None:
    make = Builder()
    events = [make.event(make.place(place), body=b"x" * 300_000) for place in make.positions(10, shard=0)]
    async with opened(tmp_path) as backend:
        store = await backend.event_store()
        await store.insert_events(events)

        found = await store.query(make.place(FIRST), shard=0, before=END, limit=100)

    assert found.events == events[:4]
    assert found.stopped_at == found.scanned_to == events[3].place.position


async def test_a_value_that_sqlite_never_takes_is_refused_alone(tmp_path: Path) -> None:
    make = Builder()
    good, bad = make.guard(), make.guard(make.identity(event_id="\ud800"))
    async with opened(tmp_path) as backend:
        store = await backend.event_store()

        assert await store.insert_guards([good, bad]) == [Outcome.DONE, Outcome.REFUSED]

        assert await store.read_guard(good.identity) == good


async def test_a_file_whose_inboxes_had_shards_is_converted(tmp_path: Path) -> None:
    make = Builder()
    events = [make.event() for _ in range(20)]
    path = tmp_path / "events.db"
    with closing(open_writer(path, event_rows.MIGRATIONS[:1])) as db:
        for event in events:
            place = event.place
            shard = int(place.position[-2:], 16) % 4
            key = (place.tenant, place.inbox, place.delivered, shard, place.position)
            row = (*key, event.type, event.accepted_at, event.expires_at, None, None, None, event.body)
            db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    async with opened(tmp_path) as backend:
        reader = await backend.event_reader()
        assert (await reader.query(make.place(FIRST), shard=0, before=END, limit=100)).events == events
        assert await reader.read_events([event.place for event in events]) == events
