import asyncio
import os
from pathlib import Path

from msgspec.structs import replace

from shared.model.records import body_key
from shared.ports import Outgoing
from shared.sqlite.bodies import INCOMING
from shared.sqlite.sweeper import Sweeper
from tests.contract.build import Builder
from tests.fakes.clock import FakeClock
from tests.key_records import a_new_key
from tests.unit.shared.sqlite.rig import opened, settings_of

_DAY_SECONDS = 86_400


async def test_what_has_expired_is_deleted_and_all_else_is_kept(tmp_path: Path) -> None:
    clock, make = FakeClock(), Builder()
    now = clock.wall_ms() // 1000
    async with opened(tmp_path, clock) as backend:
        store = await backend.event_store()
        old = [make.event(expires_at=now) for _ in range(3)]
        kept = make.event(expires_at=now + 1)
        await store.insert_events([*old, kept])
        expired, current = (
            replace(make.guard(), expires_at=now),
            replace(make.guard(), expires_at=now + 2 * _DAY_SECONDS),
        )
        await store.insert_guards([expired, current])
        assert await store.erase(current, replace(current, erased_at=1))  # two tombstones, for a day
        buried = make.place(current.position)

        assert await Sweeper(backend, settings_of(tmp_path), clock).sweep() == 4

        assert await store.read_events([*(event.place for event in old), kept.place]) == [None] * 3 + [kept]
        assert [await store.read_guard(one.identity) is None for one in (expired, current)] == [True, False]
        assert await store.read_events([buried]) != [None]
        clock.advance(_DAY_SECONDS)
        assert await Sweeper(backend, settings_of(tmp_path), clock).sweep() == 3
        assert await store.read_events([buried]) == [None]


async def test_more_rows_than_a_transaction_takes_are_all_deleted(tmp_path: Path) -> None:
    clock, make = FakeClock(), Builder()
    async with opened(tmp_path, clock) as backend:
        store = await backend.event_store()
        events = [make.event(expires_at=1) for _ in range(700)]
        await store.insert_events(events)

        assert await Sweeper(backend, settings_of(tmp_path), clock).sweep() == 700
        assert await store.read_events([event.place for event in events[::100]]) == [None] * 7


async def test_messages_are_kept_for_fourteen_days_in_each_queue(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as backend:
        queue, dlq = await backend.queue(), await backend.dlq()
        sweeper = Sweeper(backend, settings_of(tmp_path), clock)
        await queue.send([Outgoing(body="a"), Outgoing(body="b")])
        clock.advance(13 * _DAY_SECONDS)
        await queue.send([Outgoing(body="c")])
        for _ in range(7):  # one delivery of "b", five of "a", and one that finds those used up
            await queue.receive(limit=1, wait_seconds=0, visibility_seconds=0)
        assert await dlq.backlog() == 1

        clock.advance(_DAY_SECONDS)
        assert await sweeper.sweep() == 1
        assert (await queue.backlog(), await dlq.backlog()) == (1, 1)
        clock.advance(13 * _DAY_SECONDS)
        assert await sweeper.sweep() == 2


async def test_body_files_are_deleted_by_their_age(tmp_path: Path) -> None:
    clock, settings = FakeClock(), settings_of(tmp_path)
    now = clock.wall_ms() // 1000
    kept_seconds = (2 * settings.event_ttl_days + 1) * _DAY_SECONDS
    async with opened(tmp_path, clock) as backend:
        bodies = await backend.bodies()
        await bodies.put(body_key("acme", "old"), b"{}")
        [old] = [path for path in (tmp_path / "bodies").rglob("*") if path.is_file()]
        await bodies.put(body_key("acme", "new"), b"{}")
        unfinished = tmp_path / "bodies" / INCOMING / "unfinished"
        unfinished.write_bytes(b"{")
        for path in (tmp_path / "bodies").rglob("*"):
            if path.is_file():
                os.utime(path, (now, now))
        os.utime(old, (now - kept_seconds, now - kept_seconds))
        os.utime(unfinished, (now - _DAY_SECONDS, now - _DAY_SECONDS))

        assert await Sweeper(backend, settings, clock).sweep() == 2

        assert not old.exists()
        assert not unfinished.exists()
        assert await bodies.get(body_key("acme", "new")) == b"{}"


async def test_buckets_that_are_long_full_are_deleted(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as backend:
        budget, key = await backend.budget(), a_new_key()
        await budget.take(key, least=1, most=1, now_ms=clock.wall_ms(), full_us=0)
        sweeper = Sweeper(backend, settings_of(tmp_path), clock)

        assert await sweeper.sweep() == 0
        clock.advance(2 * 3600)
        assert await sweeper.sweep() == 1


async def test_the_backend_sweeps_until_cancelled(tmp_path: Path) -> None:
    clock, make = FakeClock(), Builder()
    async with opened(tmp_path, clock) as backend:
        store = await backend.event_store()
        event = make.event(expires_at=1)
        await store.insert_events([event])
        running = asyncio.create_task(backend.maintain())

        async with asyncio.timeout(20):
            while await store.read_events([event.place]) != [None]:  # noqa: ASYNC110 - nothing reports it
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
