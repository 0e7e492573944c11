"""The groups table, `groups.db` and the groups in memory keep the same promises."""

import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from shared.aws.group_store import DynamoGroupStore
from shared.group_ports import GroupStore
from shared.memory.group_store import MemoryGroupStore
from shared.model import position as positions
from shared.model.groups import (
    GroupConfig,
    GroupName,
    Ledger,
    Quarantined,
    RangeWindow,
    Retry,
    RetryWindow,
    Single,
    Window,
)
from shared.settings import Settings
from tests.contract.build import LATER, NOW_MS, Builder, aws_of, sqlite_backend

CONFIG = GroupConfig(types=("order.*", "ü#%"), max_attempts=3, backoff_min_seconds=1, backoff_max_seconds=9)


@pytest.fixture
async def store(table: Settings | None) -> AsyncIterator[GroupStore]:
    if table is None:
        yield MemoryGroupStore()
        return
    if table.backend == "sqlite":
        async with sqlite_backend(table) as sqlite:
            yield await sqlite.groups()
        return
    async with aws_of(table).dynamodb_once() as client:
        yield DynamoGroupStore(client, table.dynamodb_table_groups)


@pytest.fixture
def group() -> GroupName:
    return GroupName(f"a#b/ü%-{uuid.uuid4().hex}", "orders", "billing")


def a_ledger(born: int = NOW_MS) -> Ledger:
    return Ledger(born=born, epoch=born, serial=0, frontier=positions.FIRST, config=CONFIG, windows={})


def a_range(make: Builder, **fields: Any) -> RangeWindow:
    ends = sorted(positions.to_bytes(make.position()) for _ in range(2))
    return RangeWindow(**{"start": ends[0], "end": ends[1], "until": NOW_MS, "attempt": 1, "handed": 7, **fields})


def a_retry_window(make: Builder) -> RetryWindow:
    at = positions.to_bytes(make.position())
    return RetryWindow(until=NOW_MS, singles=(Single(due=5, at=at, attempt=2, reason="ü"),))


async def created(store: GroupStore, group: GroupName) -> Ledger:
    assert await store.create(group, a_ledger())
    return await found(store, group)


async def found(store: GroupStore, group: GroupName) -> Ledger:
    ledger = await store.read(group)
    assert ledger is not None
    return ledger


async def test_a_ledger_is_read_as_it_was_created(store: GroupStore, group: GroupName) -> None:
    assert await store.read(group) is None
    assert await created(store, group) == a_ledger()


async def test_a_group_is_created_once(store: GroupStore, group: GroupName) -> None:
    await created(store, group)
    assert not await store.create(group, a_ledger(born=5))
    assert (await found(store, group)).born == NOW_MS


async def test_the_groups_of_an_inbox_are_sorted_by_name(store: GroupStore, group: GroupName) -> None:
    for name in ("b", "a-1", "a"):
        await created(store, group._replace(group=name))
    await created(store, group._replace(inbox="order"))
    names = [name.group for name, ledger in await store.groups_of(group.tenant, group.inbox) if ledger == a_ledger()]
    assert names == ["a", "a-1", "b"]


async def test_a_configuration_is_replaced_unless_the_group_is_another(store: GroupStore, group: GroupName) -> None:
    await created(store, group)
    assert await store.configure(group, NOW_MS, GroupConfig())
    assert not await store.configure(group, NOW_MS - 1, CONFIG)
    assert not await store.configure(group._replace(group="none"), NOW_MS, CONFIG)
    assert (await found(store, group)).config == GroupConfig()


