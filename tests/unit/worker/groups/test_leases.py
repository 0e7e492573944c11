"""What members are given, and when they can be given it again."""

import asyncio

import pytest

from shared.model import position as positions
from shared.model.errors import InvalidRequest, LeaseLost, NoSuchGroup, TooManyLeases
from shared.model.groups import GroupConfig
from tests.fakes.virtual_time import in_virtual_time
from tests.unit.worker.groups.grouped import GROUP, LAPSED, SECONDS, World, positions_of, with_group
from worker.groups import ledgers
from worker.groups.held import Done, Release


@with_group
async def test_members_share_the_events_in_order(world: World) -> None:
    put = await world.put(5)
    first, events = await world.leased(3)
    assert (events, first.attempt, first.more) == (put[:3], 1, True)
    second, events = await world.leased(3, by=world.other)
    assert (events, second.more) == (put[3:], False)
    assert await world.lease() is None


@with_group
async def test_an_event_is_leased_once_it_has_settled(world: World) -> None:
    put = await world.put(1, settled=False)
    assert await world.lease() is None
    await world.sleep(1.1)
    assert (await world.leased())[1] == put


@with_group
async def test_nothing_is_written_while_nothing_happens(world: World) -> None:
    before = await world.groups.admin.find(GROUP)
    await world.put(3, kind="x")
    await world.groups.admin.configure(GROUP, GroupConfig(types=("order.*",)))
    for _ in range(3):
        assert await world.lease() is None
    after = await world.groups.admin.find(GROUP)
    assert (after.serial, after.frontier) == (before.serial, before.frontier)


@with_group
async def test_only_events_of_the_types_of_the_group(world: World) -> None:
    await world.groups.admin.configure(GROUP, GroupConfig(types=("order.*",)))
    await world.put(2, kind="x")
    put = await world.put(2)
    await world.put(1, kind="x")
    assert (await world.leased())[1] == put


@with_group
async def test_a_lease_has_at_most_four_mebibytes(world: World) -> None:
    put = await world.put(5, size=1_000_000)
    lease, events = await world.leased()
    assert (events, lease.more) == (put[:4], True)
    assert (await world.leased())[1] == put[4:]


@with_group
async def test_an_ack_of_all_ends_the_lease(world: World) -> None:
    await world.put(3)
    lease, _ = await world.leased()
    assert await world.groups.ack(GROUP, lease.key) == Done(done=3, left=0)
    with pytest.raises(LeaseLost):
        await world.groups.ack(GROUP, lease.key)
    await world.sleep(LAPSED)
    assert await world.lease() is None


@with_group
async def test_acked_events_are_not_leased_again_when_the_lease_lapses(world: World) -> None:
    await world.put(4)
    lease, events = await world.leased()
    assert await world.groups.ack(GROUP, lease.key, events[1:3]) == Done(done=2, left=2)
    assert await world.groups.ack(GROUP, lease.key, events[1:2]) == Done(done=0, left=2)
    await world.sleep(LAPSED)
    again, left = await world.leased(by=world.other)
    assert (left, again.attempt) == ([events[0], events[3]], 2)
    assert await world.other.ack(GROUP, again.key, left) == Done(done=2, left=0)
    await world.sleep(LAPSED)
    assert await world.lease() is None


@with_group
async def test_positions_without_events_do_not_end_a_lease_early(world: World) -> None:
    put = await world.put(2)
    lease, events = await world.leased()
    made_up = [positions.successor(events[0]), positions.successor(positions.successor(events[0]))]
    assert await world.groups.ack(GROUP, lease.key, made_up) == Done(done=2, left=2)
    await world.sleep(LAPSED)
    assert (await world.leased())[1] == put


@with_group
async def test_a_position_outside_of_the_lease_is_refused(world: World) -> None:
    await world.put(4)
    lease, events = await world.leased(2)
    _, others = await world.leased(2)
    for call in (
        world.groups.ack(GROUP, lease.key, [events[0], others[0]]),
        world.groups.release(GROUP, lease.key, Release(positions=[others[0]])),
    ):
        with pytest.raises(InvalidRequest) as error:
            await call
        assert [fault.detail for fault in error.value.faults] == ["The position is not one of this lease."]


@with_group
async def test_a_lease_is_taken_over_once_it_is_past_by_every_clock(world: World) -> None:
    put = await world.put(2)
    lease, _ = await world.leased()
    await world.sleep(SECONDS + 0.05)
    assert await world.lease(by=world.other) is None
    await world.sleep(0.1)
    again, events = await world.leased(by=world.other)
    assert (events, again.attempt) == (put, 2)
    for call in (
        world.groups.ack(GROUP, lease.key),
        world.groups.extend(GROUP, lease.key, 60),
        world.groups.release(GROUP, lease.key, Release()),
    ):
        with pytest.raises(LeaseLost):
            await call


