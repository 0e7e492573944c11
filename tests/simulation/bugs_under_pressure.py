"""Bugs that only overload shows: nothing is lost or listed twice, but what is stored falls, or costs more."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from shared.model.records import Outcome
from tests.simulation.planting import Bugs
from worker.commit.adaptive_concurrency import AdaptiveConcurrencyLimit
from worker.commit.chunk import ChunkWriter
from worker.commit.resolver import Resolver

PRESSURE_BUGS = Bugs()
_bug = PRESSURE_BUGS.add


@_bug
@pytest.mark.slow
def throttled_chunk_releases_its_place() -> Iterator[Any]:
    """Throttled events are repeated one by one, while other chunks are started."""

    async def write_once(self: ChunkWriter, commits: Sequence[Any], _: Callable[[], bool]) -> bool:
        claims, _unclaimed = await self._claim(commits)
        await self._commit(claims)
        return True

    yield patch.object(ChunkWriter, "write", write_once)


@_bug
def throttled_chunk_counts_as_in_time() -> Iterator[Any]:
    """The concurrency limit stays where it is, however much is throttled."""
    release = AdaptiveConcurrencyLimit.release
    yield patch.object(AdaptiveConcurrencyLimit, "release", lambda self, **_: release(self, late=False))


@_bug
def aged_claims_moved_one_by_one_with_tombstones() -> Iterator[Any]:
    """A claim that has aged takes the path of an insert in doubt: eight units instead of two."""
    move = Resolver._move

    async def leave_aged(_: ChunkWriter, claims: Sequence[Any]) -> list[Any]:
        return _young(claims)

    async def bury(self: Resolver, commit: Any, current: Any, own: Any, _: Any) -> Any:
        return await move(self, commit, current, own, self._reposition)

    yield patch.object(ChunkWriter, "_renew", leave_aged)
    yield patch.object(Resolver, "_move", bury)


@_bug
def claims_moved_at_every_attempt() -> Iterator[Any]:
    """A throttled insert is repeated at a new position each time, although the old one is young enough."""

    yield patch.object(ChunkWriter, "_renew", _moved)


@_bug
@pytest.mark.slow
def aged_claims_only_moved_and_then_inserted() -> Iterator[Any]:
    """With a table slower than the deadline, each position is too old by the time the guard has moved there."""

    async def move_aged(self: ChunkWriter, claims: Sequence[Any]) -> list[Any]:
        young = _young(claims)
        return young + await _moved(self, [claim for claim in claims if claim not in young])

    yield patch.object(ChunkWriter, "_renew", move_aged)


def _young(claims: Sequence[Any]) -> list[Any]:
    return [claim for claim in claims if claim.commit.may_commit(claim.guard.position)]


async def _moved(self: ChunkWriter, claims: Sequence[Any]) -> list[Any]:
    """Move all of `claims`, and return them."""
    guards = [replace(guard, position=commit.mint(), version=guard.version + 1) for commit, guard in claims]
    outcomes = await self._store.move_guards(guards) if guards else []
    assert set(outcomes) <= {Outcome.DONE}
    return [claim._replace(guard=guard) for claim, guard in zip(claims, guards, strict=True)]