async def test_windows_are_opened_while_the_ledger_is_as_it_was_seen(
    store: GroupStore, group: GroupName, make: Builder
) -> None:
    seen, frontier = await created(store, group), make.position()
    window: Window = a_range(make, done=b"abcdef", halvings=1, reason="why", becomes="singles")
    assert await store.open(group, seen, frontier, {"k-1": window})
    assert not await store.open(group, seen, make.position(), {"k_2": window})
    second = await found(store, group)
    assert (second.frontier, second.serial, second.windows) == (frontier, 1, {"k-1": window})
    retries = a_retry_window(make)
    assert await store.open(group, second, frontier, {"k_2": retries})
    assert await store.open(group, await found(store, group), frontier, {})
    assert (await found(store, group)).windows == {"k-1": window, "k_2": retries}


async def test_a_window_is_exchanged_if_it_is_as_it_was_seen(
    store: GroupStore, group: GroupName, make: Builder
) -> None:
    window, other = a_range(make), a_range(make)
    await store.open(group, await created(store, group), make.position(), {"a": window, "b": other})
    extended = replace(window, until=NOW_MS + 5)
    assert await store.exchange(group, "a", window, {"a": extended})
    assert not await store.exchange(group, "a", window, {})
    assert not await store.exchange(group, "none", window, {})
    assert await store.exchange(group, "a", extended, {"c": window, "d": extended})
    assert (await found(store, group)).windows == {"b": other, "c": window, "d": extended}
    assert await store.exchange(group, "c", window, {})
    assert (await found(store, group)).windows == {"b": other, "d": extended}
    assert (await found(store, group)).serial == 1
    assert not await store.exchange(group._replace(group="none"), "d", extended, {})


async def test_a_seek_closes_all_windows_and_refuses_what_was_seen_before(
    store: GroupStore, group: GroupName, make: Builder
) -> None:
    window, frontier = a_range(make), make.position()
    await store.open(group, await created(store, group), make.position(), {"a": window})
    seen = await found(store, group)
    assert await store.seek(group, seen, frontier, NOW_MS + 1)
    assert not await store.seek(group, seen, frontier, NOW_MS + 2)
    assert not await store.exchange(group, "a", window, {"a": window})
    assert not await store.open(group, seen, frontier, {"b": window})
    now = await found(store, group)
    assert (now.frontier, now.epoch, now.windows, now.born) == (frontier, NOW_MS + 1, {}, NOW_MS)
    assert await store.open(group, now, frontier, {"b": window})


async def test_a_group_is_deleted_unless_it_is_another(store: GroupStore, group: GroupName, make: Builder) -> None:
    await store.open(group, await created(store, group), make.position(), {"a": a_range(make)})
    assert not await store.delete(group, NOW_MS - 1)
    assert await store.delete(group, NOW_MS)
    assert not await store.delete(group, NOW_MS)
    assert await created(store, group) == a_ledger()


async def test_retries_are_found_in_the_order_of_their_due_times(
    store: GroupStore, group: GroupName, make: Builder
) -> None:
    first, second, third = (make.position() for _ in range(3))
    retries = [
        Retry(due=NOW_MS + 1, position=first, attempt=2, alone=True, reason="ü"),
        Retry(due=NOW_MS, position=third, attempt=0),
        Retry(due=NOW_MS, position=second, attempt=1),
    ]
    await store.put_retries(group, NOW_MS, retries, LATER)
    await store.put_retries(group, NOW_MS + 1, retries[:1], LATER)
    ordered = [retries[2], retries[1], retries[0]]
    assert await store.retries(group, NOW_MS, limit=10) == ordered
    assert await store.retries(group, NOW_MS, limit=2) == ordered[:2]
    assert await store.retries(group, NOW_MS, limit=9, before=NOW_MS + 1) == ordered[:2]
    assert await store.retries(group, NOW_MS, limit=9, before=NOW_MS) == []
    assert await store.retries(group, NOW_MS, limit=9, after=(NOW_MS, second)) == ordered[1:]
    assert await store.retries(group, NOW_MS, limit=9, before=NOW_MS + 1, after=(NOW_MS, third)) == []


