"""Groups as a whole: where they begin, how far they have come, and how to rewind them."""

import pytest

from shared.model import position as positions
from shared.model.errors import InvalidRequest, LeaseLost, NoSuchGroup
from shared.model.groups import GroupConfig
from tests.unit.worker.groups.grouped import GROUP, LAPSED, SETTINGS, World, with_group
from worker.groups import admin
from worker.groups.held import Release


async def state(world: World) -> admin.GroupState:
    return await world.groups.admin.state(GROUP, await world.groups.admin.find(GROUP))


@with_group
async def test_a_new_group_begins_where_its_creator_says(world: World) -> None:
    old = await world.put(2)
    for name, start, expected in (("a", positions.FIRST, old), ("b", positions.LAST, []), ("c", old[0], old[1:])):
        group = GROUP._replace(group=name)
        await world.groups.admin.create(group, GroupConfig(), start)
        lease = await world.groups.lease(group, limit=10, seconds=60)
        assert [event for event in old if lease and any(event.encode() in one for one in lease.events)] == expected


@with_group
async def test_creating_a_group_again_changes_nothing(world: World) -> None:
    await world.put(1)
    await world.leased()
    before = await world.groups.admin.find(GROUP)
    assert await world.groups.admin.create(GROUP, GroupConfig(max_attempts=9), positions.LAST) == before


@with_group
async def test_an_inbox_has_a_limited_number_of_groups(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admin, "MAX_GROUPS", 1)
        with pytest.raises(InvalidRequest, match="up to 1 groups"):
            await world.groups.admin.create(GROUP._replace(group="more"), GroupConfig())


@with_group
async def test_the_state_counts_what_is_not_done(world: World) -> None:
    idle = await state(world)
    assert (idle.lag, idle.oldest_ms, idle.leases, idle.leased, idle.retries, idle.quarantined) == (0, None, 0, 0, 0, 0)
    put = await world.put(10)
    lease, _ = await world.leased(4)
    await world.groups.ack(GROUP, lease.key, put[:1])
    await world.groups.release(GROUP, lease.key, Release(positions=[put[1]], delay_seconds=50))
    await world.sleep(3)
    busy = await state(world)
    assert (busy.lag, busy.leases, busy.leased, busy.retries, busy.quarantined) == (6, 1, 2, 1, 0)
    assert busy.oldest_ms == positions.time_of(put[1])


@with_group
async def test_a_seek_to_the_start_leases_everything_anew(world: World) -> None:
    put = await world.put(4)
    lease, _ = await world.leased(3)
    await world.groups.release(GROUP, lease.key, Release(positions=put[:1], delay_seconds=0))
    await world.groups.admin.seek(GROUP, positions.FIRST)
    with pytest.raises(LeaseLost):
        await world.groups.ack(GROUP, lease.key)
    assert (await world.leased())[1] == put
    await world.sleep(LAPSED)
    assert (await world.leased())[1] == put


@with_group
async def test_a_seek_to_the_end_skips_what_has_settled(world: World) -> None:
    await world.put(4)
    await world.groups.admin.seek(GROUP, positions.LAST)
    assert await world.lease() is None
    put = await world.put(1)
    assert (await world.leased())[1] == put


@with_group
async def test_a_seek_never_passes_the_settle_bound(world: World) -> None:
    ledger = await world.groups.admin.seek(GROUP, positions.LAST)
    assert positions.time_of(ledger.frontier) == world.clock.wall_ms() - SETTINGS.settle_ms


@with_group
async def test_a_deleted_group_leaves_nothing_to_one_of_its_name(world: World) -> None:
    await world.groups.admin.configure(GROUP, GroupConfig(max_attempts=1))
    put = await world.put(3)
    lease, _ = await world.leased()
    await world.groups.release(GROUP, lease.key, Release(positions=[put[0]], delay_seconds=0))
    assert await world.quarantined() == put[:1]
    await world.groups.admin.delete(GROUP)
    with pytest.raises(NoSuchGroup):
        await world.lease()
    await world.create()
    assert await world.quarantined() == []
    assert (await world.leased())[1] == put
