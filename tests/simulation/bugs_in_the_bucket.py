"""Bugs that overlook that a call to the bucket may fail, lose its answer or come late."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

from shared.memory.bodies import MemoryBodies
from shared.model.errors import NotFound, Unavailable, Unclear
from shared.model.records import body_key
from tests.simulation.planting import Bugs
from worker.commit.event_commit import EventCommit, Result
from worker.commit.processor import Processor
from worker.commit.removal import Remover
from worker.reading.contents import Contents

BUCKET_BUGS = Bugs()
_bug = BUCKET_BUGS.under("bucket")


@_bug
def failed_put_taken_for_done() -> Iterator[Any]:
    """A body counts as offloaded once its put was sent."""

    async def marked_first(self: EventCommit, bodies: Any) -> None:
        was_offloaded, self._in_bucket = self._in_bucket, True
        if not was_offloaded and self.body_key is not None:
            await bodies.put(self.body_key, self.body)

    yield patch.object(EventCommit, "offload_body", marked_first)


@_bug
def body_put_after_its_event() -> Iterator[Any]:
    """The event is inserted first, so that an unstored event leaves no body; a reader may come in between."""
    store_all = Processor._store_all

    async def event_first(self: Processor, commits: Sequence[EventCommit], give_up: Callable[[], bool]) -> None:
        for commit in commits:
            commit._in_bucket = True
        await store_all(self, commits, give_up)
        for commit in commits:
            if commit.result is Result.STORED and commit.body_key is not None:
                with contextlib.suppress(Unavailable, Unclear):
                    await self._bodies.put(commit.body_key, commit.body)

    yield patch.object(Processor, "_store_all", event_first)


@_bug
def erase_that_deletes_the_body_first() -> Iterator[Any]:
    """The body is deleted before the guard is marked; until then the event is listed without it."""
    erase_one = Remover._erase_one

    async def body_first(self: Remover, pack: Any) -> bool:
        for guard in await self._store.read_guards(pack.identity):
            if guard.accepted_at <= pack.accepted_at:
                await self._bodies.delete(body_key(pack.tenant, guard.receipt))
        return await erase_one(self, pack)

    yield patch.object(Remover, "_erase_one", body_first)


@_bug
def deleted_bodies_leave_no_marker() -> Iterator[Any]:
    """An object that was deleted is gone; a put that was cut off brings it back."""

    async def pop(self: MemoryBodies, key: str) -> None:
        self.bodies.pop(key, None)

    yield patch.object(MemoryBodies, "delete", pop)


@_bug
def silent_bucket_taken_for_an_empty_one() -> Iterator[Any]:
    """An event whose body cannot be fetched is listed without data, and the cursor passes it."""
    fetch = Contents._fetch

    async def missing(self: Contents, event: Any, key: str) -> bytes:
        try:
            return await fetch(self, event, key)
        except (Unavailable, Unclear):
            with patch.object(self, "_bodies", _Empty()):
                return await fetch(self, event, key)

    yield patch.object(Contents, "_fetch", missing)


class _Empty:
    async def get(self, key: str) -> bytes:
        raise NotFound(key)


@_bug
def failed_delete_of_a_body_forgotten() -> Iterator[Any]:
    """The body of an event that was erased in flight is deleted with one call, which may fail."""

    async def try_once(self: Processor, commit: EventCommit) -> bool:
        with contextlib.suppress(Unavailable, Unclear):
            await self._bodies.delete(body_key(commit.tenant, commit.event.receipt))
        return True

    yield patch.object(Processor, "_delete_body", try_once)
