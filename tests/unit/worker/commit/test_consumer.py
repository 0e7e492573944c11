"""The long-running worker: messages before, during and after their processing."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from shared.model.errors import Unavailable, Unclear
from shared.model.records import Outcome
from shared.ports import Message
from shared.settings import Settings
from tests.fakes.scripted import answers, fails
from tests.fakes.virtual_time import in_virtual_time
from tests.unit.worker.commit.consumer_rig import AGAIN, DONE, LEFT, SETTINGS, GiveUp, Rig, gives, takes
from worker.commit.processor import Action, Disposition


@in_virtual_time
async def test_a_message_is_deleted_only_after_its_disposition() -> None:
    rig = Rig(takes(2))
    await rig.send("a")
    await asyncio.sleep(1)
    assert (len(rig.core.seen), rig.queue.bodies) == (1, ["a"])
    await asyncio.sleep(2)
    assert rig.queue.bodies == []
    await rig.finish()


@in_virtual_time
async def test_up_to_ten_messages_are_one_batch() -> None:
    rig = Rig(gives(DONE))
    await rig.send(*(str(number) for number in range(13)))
    await asyncio.sleep(1)
    await rig.finish()
    assert (len(rig.core.seen), rig.core.batches) == (13, 2)


@in_virtual_time
async def test_each_receiver_processes_one_batch_at_a_time() -> None:
    rig = Rig(takes(10), Settings(worker_receivers=3))
    for body in "abcd":
        await asyncio.sleep(1)
        await rig.send(body)
    await asyncio.sleep(1)
    assert rig.core.batches == 3
    await rig.finish()


@in_virtual_time
async def test_visibility_is_extended_during_processing() -> None:
    rig = Rig(takes(200))
    await rig.send("a")
    for _ in range(19):
        await asyncio.sleep(10)
        assert await rig.queue.receive(limit=10, wait_seconds=0, visibility_seconds=1) == []
    await asyncio.sleep(20)
    assert (len(rig.core.seen), rig.queue.bodies) == (1, [])
    await rig.finish()


@pytest.mark.parametrize("error", [Unavailable("no"), Unclear("cut off")])
@in_virtual_time
async def test_a_failed_extension_is_retried_at_the_next_interval(error: Exception) -> None:
    rig = Rig(takes(100))
    rig.wire.on("change_visibility", fails(error), fails(error))
    await rig.send("a")
    await asyncio.sleep(110)
    assert rig.wire.calls.count("change_visibility") == 9
    assert rig.queue.bodies == []
    await rig.finish()


@in_virtual_time
async def test_visibility_is_not_extended_after_processing() -> None:
    rig = Rig(gives(DONE))
    await rig.send("a")
    await asyncio.sleep(100)
    assert "change_visibility" not in rig.wire.calls
    await rig.finish()


@in_virtual_time
async def test_a_retried_message_is_redelivered_after_its_delay() -> None:
    rig = Rig(gives(AGAIN, DONE))
    await rig.send("a")
    await asyncio.sleep(4)
    assert len(rig.core.seen) == 1
    await asyncio.sleep(2)
    assert [message.receives for message in rig.core.seen] == [1, 2]
    assert rig.queue.bodies == []
    await rig.finish()


@in_virtual_time
async def test_a_retried_message_does_not_hold_up_its_batch() -> None:
    async def commit(messages: Sequence[Message], _: GiveUp) -> list[Disposition]:
        return [AGAIN if message.body == "b" else DONE for message in messages]

    rig = Rig(commit)
    await rig.send("a", "b", "c")
    await asyncio.sleep(1)
    assert rig.queue.bodies == ["b"]
    await rig.finish()


@in_virtual_time
async def test_an_unreadable_message_goes_to_the_dlq_by_redrive() -> None:
    rig = Rig(gives(LEFT))
    await rig.send("bad")
    await asyncio.sleep(60)
    assert (rig.queue.bodies, rig.dlq.bodies) == ([], ["bad"])
    assert len(rig.core.seen) == SETTINGS.max_receives
    await rig.finish()


@in_virtual_time
async def test_a_copy_is_sent_when_deliveries_run_out_so_an_outage_never_fills_the_dlq() -> None:
    rig = Rig(gives(AGAIN))
    await rig.send("a")
    await asyncio.sleep(600)
    assert (rig.queue.bodies, rig.dlq.bodies) == (["a"], [])
    assert len(rig.core.seen) > 50
    assert max(message.receives for message in rig.core.seen) == SETTINGS.max_receives - 1
    assert len({message.id for message in rig.core.seen}) > 10
    assert all(message.attributes == {"traceparent": "00-1-2-01"} for message in rig.core.seen)
    await rig.finish()


@pytest.mark.parametrize("refusal", [fails(Unavailable("no")), fails(Unclear("cut off")), answers(Outcome.THROTTLED)])
@in_virtual_time
async def test_a_message_whose_copy_may_not_have_been_sent_is_kept(refusal: Any) -> None:
    rig = Rig(gives(AGAIN, AGAIN, AGAIN, AGAIN, DONE))
    rig.wire.on("send", refusal)
    await rig.send("a")
    await asyncio.sleep(60)
    assert [message.receives for message in rig.core.seen] == [1, 2, 3, 4, 5]
    await rig.finish()


@in_virtual_time
async def test_a_failed_poll_is_repeated_after_a_second() -> None:
    rig = Rig(gives(DONE))
    rig.wire.on("receive", *[fails(Unavailable("down"))] * 3, fails(Unclear("cut off")))
    await rig.send("a")
    await asyncio.sleep(3.5)
    assert rig.core.seen == []
    await asyncio.sleep(1)
    assert len(rig.core.seen) == 1
    await rig.finish()


@in_virtual_time
async def test_a_failed_delete_is_retried() -> None:
    rig = Rig(gives(DONE))
    rig.wire.on("delete", fails(Unavailable("no")), fails(Unclear("cut off")))
    await rig.send("a")
    await asyncio.sleep(1)
    assert rig.queue.bodies == []
    await rig.finish()


@in_virtual_time
async def test_a_message_that_cannot_be_deleted_is_redelivered_and_blocks_nothing() -> None:
    rig = Rig(gives(DONE))
    rig.wire.on("delete", *[fails(Unavailable("no"))] * 9)
    await rig.send("a")
    await asyncio.sleep(6)
    await rig.send("b")
    await asyncio.sleep(1)
    assert [message.body for message in rig.core.seen] == ["a", "b"]
    await asyncio.sleep(40)
    assert [message.body for message in rig.core.seen] == ["a", "b", "a"]
    assert rig.queue.bodies == []
    await rig.finish()


@in_virtual_time
async def test_on_stop_it_finishes_received_messages_and_receives_no_more() -> None:
    rig = Rig(takes(10))
    await rig.send("a")
    await asyncio.sleep(1)
    rig.stop.set()
    await rig.send("b")
    await rig.running
    assert rig.queue.bodies == ["b"]
    assert rig.loop.time() == pytest.approx(10)


@in_virtual_time
async def test_on_stop_it_does_not_wait_for_a_long_poll_to_end() -> None:
    rig = Rig(gives(DONE))
    await asyncio.sleep(5)
    await rig.finish()
    assert rig.loop.time() == pytest.approx(5.5)


@in_virtual_time
async def test_a_message_received_during_the_stop_is_not_left_invisible() -> None:
    rig = Rig(gives(DONE))
    await asyncio.sleep(5)
    rig.stop.set()
    await asyncio.sleep(0.2)
    await rig.send("a")
    await rig.running
    assert rig.queue.bodies == []


@in_virtual_time
async def test_twenty_seconds_after_the_stop_unfinished_messages_are_returned() -> None:
    async def wait_for_the_store(messages: Sequence[Message], give_up: GiveUp) -> list[Disposition]:
        while not give_up():  # noqa: ASYNC110 - it is time that is awaited
            await asyncio.sleep(0.1)
        return [AGAIN] * len(messages)

    rig = Rig(wait_for_the_store)
    await rig.send("a")
    await asyncio.sleep(100)
    await rig.finish()
    assert rig.loop.time() == pytest.approx(120, abs=1)
    await asyncio.sleep(5)
    [message] = await rig.queue.receive(limit=1, wait_seconds=0, visibility_seconds=30)
    assert message.body == "a"


@in_virtual_time
async def test_a_worker_that_dies_leaves_its_messages_to_another() -> None:
    rig = Rig(takes(50))
    await rig.send("a")
    await asyncio.sleep(1)
    rig.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rig.running
    [message] = await rig.queue.receive(limit=1, wait_seconds=40, visibility_seconds=30)
    assert (message.body, message.receives) == ("a", 2)


@in_virtual_time
async def test_one_line_is_logged_per_message_without_its_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="triggers.worker")
    stored = Disposition(action=Action.DELETE, counts={"stored": 3}, tenant="acme")
    rig = Rig(gives(stored, LEFT))
    await rig.send("secret-1", "secret-2")
    await asyncio.sleep(1)
    await rig.finish()
    lines = [record for record in caplog.records if record.message == "message"]
    assert [line.levelname for line in lines] == ["INFO", "WARNING"]
    fields = [vars(line) for line in lines]
    assert (fields[0]["action"], fields[0]["stored"], fields[0]["tenant"]) == ("delete", 3, "acme")
    assert (fields[1]["action"], fields[1]["reason"]) == ("leave", "unreadable")
    assert "secret" not in str(fields)