async def test_a_retry_is_replaced_found_and_deleted_by_its_name(
    store: GroupStore, group: GroupName, make: Builder
) -> None:
    position, other = make.position(), make.position()
    await store.put_retries(group, 1, [Retry(due=5, position=position, attempt=1)], LATER)
    again = Retry(due=5, position=position, attempt=2, alone=True)
    await store.put_retries(group, 1, [again], LATER)
    assert await store.find_retries(group, 1, [(5, position), (6, position), (5, other)]) == [again]
    assert await store.find_retries(group, 1, []) == []
    await store.delete_retries(group, 1, [(6, position)])
    assert await store.retries(group, 1, limit=5) == [again]
    await store.delete_retries(group, 1, [(5, position), (5, other)])
    assert await store.retries(group, 1, limit=5) == []


async def test_as_many_rows_as_a_call_may_have(store: GroupStore, group: GroupName, make: Builder) -> None:
    retries = [Retry(due=number, position=make.position(), attempt=1) for number in range(25)]
    await store.put_retries(group, 1, retries, LATER)
    names = [(retry.due, retry.position) for retry in retries]
    assert await store.find_retries(group, 1, names) == retries
    await store.delete_retries(group, 1, names)
    await store.put_retries(group, 1, [], LATER)
    await store.delete_retries(group, 1, [])
    assert await store.retries(group, 1, limit=5) == []


async def test_the_quarantine_is_read_by_position(store: GroupStore, group: GroupName, make: Builder) -> None:
    events = [Quarantined(position=make.position(), attempts=5, at=NOW_MS, reason=reason) for reason in ("", "ü", "x")]
    await store.put_quarantined(group, 1, events[::-1], LATER)
    await store.put_quarantined(group, 2, events[:1], LATER)
    assert await store.quarantined(group, 1, limit=9) == events
    assert await store.quarantined(group, 1, limit=2) == events[:2]
    assert await store.quarantined(group, 1, limit=9, after=events[0].position) == events[1:]
    await store.delete_quarantined(group, 1, [events[1].position, make.position()])
    assert await store.quarantined(group, 1, limit=9) == [events[0], events[2]]


async def test_rows_of_one_group_are_not_those_of_another(store: GroupStore, group: GroupName, make: Builder) -> None:
    retry = Retry(due=5, position=make.position(), attempt=1)
    await store.put_retries(group, 1, [retry], LATER)
    assert await store.retries(group._replace(group="b"), 1, limit=5) == []
    assert await store.quarantined(group, 1, limit=5) == []


@pytest.mark.parametrize("seed", range(3))
async def test_a_random_history_is_that_of_the_model(store: GroupStore, seed: int, make: Builder) -> None:
    rng, model = random.Random(seed), MemoryGroupStore()  # noqa: S311 - a seed must replay
    group = GroupName(make.tenant, "orders", "billing")
    seen: list[Ledger] = [a_ledger()]
    assert await store.create(group, seen[0])
    await model.create(group, seen[0])
    for step in range(60):
        ledger = rng.choice(seen[-3:])
        windows: dict[str, Window] = {f"w{step}-{number}": a_range(make) for number in range(rng.randrange(3))}
        frontier, epoch = make.position(), ledger.epoch + 1
        match rng.choice(("open", "exchange", "exchange", "seek")):
            case "open":
                changed = [await one.open(group, ledger, frontier, windows) for one in (store, model)]
            case "exchange" if ledger.windows:
                key = rng.choice(sorted(ledger.windows))
                if rng.random() < 0.3:
                    windows[key] = a_retry_window(make)
                changed = [await one.exchange(group, key, ledger.windows[key], windows) for one in (store, model)]
            case "seek" if rng.random() < 0.2:
                changed = [await one.seek(group, ledger, frontier, epoch) for one in (store, model)]
            case _:
                continue
        assert changed[0] == changed[1]
        assert await store.read(group) == await model.read(group)
        seen.append(await found(store, group))


async def test_a_table_that_answers_is_ready(store: GroupStore) -> None:
    await store.ready()
