"""Members that wait: who is woken, by what, and what idle members cost."""

import asyncio

from msgspec.structs import replace

from shared.model.groups import GroupConfig
from tests.unit.worker.groups.grouped import GROUP, LAPSED, SETTINGS, World, positions_of, with_group
from worker.groups.held import Release


def waiting(world: World, count: int, *, seconds: float = 20) -> list["asyncio.Task[list[str]]"]:
    async def lease() -> list[str]:
        return positions_of(await world.lease(1, wait=seconds))

    return [asyncio.create_task(lease()) for _ in range(count)]


@with_group
async def test_one_event_wakes_one_member(world: World) -> None:
    members = waiting(world, 5)
    await world.sleep(3)
    put = await world.put(1, settled=False)
    await world.sleep(1.6)
    assert [task.result() for task in members if task.done()] == [put]
    assert world.groups.waiting == 4
    await asyncio.gather(*members)


@with_group
async def test_a_member_is_given_an_event_as_soon_as_it_has_settled(world: World) -> None:
    [member] = waiting(world, 1)
    await world.sleep(3)
    put = await world.put(1, settled=False)
    before = world.clock.monotonic_ms()
    assert await member == put
    assert 1000 <= world.clock.monotonic_ms() - before <= 1600


@with_group
async def test_as_many_events_wake_as_many_members(world: World) -> None:
    members = waiting(world, 5)
    await world.sleep(3)
    put = await world.put(3)
    await world.sleep(1)
    given = [position for task in members if task.done() for position in task.result()]
    assert sorted(given) == put
    await asyncio.gather(*members)


@with_group
async def test_a_wait_ends_without_a_lease(world: World) -> None:
    before = world.clock.monotonic_ms()
    assert await asyncio.gather(*waiting(world, 3, seconds=7)) == [[], [], []]
    assert 7000 <= world.clock.monotonic_ms() - before <= 7010
    assert world.groups.waiting == 0


@with_group
async def test_no_wait_is_longer_than_the_longest_of_the_process(world: World) -> None:
    process = world.process(replace(SETTINGS, max_wait_seconds=2))
    before = world.clock.monotonic_ms()
    assert await world.lease(wait=7, by=process) is None
    assert 2000 <= world.clock.monotonic_ms() - before <= 2010
    await process.aclose()


@with_group
async def test_a_lapsed_lease_wakes_a_member(world: World) -> None:
    put = await world.put(1)
    await world.lease(seconds=5)
    [member] = waiting(world, 1)
    before = world.clock.monotonic_ms()
    assert await member == put
    assert 5000 <= world.clock.monotonic_ms() - before <= 5200


@with_group
async def test_a_release_wakes_a_member_of_any_process(world: World) -> None:
    put = await world.put(1)
    lease, _ = await world.leased(by=world.other)
    [member] = waiting(world, 1)
    await world.sleep(0.5)
    await world.other.release(GROUP, lease.key, Release(delay_seconds=0))
    assert await member == put
    assert world.clock.monotonic_ms() < 5000


@with_group
async def test_a_retry_wakes_a_member_when_it_is_due(world: World) -> None:
    put = await world.put(2)
    lease, _ = await world.leased()
    await world.groups.release(GROUP, lease.key, Release(positions=put[:1], delay_seconds=6))
    before = world.clock.monotonic_ms()
    assert await asyncio.gather(*waiting(world, 1)) == [put[:1]]
    assert 6000 <= world.clock.monotonic_ms() - before <= 6200


@with_group
async def test_a_thousand_idle_members_cost_as_much_as_one(world: World) -> None:
    await asyncio.gather(*waiting(world, 1, seconds=10))
    alone, world.store.queried_ms = world.store.queries, []
    await asyncio.gather(*waiting(world, 1000, seconds=10))
    assert world.store.queries <= 1.3 * alone


@with_group
async def test_a_shutdown_ends_all_waits(world: World) -> None:
    members = waiting(world, 3)
    await world.sleep(1)
    world.groups.stop_waiting()
    assert await asyncio.gather(*members) == [[], [], []]
    assert world.clock.monotonic_ms() < 1100
    assert await world.lease(wait=20) is None


@with_group
async def test_events_of_other_types_wake_no_member(world: World) -> None:
    await world.groups.admin.configure(GROUP, GroupConfig(types=("order.*",)))
    [member] = waiting(world, 1, seconds=10)
    await world.sleep(1)
    await world.put(5, kind="x")
    assert await member == []


@with_group
async def test_a_lease_that_its_member_did_not_wait_for_is_released(world: World) -> None:
    put = await world.put(1)
    world.store.unblocked.clear()
    [member] = waiting(world, 1)
    await world.sleep(0.1)
    member.cancel()
    await asyncio.gather(member, return_exceptions=True)
    world.store.unblocked.set()
    await world.sleep(0.1)
    lease, events = await world.leased()
    assert (events, lease.attempt) == (put, 2)
    assert world.clock.monotonic_ms() < LAPSED * 1000
