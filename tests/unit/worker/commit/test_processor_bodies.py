"""Bodies too large for an item: put before their event is stored, and deleted if it is not kept."""

import pytest

from shared.compression import expand
from shared.model.errors import Unavailable, Unclear
from shared.model.pack import EventPack
from shared.model.records import body_key
from shared.settings import Settings
from tests.fakes.scripted import fails, meanwhile
from tests.unit.worker.commit.rig import NOISE, TENANT, WINDOW_MS, Rig, counts
from worker.commit.processor import Action

SMALL = Settings(inline_body_bytes=100)


def big_pack(rig: Rig, name: str = "a", *, accepted_ago_ms: int = 0) -> EventPack:
    return rig.pack(rig.event(name, data=NOISE), accepted_ago_ms=accepted_ago_ms)


def key_of(pack: EventPack) -> str:
    return body_key(TENANT, pack.events[0].receipt)


async def test_large_bodies_are_put_into_the_bucket() -> None:
    rig = Rig(SMALL)
    pack = big_pack(rig)
    assert counts(await rig.process(pack)) == [{"stored": 1}]
    [event] = rig.listed()
    assert event.body_key == key_of(pack)
    assert event.body == b'{"specversion":"1.0","id":"a","source":"%b","type":"%b"}' % (
        pack.events[0].source.encode(),
        pack.events[0].type.encode(),
    )
    assert expand(rig.bucket.bodies[key_of(pack)]) == bytes(pack.events[0].body)
    assert (rig.bodies.calls, rig.store.calls) == (["put"], ["insert_guards", "insert_events"])


async def test_a_small_body_stays_in_the_table() -> None:
    rig = Rig(SMALL)
    await rig.store_events("a")
    [event] = rig.listed()
    assert event.body_key is None
    assert not any(rig.bucket.bodies.values())


@pytest.mark.parametrize("error", [Unavailable("no"), Unclear("cut off")])
async def test_nothing_is_claimed_before_its_body_is_in_the_bucket(error: Exception) -> None:
    rig = Rig(SMALL)
    rig.bodies.on("put", fails(error), fails(error))
    assert counts(await rig.process(big_pack(rig), rig.pack("small"))) == [{"stored": 1}, {"stored": 1}]
    assert rig.bodies.calls == ["put"] * 3
    assert [bool(event.body_key) for event in rig.listed()] == [False, True]


async def test_bodies_are_deleted_if_their_event_is_not_kept() -> None:
    rig = Rig(SMALL)
    kept, repeat = big_pack(rig), big_pack(rig)
    await rig.process(kept)
    assert counts(await rig.process(repeat)) == [{"duplicate": 1}]
    assert [key for key, body in rig.bucket.bodies.items() if body] == [key_of(kept)]


async def test_the_body_of_an_event_erased_before_delivery_is_deleted() -> None:
    rig = Rig(SMALL)
    pack = big_pack(rig)
    await rig.process(rig.removal("a", erase=True))
    assert counts(await rig.process(pack)) == [{"erased": 1}]
    assert not any(rig.bucket.bodies.values())


async def test_an_event_keeps_its_body_until_its_erase_reaches_it() -> None:
    rig = Rig(SMALL)
    older = big_pack(rig, accepted_ago_ms=WINDOW_MS)
    await rig.process(older)
    await rig.store_events("a")
    erase = rig.removal("a", erase=True)

    async def deliver_again() -> None:
        assert [event.body_key for event in rig.listed()] == [key_of(older)]
        assert counts(await rig.process(older)) == [{"stored": 1}]
        assert rig.bucket.bodies[key_of(older)]

    rig.store.on("erase", meanwhile(rig.passes(0)), meanwhile(deliver_again))
    assert counts(await rig.process(erase)) == [{"removed": 1}]
    assert rig.listed() == []
    assert not any(rig.bucket.bodies.values())
    assert counts(await rig.process(older)) == [{"erased": 1}]


async def test_a_body_that_cannot_be_deleted_blocks_nothing() -> None:
    rig = Rig(SMALL)
    await rig.process(big_pack(rig))
    rig.bodies.on("delete", fails(Unavailable("no")))
    assert counts(await rig.process(big_pack(rig))) == [{"duplicate": 1}]


async def test_an_event_whose_body_could_not_be_deleted_is_delivered_again_until_it_is() -> None:
    rig = Rig(SMALL)
    await rig.process(big_pack(rig))
    repeat = big_pack(rig)
    rig.bodies.on("delete", fails(Unavailable("no")))
    [disposition] = await rig.process(repeat, give_up=lambda: "delete" in rig.bodies.calls)
    assert (disposition.action, disposition.counts) == (Action.RETRY, {"postponed": 1})
    assert rig.bucket.bodies[key_of(repeat)]
    assert counts(await rig.process(repeat, receives=2)) == [{"duplicate": 1}]
    assert not rig.bucket.bodies[key_of(repeat)]
