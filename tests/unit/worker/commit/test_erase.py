"""Erases: the payload is removed permanently, and no event in flight restores it."""

import pytest
from msgspec.structs import replace

from shared.model.errors import Unavailable
from shared.model.position import time_of
from shared.model.records import Guard, Outcome, Tombstone, body_key
from shared.settings import Settings
from tests.fakes.scripted import answers, fails, loses_its_answer, meanwhile
from tests.unit.worker.commit.rig import TENANT, WINDOW_MS, Rig, after, counts
from worker.commit.processor import Action


async def test_an_erased_event_is_gone_and_its_guard_stays_without_content() -> None:
    rig = Rig()
    pack = await rig.store_events("a")
    position = rig.listed()[0].place.position
    erase = rig.removal("a", erase=True)
    [disposition] = await rig.process(erase)
    assert (disposition.action, disposition.counts) == (Action.DELETE, {"removed": 1})
    assert rig.listed() == []
    [guard] = rig.memory.guards()
    assert (guard.receipt, guard.erased_at) == (pack.events[0].receipt, erase.accepted_at)
    assert {place for place, record in rig.memory.records.items() if isinstance(record, Tombstone)} == {
        rig.place(position),
        rig.place(position, delivered=True),
    }


@pytest.mark.parametrize("left_seconds", [3, 200 * 86_400])
async def test_the_mark_of_an_erase_stays_as_long_as_a_marker_would(left_seconds: int) -> None:
    rig = Rig()
    await rig.store_events("a")
    [guard] = rig.memory.guards()
    erase = rig.removal("a", erase=True)
    expiring = replace(guard, expires_at=erase.accepted_at // 1000 + left_seconds)
    await rig.memory.erase(guard, expiring)  # changes its expiration alone
    await rig.process(erase)
    marker = rig.removal("b", erase=True)
    await rig.process(marker)
    lasts = {guard.identity.id: guard.expires_at for guard in rig.memory.guards()}
    assert lasts == {"a": max(expiring.expires_at, lasts["b"]), "b": lasts["b"]}


async def test_an_acked_event_is_erased_from_the_delivered_events() -> None:
    rig = Rig()
    await rig.store_events("a")
    await rig.process(rig.acks(rig.listed()[0].place.position))
    await rig.process(rig.removal("a", erase=True))
    assert rig.listed(delivered=True) == []


async def test_an_erase_is_idempotent() -> None:
    rig = Rig()
    await rig.store_events("a")
    erase = rig.removal("a", erase=True)
    await rig.process(erase)
    before = rig.memory.guards()
    assert counts(await rig.process(erase)) == [{"removed": 1}]
    assert rig.memory.guards() == before


async def test_an_erase_reaches_older_guards_too() -> None:
    rig = Rig()
    await rig.store_events("a", accepted_ago_ms=2 * WINDOW_MS)
    await rig.store_events("a", accepted_ago_ms=WINDOW_MS)
    await rig.store_events("a")
    await rig.process(rig.removal("a", erase=True))
    assert rig.names() == []
    assert all(guard.erased_at for guard in rig.memory.guards())


async def test_an_erase_keeps_events_accepted_after_it() -> None:
    rig = Rig()
    await rig.store_events("a", accepted_ago_ms=WINDOW_MS)
    erase = rig.removal("a", erase=True, accepted_ago_ms=1)
    later = await rig.store_events("a")
    await rig.process(erase)
    assert [event.place.position for event in rig.listed()] == [
        guard.position for guard in rig.memory.guards() if guard.receipt == later.events[0].receipt
    ]


@pytest.mark.parametrize("ago_ms", [0, 1, WINDOW_MS, 5 * WINDOW_MS])
async def test_the_marker_rejects_events_accepted_before_the_erase(ago_ms: int) -> None:
    rig = Rig()
    pack = rig.pack("a", accepted_ago_ms=ago_ms)
    await rig.process(rig.removal("a", erase=True))
    assert counts(await rig.process(pack)) == [{"erased": 1}]
    assert rig.names() == []


async def test_the_marker_is_a_guard_without_an_event_that_is_kept_as_long_as_others() -> None:
    rig = Rig()
    rig.clock.advance(0.5)
    erase = rig.removal("a", erase=True)
    await rig.process(erase)
    [marker] = rig.memory.guards()
    assert marker == Guard(
        identity=rig.identity("a"),
        receipt=erase.receipt,
        position=marker.position,
        accepted_at=0,
        digest="",
        expires_at=erase.accepted_at // 1000 + rig.rules.guard_ttl_seconds,
        erased_at=erase.accepted_at,
    )
    assert time_of(marker.position) == rig.clock.wall_ms()


async def test_the_marker_admits_events_accepted_after_the_erase() -> None:
    rig = Rig()
    await rig.process(rig.removal("a", erase=True))
    rig.clock.advance(0.001)
    assert counts(await rig.process(rig.pack("a"))) == [{"stored": 1}]
    assert rig.names() == ["a"]


async def test_a_marker_is_inserted_beside_a_later_event() -> None:
    rig = Rig()
    early, erase = rig.pack("a"), rig.removal("a", erase=True)
    rig.clock.advance(WINDOW_MS / 1000)
    later = await rig.store_events("a")
    assert counts(await rig.process(erase)) == [{"removed": 1}]
    assert counts(await rig.process(erase)) == [{"removed": 1}]
    assert counts(await rig.process(early)) == [{"erased": 1}]
    assert counts(await rig.process(later)) == [{"stored": 1}]
    assert rig.names() == ["a"]


async def test_a_producers_retry_within_the_window_does_not_restore_an_erased_event() -> None:
    rig = Rig()
    await rig.store_events("a")
    await rig.process(rig.removal("a", erase=True))
    rig.clock.advance(1)
    assert counts(await rig.process(rig.pack("a"))) == [{"duplicate": 1}]
    assert rig.names() == []


async def test_a_second_erase_rejects_later_events_too() -> None:
    rig = Rig()
    await rig.store_events("a")
    await rig.process(rig.removal("a", erase=True))
    rig.clock.advance(2 * WINDOW_MS / 1000)
    between, second = rig.pack("a"), rig.removal("a", erase=True)
    await rig.process(second)
    assert counts(await rig.process(between)) == [{"erased": 1}]


async def test_an_event_claimed_during_an_erase_is_erased_with_the_others() -> None:
    rig = Rig()
    await rig.store_events("a", accepted_ago_ms=WINDOW_MS)
    entering, erase = rig.pack("a"), rig.removal("a", erase=True)
    rig.store.on("erase", meanwhile(lambda: rig.process(entering)))
    assert counts(await rig.process(erase)) == [{"removed": 1}]
    assert rig.names() == []


async def test_an_event_claimed_just_before_the_marker_is_erased() -> None:
    rig = Rig()
    pack, erase = rig.pack("a"), rig.removal("a", erase=True)
    rig.store.on("insert_guards", meanwhile(lambda: rig.process(pack)))
    assert counts(await rig.process(erase)) == [{"removed": 1}]
    assert rig.names() == []


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.UNCLEAR])
async def test_a_marker_without_confirmation_is_retried_after_a_pause(outcome: Outcome) -> None:
    rig = Rig()
    rig.store.on("insert_guards", answers(outcome))
    assert counts(await rig.process(rig.removal("a", erase=True))) == [{"removed": 1}]
    assert len(rig.memory.guards()) == 1
    assert rig.clock.now_ms > 0


async def test_a_stopping_worker_does_not_retry_a_marker_forever() -> None:
    rig = Rig()
    rig.store.on("insert_guards", *[answers(Outcome.THROTTLED)] * 3)
    assert counts(await rig.process(rig.removal("a", erase=True), give_up=after(3))) == [{"postponed": 1}]


async def test_an_erase_without_an_answer_is_repeated() -> None:
    rig = Rig()
    await rig.store_events("a")
    rig.store.on("erase", loses_its_answer)
    assert counts(await rig.process(rig.removal("a", erase=True))) == [{"removed": 1}]
    assert rig.names() == []


async def test_an_erase_deletes_the_body_from_the_bucket() -> None:
    rig = Rig(Settings(inline_body_bytes=1))
    pack = await rig.store_events("a")
    assert list(rig.bucket.bodies) == [body_key(TENANT, pack.events[0].receipt)]
    rig.bodies.on("delete", fails(Unavailable("no")))
    await rig.process(rig.removal("a", erase=True))
    assert not any(rig.bucket.bodies.values())
