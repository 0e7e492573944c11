"""The common path: up to 25 events claimed and committed together, with one call for all of them at each step."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from shared.model.errors import Unavailable, Unclear
from shared.model.records import Guard, Outcome
from shared.ports import EventStore
from shared.telemetry.catalog import Metrics
from worker.commit.event_commit import CommitRules, EventCommit
from worker.commit.inbox_loads import InboxLoads
from worker.commit.resolver import Resolver
from worker.commit.retry import FIRST_PAUSE_MS, LONGEST_PAUSE_MS

T = TypeVar("T")


class _Claim(NamedTuple):
    """An event whose guard is in the store, and to whose position nothing was sent yet."""

    commit: EventCommit
    guard: Guard


class ChunkWriter:
    """Stores chunks of events; the resolver handles those that it leaves without a result."""

    def __init__(
        self,
        store: EventStore,
        resolver: Resolver,
        rules: CommitRules,
        loads: InboxLoads,
        metrics: Metrics | None = None,
    ) -> None:
        self._loads = loads
        self._moved_claims = (metrics or Metrics()).moved_claims.of()
        self._store = store
        self._resolver = resolver
        self._rules = rules

    async def write(self, commits: Sequence[EventCommit], give_up: Callable[[], bool]) -> bool:
        """Claim and commit up to 25 events; return whether the store kept up with them.

        Throttled statements are repeated together, after pauses that double from 20 ms to 5 s.
        """
        began_ms = self._rules.clock.monotonic_ms()
        claims, unclaimed = await self._claim(commits)
        kept_up = self._rules.clock.monotonic_ms() - began_ms <= self._rules.settings.commit_deadline_ms
        claims = await self._commit(claims)
        pause_ms = FIRST_PAUSE_MS
        while (claims or unclaimed) and not give_up():
            kept_up = False
            await self._rules.clock.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, LONGEST_PAUSE_MS)
            claimed, unclaimed = await self._claim(unclaimed)
            claims = await self._commit([*await self._renew(claims), *claimed])
        return kept_up

    async def _claim(self, commits: Sequence[EventCommit]) -> tuple[list[_Claim], list[EventCommit]]:
        """Insert the guards; return the confirmed claims, and the events whose claims were throttled."""
        guards = [commit.guard_at(commit.mint()) for commit in commits]
        outcomes = await _outcomes(self._store.insert_guards, guards)
        answered = list(zip(commits, guards, outcomes, strict=True))
        claims = [_Claim(commit, guard) for commit, guard, outcome in answered if outcome is Outcome.DONE]
        return claims, [commit for commit, _, outcome in answered if outcome is Outcome.THROTTLED]

    async def _commit(self, claims: Sequence[_Claim]) -> list[_Claim]:
        """Insert the events whose positions are young enough; return the others, and those that were throttled."""
        if not claims:
            return []
        try:
            await self._store.prepare()  # before the ages are compared, so that the insert need not wait
        except Unavailable:
            return list(claims)
        young, aged = _by_age(claims)
        for commit, guard in young:
            commit.sent.add(guard.position)
        events = [commit.stored_at(guard.position) for commit, guard in young]
        outcomes = await _outcomes(self._store.insert_events, events)
        self._loads.observe(events, outcomes)
        remaining = aged
        for claim, outcome in zip(young, outcomes, strict=True):
            claim.commit.record_outcome(claim.guard.position, outcome)
            if outcome is Outcome.THROTTLED:
                remaining.append(claim)
        await self._resolver.confirm([(commit, guard.position) for commit, guard in young])
        return remaining

    async def _renew(self, claims: Sequence[_Claim]) -> list[_Claim]:
        """Move the claims that have aged; return those that can be committed, or moved later.

        Left to the resolver: a claim whose move was answered so late that it has aged again. While the store is
        slower than the deadline, moving first and inserting afterwards would never end.
        """
        renewed, aged = _by_age(claims)
        moved = [replace(guard, position=commit.mint(), version=guard.version + 1) for commit, guard in aged]
        outcomes = await _outcomes(self._store.move_guards, moved)
        self._moved_claims.add(outcomes.count(Outcome.DONE))
        for claim, guard, outcome in zip(aged, moved, outcomes, strict=True):
            if outcome is Outcome.THROTTLED:
                renewed.append(claim)
            elif outcome is Outcome.DONE and claim.commit.may_commit(guard.position):
                renewed.append(claim._replace(guard=guard))
        return renewed


def _by_age(claims: Sequence[_Claim]) -> tuple[list[_Claim], list[_Claim]]:
    """Return the claims at whose positions an event may still be inserted, and those that are too old."""
    young: list[_Claim] = []
    aged: list[_Claim] = []
    for claim in claims:
        (young if claim.commit.may_commit(claim.guard.position) else aged).append(claim)
    return young, aged


async def _outcomes(call: Callable[[Sequence[T]], Awaitable[list[Outcome]]], items: Sequence[T]) -> list[Outcome]:
    """Call `call`; return one outcome per item even if the whole call fails."""
    if not items:
        return []
    try:
        return await call(items)
    except Unavailable:
        return [Outcome.THROTTLED] * len(items)
    except Unclear:
        return [Outcome.UNCLEAR] * len(items)
