import asyncio
import base64

import msgspec

from shared.model import pack as packs
from shared.model.event import Event
from shared.model.pack import EventPack
from shared.model.records import Outcome
from shared.ports import EventQueue, Message, Outgoing
from tests.contract.build import MAX_RECEIVES, Queues

_LONG = 20
"""Seconds to wait for what must come; nothing waits so long unless it is missing."""


async def _send(queue: EventQueue, *bodies: str) -> None:
    assert await queue.send([Outgoing(body=body) for body in bodies]) == [Outcome.DONE] * len(bodies)


async def _receive(queue: EventQueue, count: int = 1, *, visibility_seconds: int = 600) -> list[Message]:
    """Receive until `count` messages have come."""
    messages: list[Message] = []
    while len(messages) < count:
        some = await queue.receive(
            limit=min(10, count - len(messages)), wait_seconds=_LONG, visibility_seconds=visibility_seconds
        )
        assert some, f"only {len(messages)} of {count} messages came"
        messages += some
    return messages


async def _receive_nothing(queue: EventQueue) -> bool:
    return await queue.receive(limit=10, wait_seconds=1, visibility_seconds=600) == []


async def test_a_message_arrives_as_it_was_sent(queues: Queues) -> None:
    outgoing = Outgoing(body="p" + base64.b64encode(b"x" * 1000).decode(), attributes={"traceparent": "00-1-2-01"})

    assert await queues.queue.send([outgoing]) == [Outcome.DONE]

    [message] = await _receive(queues.queue)
    assert (message.body, dict(message.attributes), message.receives) == (outgoing.body, dict(outgoing.attributes), 1)


async def test_ten_messages_of_a_call_all_arrive(queues: Queues) -> None:
    bodies = {f"body-{number}" for number in range(10)}

    await _send(queues.queue, *bodies)

    assert {message.body for message in await _receive(queues.queue, 10)} == bodies


async def test_nothing_is_sent_without_a_call(queues: Queues) -> None:
    assert await queues.queue.send([]) == []
    assert await queues.queue.backlog() == 0


async def test_a_message_of_a_megabyte_arrives(queues: Queues) -> None:
    body = "a" * packs.MAX_MESSAGE_BYTES

    await _send(queues.queue, body)

    assert (await _receive(queues.queue))[0].body == body


async def test_a_group_of_any_name_is_taken(queues: Queues) -> None:
    groups = ["tenant", "a b", "ünï", "x" * 300, "", None]

    outcomes = await queues.queue.send([Outgoing(body="a", group=group) for group in groups])

    assert outcomes == [Outcome.DONE] * len(groups)
    assert len(await _receive(queues.queue, len(groups))) == len(groups)


async def test_a_message_that_is_refused_harms_no_other(queues: Queues) -> None:
    bodies = ["first", "\uffff", "third"]

    outcomes = await queues.queue.send([Outgoing(body=body) for body in bodies])

    assert outcomes == [Outcome.DONE, Outcome.REFUSED, Outcome.DONE]
    assert {message.body for message in await _receive(queues.queue, 2)} == {"first", "third"}


async def test_what_a_queue_refuses_survives_in_a_pack(queues: Queues) -> None:
    body = msgspec.Raw('{"data":"\uffff\ufffe \\u0000"}'.encode())
    event = Event(receipt="r", id="\uffff", source="/", inbox="default", type="t", body=body)
    pack = EventPack(tenant="t", key_id="k", accepted_at=1, events=[event])

    await _send(queues.queue, packs.encode(pack))

    [message] = await _receive(queues.queue)
    received = packs.decode(message.body)
    assert isinstance(received, EventPack)
    assert [(one.id, bytes(one.body)) for one in received.events] == [("\uffff", bytes(body))]


async def test_a_receive_takes_no_more_than_its_limit(queues: Queues) -> None:
    await _send(queues.queue, "a", "b", "c")

    messages = await queues.queue.receive(limit=2, wait_seconds=_LONG, visibility_seconds=600)

    assert 1 <= len(messages) <= 2


async def test_a_received_message_is_hidden_from_others(queues: Queues) -> None:
    await _send(queues.queue, "a")
    await _receive(queues.queue)

    assert await _receive_nothing(queues.queue)


async def test_a_receive_waits_for_a_message(queues: Queues) -> None:
    receiving = asyncio.create_task(_receive(queues.queue))
    await asyncio.sleep(0.2)

    await _send(queues.queue, "late")

    assert [message.body for message in await receiving] == ["late"]


async def test_a_message_comes_again_once_its_visibility_has_passed(queues: Queues) -> None:
    await _send(queues.queue, "a")
    [first] = await _receive(queues.queue, visibility_seconds=1)

    [second] = await _receive(queues.queue)

    assert (second.id, second.body, second.receives) == (first.id, "a", 2)


async def test_a_message_made_visible_is_received_immediately(queues: Queues) -> None:
    await _send(queues.queue, "a")
    messages = await _receive(queues.queue)

    await queues.queue.change_visibility(messages, 0)

    assert [message.receives for message in await _receive(queues.queue)] == [2]


async def test_extending_the_visibility_timeout_keeps_a_message_invisible(queues: Queues) -> None:
    await _send(queues.queue, "a")
    messages = await _receive(queues.queue, visibility_seconds=2)

    await queues.queue.change_visibility(messages, 600)

    await asyncio.sleep(2)
    assert await _receive_nothing(queues.queue)


async def test_a_deleted_message_never_comes_again(queues: Queues) -> None:
    await _send(queues.queue, "a", "b")
    messages = await _receive(queues.queue, 2)

    await queues.queue.delete(messages[:1])
    await queues.queue.change_visibility(messages[1:], 0)

    assert [message.id for message in await _receive(queues.queue)] == [messages[1].id]


async def test_a_message_may_be_deleted_twice_and_hidden_when_gone(queues: Queues) -> None:
    await _send(queues.queue, "a", "b")
    messages = await _receive(queues.queue, 2)

    await queues.queue.delete(messages)
    await queues.queue.delete(messages)
    await queues.queue.change_visibility(messages, 60)

    await queues.queue.delete([])
    await queues.queue.change_visibility([], 60)
    assert await queues.queue.backlog() == 0


async def test_the_backlog_counts_visible_messages(queues: Queues) -> None:
    await _send(queues.queue, "a", "b", "c")
    assert await queues.queue.backlog() == 3

    await queues.queue.delete(await _receive(queues.queue))

    assert await queues.queue.backlog() == 2


async def test_a_delayed_message_comes_after_its_delay(queues: Queues) -> None:
    outcomes = await queues.queue.send(
        [Outgoing(body="soon", delay_seconds=1), Outgoing(body="in a while", delay_seconds=900)]
    )

    assert outcomes == [Outcome.DONE, Outcome.DONE]
    assert [message.body for message in await _receive(queues.queue)] == ["soon"]
    assert await _receive_nothing(queues.queue)


async def test_a_message_received_too_often_moves_to_the_dlq(queues: Queues) -> None:
    assert await queues.queue.send([Outgoing(body="poison", attributes={"a": "1"})]) == [Outcome.DONE]
    for receives in range(1, MAX_RECEIVES + 1):
        [message] = await _receive(queues.queue)
        assert message.receives == receives
        await queues.queue.change_visibility([message], 0)

    assert await _receive_nothing(queues.queue)

    [dead] = await _receive(queues.dlq)
    assert (dead.body, dict(dead.attributes)) == ("poison", {"a": "1"})
