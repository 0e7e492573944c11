import msgspec

from console.queues import MAX_OPENED_BYTES
from shared.model import pack
from shared.model.event import Event
from shared.model.pack import AckPack, EventPack
from shared.ports import Outgoing
from tests.unit.console.serving import Served, dead_letter


async def test_a_dead_letter_opens_with_its_events(world: Served) -> None:
    await world.bury("e1", "e2")
    opened = (await world.get("/v1/dlq/m2")).json()
    assert opened["message"]["first"]["id"] == "e2"
    assert opened["payloads"] == [{"specversion": "1.0", "data": "secret"}]
    assert (opened["omitted"], opened["text"]) == (0, None)
    assert await world.dlq.backlog() == 2


async def test_the_text_of_an_unreadable_message_is_shown_whatever_it_is(world: Served) -> None:
    await world.dlq.send([Outgoing(body='not a "pack" \x1b[31m')])
    answer = await world.get("/v1/dlq/m1")
    assert answer.json()["text"] == 'not a "pack" \x1b[31m'
    assert answer.json()["payloads"] == []


async def test_acks_have_no_payloads(world: Served) -> None:
    position = "0199c0de-1f2e-7a3b-8c4d-5e6f708192a3"
    acks = AckPack(tenant="acme", key_id="k", accepted_at=1, inbox="i", positions=[position])
    await world.dlq.send([Outgoing(body=pack.encode(acks))])
    opened = (await world.get("/v1/dlq/m1")).json()
    assert (opened["message"]["kind"], opened["payloads"], opened["text"]) == ("acks", [], None)


async def test_a_large_pack_is_shown_in_part_and_costs_its_size(world: Served) -> None:
    body = msgspec.Raw(msgspec.json.encode({"data": "x" * (MAX_OPENED_BYTES * 2 // 5)}))
    events = [Event(receipt="r", id=f"e{n}", source="/s", inbox="i", type="t", body=body) for n in range(4)]
    pack_of_four = EventPack(tenant="acme", key_id="k1", accepted_at=1, events=events)
    await world.dlq.send([Outgoing(body=pack.encode(pack_of_four))])
    answer = await world.get("/v1/dlq/m1")
    assert (len(answer.json()["payloads"]), answer.json()["omitted"]) == (2, 2)
    assert int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0]) < 1000 - 10


async def test_one_that_is_gone_is_not_found(world: Served) -> None:
    answer = await world.get("/v1/dlq/m1")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "The message is not in the DLQ, or another reader holds it."


async def test_requested_dead_letters_are_dropped(world: Served) -> None:
    await world.bury("e1", "e2", "e3")
    answer = await world.drop({"ids": ["m1", "m3", "m1", "missing"]})
    assert (answer.status_code, answer.json()) == (200, {"dropped": 2, "left": 1})
    assert world.dlq.bodies == [dead_letter("e2")]
    assert world.queue.bodies == []
    assert (await world.drop({"ids": []})).status_code == 400


async def test_opening_and_dropping_take_a_scope_of_their_own(world: Served) -> None:
    await world.bury("e1")
    for key in ("tenant", "operator"):
        for answer in (await world.get("/v1/dlq/m1", key=key), await world.drop({"ids": ["m1"]}, key=key)):
            assert answer.status_code == 403
            assert answer.json()["detail"] == "The API key lacks the scope dlq:admin."
    assert (await world.client.get("/v1/dlq/m1")).status_code == 401
    assert world.dlq.bodies == [dead_letter("e1")]


async def test_a_key_describes_itself_without_its_secret(world: Served) -> None:
    answer = await world.get("/v1/key", key="tenant")
    described = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert described["scopes"] == ["events:write", "inbox:read", "inbox:ack"]
    assert (described["types"], described["expires_at"], described["rate"]) == ([], None, 1000)
    assert set(described) == {"key_id", "tenant", "name", "scopes", "types", "rate", "burst", "expires_at"}
    assert (await world.client.get("/v1/key")).status_code == 401
