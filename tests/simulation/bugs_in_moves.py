"""Bugs in moving a claim to which nothing was sent: it leaves no tombstones, so it must be certain that nothing was."""

from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from shared.memory.event_store import MemoryStore
from shared.model.records import Guard, Outcome
from tests.simulation.planting import Bugs
from worker.commit.event_commit import EventCommit

MOVE_BUGS = Bugs()
_bug = MOVE_BUGS.add


@_bug
def claim_moved_although_an_insert_was_sent() -> Iterator[Any]:
    """A claim is moved without tombstones after an insert that had no answer; that arrives late, and is listed too."""
    yield patch.object(EventCommit, "is_unsent", lambda self, position: position in self._minted)


@_bug
def claims_moved_without_a_version() -> Iterator[Any]:
    """A move that was cut off takes effect after another, and takes the guard away from its event."""

    def unchecked(self: MemoryStore, moved: Guard) -> Outcome:
        guards = self._guards[moved.identity]
        guards["guard"] = replace(guards["guard"], position=moved.position, version=moved.version)
        return Outcome.DONE

    yield patch.object(MemoryStore, "_move_guard", unchecked)


@_bug
def refused_move_treated_as_done() -> Iterator[Any]:
    """A claim that another worker has moved meanwhile is committed at the position that was refused."""
    move_guards = MemoryStore.move_guards

    async def optimistic(self: MemoryStore, moved: Sequence[Guard]) -> list[Outcome]:
        await move_guards(self, moved)
        return [Outcome.DONE] * len(moved)

    yield patch.object(MemoryStore, "move_guards", optimistic)