@with_group
async def test_an_ack_after_the_end_counts_until_the_take_over(world: World) -> None:
    await world.put(2)
    lease, _ = await world.leased()
    await world.sleep(10 * LAPSED)
    assert await world.groups.ack(GROUP, lease.key) == Done(done=2, left=0)
    assert await world.lease() is None


@with_group
async def test_an_extended_lease_lasts(world: World) -> None:
    await world.put(1)
    lease, _ = await world.leased()
    await world.sleep(SECONDS - 1)
    until = await world.groups.extend(GROUP, lease.key, SECONDS)
    assert until == world.clock.wall_ms() + SECONDS * 1000
    await world.sleep(SECONDS - 1)
    assert await world.lease() is None
    await world.sleep(1.2)
    assert (await world.leased())[0].attempt == 2


@with_group
async def test_a_take_over_with_a_smaller_limit_leaves_the_others(world: World) -> None:
    put = await world.put(5)
    await world.leased()
    await world.sleep(LAPSED)
    first, some = await world.leased(2)
    second, others = await world.leased(100)
    assert (some, others, first.attempt, second.attempt) == (put[:2], put[2:], 2, 2)


@with_group
async def test_what_has_left_the_inbox_is_not_leased_again(world: World) -> None:
    put = await world.put(3)
    await world.leased()
    await world.drop(put[0], put[2])
    await world.sleep(LAPSED)
    assert (await world.leased())[1] == [put[1]]
    await world.drop(put[1])
    await world.sleep(LAPSED)
    assert await world.lease() is None
    assert not (await world.groups.admin.find(GROUP)).windows


@with_group
async def test_released_events_can_be_leased_after_their_delay(world: World) -> None:
    put = await world.put(2)
    lease, _ = await world.leased()
    assert await world.groups.release(GROUP, lease.key, Release(delay_seconds=30)) == Done(done=2, left=0)
    await world.sleep(30)
    assert await world.lease() is None
    await world.sleep(0.2)
    again, events = await world.leased()
    assert (events, again.attempt) == (put, 2)


@with_group
async def test_an_event_released_alone_is_retried_alone(world: World) -> None:
    put = await world.put(3)
    lease, _ = await world.leased()
    released = Release(positions=[put[1]], delay_seconds=5)
    assert await world.groups.release(GROUP, lease.key, released) == Done(done=1, left=2)
    assert await world.groups.ack(GROUP, lease.key) == Done(done=2, left=0)
    await world.sleep(5.2)
    again, events = await world.leased()
    assert (events, again.attempt) == ([put[1]], 2)
    assert await world.groups.ack(GROUP, again.key, events) == Done(done=1, left=0)
    await world.sleep(LAPSED)
    assert await world.lease() is None


@with_group
async def test_the_backoff_grows_with_each_attempt(world: World) -> None:
    await world.groups.admin.configure(GROUP, GroupConfig(backoff_min_seconds=10, backoff_max_seconds=25))
    await world.put(1)
    for attempt, seconds in enumerate((10, 20, 25), start=1):
        lease, _ = await world.leased()
        assert lease.attempt == attempt
        await world.groups.release(GROUP, lease.key, Release())
        await world.sleep(seconds)
        assert await world.lease() is None
        await world.sleep(0.2)


@with_group
async def test_a_retry_that_left_the_inbox_or_the_types_is_forgotten(world: World) -> None:
    put = await world.put(3)
    lease, _ = await world.leased()
    await world.groups.release(GROUP, lease.key, Release(positions=put, delay_seconds=0))
    await world.drop(put[0])
    await world.sleep(0.2)
    assert (await world.leased())[1] == put[1:]
    await world.groups.admin.configure(GROUP, GroupConfig(types=("other",)))
    await world.sleep(LAPSED)
    assert await world.lease() is None
    assert await world.groups_store.retries(GROUP, (await world.groups.admin.find(GROUP)).epoch, limit=9) == []


@with_group
async def test_a_group_has_a_limited_number_of_open_leases(world: World) -> None:
    await world.put(3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledgers, "MAX_WINDOWS", 2)
        await world.leased(1)
        await world.leased(1)
        with pytest.raises(TooManyLeases):
            await world.lease(1)
    assert await world.lease(1) is not None


@in_virtual_time
async def test_a_group_must_exist() -> None:
    world = World()
    with pytest.raises(NoSuchGroup, match="no group 'billing'"):
        await world.lease()
    await world.aclose()


@with_group
async def test_many_members_of_two_processes_never_share_an_event(world: World) -> None:
    put = await world.put(200)
    leases = await asyncio.gather(*(world.lease(10, by=by) for _ in range(10) for by in (world.groups, world.other)))
    given = [position for lease in leases for position in positions_of(lease)]
    assert sorted(given) == put
