from pathlib import Path

import pytest

from shared.model.errors import Unavailable
from shared.model.pack import MAX_MESSAGE_BYTES
from shared.model.records import Outcome
from shared.ports import Message, Outgoing
from tests.fakes.clock import FakeClock
from tests.unit.shared.sqlite.rig import opened


async def test_a_message_over_the_limit_is_refused_and_a_call_over_it_is_unavailable(tmp_path: Path) -> None:
    async with opened(tmp_path) as backend:
        queue = await backend.queue()
        half = Outgoing(body="a" * (MAX_MESSAGE_BYTES // 2 + 1))

        assert await queue.send([Outgoing(body="ü" * MAX_MESSAGE_BYTES)]) == [Outcome.REFUSED]
        with pytest.raises(Unavailable, match="1,048,576 bytes"):
            await queue.send([half, half])
        with pytest.raises(Unavailable, match="10 messages"):
            await queue.send([Outgoing(body="a")] * 11)

        assert await queue.backlog() == 0


async def test_a_handle_of_an_earlier_receive_neither_deletes_nor_hides(tmp_path: Path) -> None:
    async with opened(tmp_path) as backend:
        queue = await backend.queue()
        await queue.send([Outgoing(body="a")])
        first = await queue.receive(limit=1, wait_seconds=0, visibility_seconds=0)
        second = await queue.receive(limit=1, wait_seconds=0, visibility_seconds=0)

        await queue.delete(first)
        await queue.change_visibility(first, 600)

        assert await queue.backlog() == 1
        await queue.delete(second)
        assert await queue.backlog() == 0


async def test_an_old_handle_does_not_delete_a_message_that_came_later(tmp_path: Path) -> None:
    async with opened(tmp_path) as backend:
        queue = await backend.queue()
        await queue.send([Outgoing(body="a")])
        old = await queue.receive(limit=1, wait_seconds=0, visibility_seconds=60)
        await queue.delete(old)
        await queue.send([Outgoing(body="b")])
        new = await queue.receive(limit=1, wait_seconds=0, visibility_seconds=60)

        await queue.delete(old)
        await queue.change_visibility(new, 0)

        assert [message.body for message in await _all(queue.receive)] == ["b"]


async def test_time_that_passes_makes_a_message_visible_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as backend:
        queue = await backend.queue()
        await queue.send([Outgoing(body="a", attributes={"k": "v"})])
        await queue.receive(limit=1, wait_seconds=0, visibility_seconds=60)

    clock.advance(60)
    async with opened(tmp_path, clock) as backend:
        [message] = await (await backend.queue()).receive(limit=1, wait_seconds=0, visibility_seconds=60)
        assert (message.receives, message.sent_at, message.attributes) == (2, clock.wall_ms() - 60_000, {"k": "v"})


async def _all(receive: object) -> list[Message]:
    received: list[Message] = await receive(limit=10, wait_seconds=0, visibility_seconds=60)  # type: ignore[operator]
    return received
