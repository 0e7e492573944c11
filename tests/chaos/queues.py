"""The queue and the DLQ, read without the processes under test."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

import pytest

from shared.backend import connect
from shared.clock import SystemClock
from shared.dead_letters import peek_dlq
from shared.model import pack as packs
from shared.model.pack import EventPack
from shared.ports import EventQueue
from shared.settings import Settings
from tests.chaos.events import Identity
from tests.chaos.waiting import until

_EMPTY_POLLS = 5
_PAUSE_SECONDS = 0.3


class Queues:
    """Both queues of a run. Make one with `opened`."""

    def __init__(self, queue: EventQueue, dlq: EventQueue, visibility_seconds: int) -> None:
        self._queue = queue
        self._dlq = dlq
        self._visibility_seconds = visibility_seconds

    async def quiet(self, seconds: float) -> None:
        """Return when the queue has been empty for a while; raise TimeoutError if it is not within `seconds`.

        A message that is being worked on is invisible, so the queue counts as empty only after it has been for longer
        than a received message stays invisible.
        """
        polls, needed = 0, int(self._visibility_seconds / _PAUSE_SECONDS) + _EMPTY_POLLS

        async def empty_for_some_time() -> bool:
            nonlocal polls
            polls = polls + 1 if await self._queue.backlog() == 0 else 0
            await asyncio.sleep(_PAUSE_SECONDS)
            return polls >= needed

        await until("the queue is empty", empty_for_some_time, seconds=seconds)

    async def dead_letters(self) -> list[list[Identity]]:
        """Return the events of each message in the DLQ, and leave all of them there."""
        found = []
        async with peek_dlq(self._dlq) as peek:
            async for messages in peek.take():
                for message in messages:
                    pack = packs.decode(message.body)
                    assert isinstance(pack, EventPack), "nothing but events was sent"
                    found.append([Identity(event.inbox, event.source, event.id) for event in pack.events])
        return found


@asynccontextmanager
async def opened(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Queues]:
    """Open both queues of a run; `environ` names the emulator, if there is one."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environ.items():
            patched.setenv(name, value)
        async with aclosing(connect(settings, SystemClock())) as backend:
            yield Queues(await backend.queue(), await backend.dlq(), settings.visibility_seconds)
