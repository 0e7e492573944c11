"""The core of the worker: processes messages and returns dispositions. It is independent of AWS and HTTP.

The common path is one guard insert and one event insert per event, 25 to a call, across the messages of a batch.
`worker.commit.resolver` handles everything else. A message's disposition is known when all its events are finished;
the two consumers (`consumer` and `lambda_handler`) apply it: they delete the message or have it redelivered.
"""

import asyncio
import contextlib
import enum
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from shared.containers import batches
from shared.layouts import Layouts
from shared.model import pack as packs
from shared.model.errors import Poison, Unavailable, Unclear, clock_error
from shared.model.event import Identity
from shared.model.pack import AckPack, EventPack, Pack, Removal
from shared.model.records import body_key
from shared.ports import MAX_STATEMENTS, BodyStore, EventStore, Message
from shared.telemetry.catalog import Metrics
from worker.commit.adaptive_concurrency import AdaptiveConcurrencyLimit
from worker.commit.chunk import ChunkWriter
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules, EventCommit, Result
from worker.commit.inbox_loads import InboxLoads
from worker.commit.inbox_scaling import InboxScaling
from worker.commit.metrics import ProcessorCounts
from worker.commit.removal import Removed, Remover
from worker.commit.resolver import Resolver
from worker.commit.retry import retry_until

_log = logging.getLogger("triggers.worker")

_MAX_CONCURRENT_CHUNKS = 8
_ACK_RETRY_MS = 300_000
"""How long an ack by identity waits for its event, from the acceptance of the ack."""
_RETRY_SECONDS = (1, 5, 15, 60)
_NOT_KEPT = frozenset({Result.DUPLICATE, Result.CONFLICT, Result.EXPIRED})


class Action(enum.Enum):
    """How a consumer handles a message."""

    DELETE = "delete"  # all its events are finished
    RETRY = "retry"  # the message is not at fault, and must never reach the DLQ
    LEAVE = "leave"  # unreadable; the redrive policy of SQS moves it to the DLQ


class Disposition(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a message: the action, the delay before a redelivery, and its events counted by result."""

    action: Action
    delay_seconds: int = 0
    counts: Mapping[str, int] = {}
    tenant: str | None = None
    reason: str | None = None


class _Opened(msgspec.Struct, kw_only=True):
    """A message in progress."""

    message: Message
    pack: Pack | None = None
    reason: str | None = None
    commits: list[EventCommit] = []
    counts: Counter[str] = msgspec.field(default_factory=Counter)


def never() -> bool:
    """Never give up."""
    return False


class Processor:
    """Processes messages of one queue; may process many batches concurrently.

    With `layouts`, it gives inboxes the shards that they need.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        bodies: BodyStore,
        dead_letters: DeadLetters,
        rules: CommitRules,
        layouts: Layouts | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._bodies = bodies
        self._dead_letters = dead_letters
        self._rules = rules
        metrics = metrics or Metrics()
        self._counts = ProcessorCounts(metrics)
        self._resolver = Resolver(store, bodies, rules, metrics)
        loads = InboxLoads(rules.clock)
        self._chunks = ChunkWriter(store, self._resolver, rules, loads, metrics)
        self._remover = Remover(store, bodies, rules, loads)
        self._scaling = None if layouts is None else InboxScaling(layouts, loads, rules, metrics)
        self._concurrency = AdaptiveConcurrencyLimit(_MAX_CONCURRENT_CHUNKS)
        metrics.concurrency_limit.of().read = lambda: self._concurrency.current

    async def process(self, messages: Sequence[Message], *, give_up: Callable[[], bool] = never) -> list[Disposition]:
        """Process all events of `messages`, and return a disposition for each message.

        Raises no exception: a message that triggers a bug in this program is left to the redrive policy, and the rest
        of its batch is processed without it. Events not finished when `give_up` turns true, or when the clock is found
        to be wrong, are postponed: their messages get `RETRY`, and repeating the work is safe.
        """

        def must_give_up() -> bool:
            return give_up() or self._rules.clock_is_wrong()

        try:
            return await self._process(messages, must_give_up)
        except Exception as error:  # noqa: BLE001 - no error may affect the other messages
            _log.exception("processing failed", extra={"messages": len(messages)})
            if len(messages) == 1:
                return [self._leave(messages[0], f"processing failed: {_kind(error)}")]
            return [
                disposition for message in messages for disposition in await self.process([message], give_up=give_up)
            ]

    async def _process(self, messages: Sequence[Message], give_up: Callable[[], bool]) -> list[Disposition]:
        if self._rules.clock_is_wrong():
            # Its times decide where events are listed, and whether they have expired. Other workers may be right.
            return [self._wait_for_the_clock(message) for message in messages]
        self._counts.batch_messages.observe(len(messages))
        opened = [self._open(message) for message in messages]
        commits = [commit for one in opened for commit in one.commits]
        await self._store_all([commit for commit in commits if commit.result is None], give_up)
        await self._clear_bucket(commits, give_up)
        async with asyncio.TaskGroup() as group:
            for one in opened:
                if one.pack is not None and not isinstance(one.pack, EventPack):
                    group.create_task(self._remove(one, one.pack, give_up))
        if self._scaling is not None:
            await self._scaling.run()
        return [self._disposition(one) for one in opened]

    def _open(self, message: Message) -> _Opened:
        try:
            pack = packs.decode(message.body)
        except Poison as poison:
            return _Opened(message=message, reason=str(poison))
        commits = (
            [EventCommit(event, pack, self._rules) for event in pack.events] if isinstance(pack, EventPack) else []
        )
        if commits and self._rules.is_expired(commits[0].accepted_at):
            # A redrive weeks later must not revive an expired event.
            for commit in commits:
                commit.result = Result.EXPIRED if self._rules.confirms_clock() else Result.POSTPONED
        return _Opened(message=message, pack=pack, commits=commits)

    async def _store_all(self, commits: Sequence[EventCommit], give_up: Callable[[], bool]) -> None:
        """Store events in order. The first of each identity claims it; the others are resolved after that."""
        leaders: dict[Identity, EventCommit] = {}
        followers = [commit for commit in commits if leaders.setdefault(commit.identity, commit) is not commit]
        async with asyncio.TaskGroup() as group:
            for chunk in batches(list(leaders.values()), MAX_STATEMENTS):
                group.create_task(self._store_chunk(chunk, give_up))
        await self._resolve_all(followers, give_up)

    async def _store_chunk(self, chunk: Sequence[EventCommit], give_up: Callable[[], bool]) -> None:
        await self._concurrency.acquire()
        late = False
        try:
            late = not await self._write_chunk(chunk, give_up)
            if late:
                # Its place stays taken until its events are resolved: others would only add to the load.
                await self._resolve_rest(chunk, give_up)
        finally:
            self._concurrency.release(late=late)
        await self._resolve_rest(chunk, give_up)

    async def _write_chunk(self, chunk: Sequence[EventCommit], give_up: Callable[[], bool]) -> bool:
        """Claim and commit `chunk`; return whether the store kept up."""
        if give_up():
            return True
        await asyncio.gather(*(self._offload_body(commit) for commit in chunk if not commit.is_offloaded))
        with self._counts.chunk(len(chunk)):
            return await self._chunks.write([commit for commit in chunk if commit.is_offloaded], give_up)

    async def _resolve_rest(self, chunk: Sequence[EventCommit], give_up: Callable[[], bool]) -> None:
        await self._resolve_all([commit for commit in chunk if commit.result is None], give_up)

    async def _offload_body(self, commit: EventCommit) -> None:
        with contextlib.suppress(Unavailable, Unclear):
            await commit.offload_body(self._bodies)

    async def _resolve_all(self, commits: Sequence[EventCommit], give_up: Callable[[], bool]) -> None:
        for batch in batches(commits, MAX_STATEMENTS):
            await asyncio.gather(*(self._resolve(commit, give_up) for commit in batch))

    async def _resolve(self, commit: EventCommit, give_up: Callable[[], bool]) -> None:
        try:
            commit.result = await self._resolver.resolve(commit, give_up=give_up)
        except Poison as poison:
            sent = await self._dead_letters.send(commit, str(poison))
            commit.result = Result.DEAD if sent else Result.POSTPONED

    async def _remove(self, one: _Opened, pack: AckPack | Removal, give_up: Callable[[], bool]) -> None:
        removed = await retry_until(self._rules.clock, lambda: self._remover.remove(pack), give_up=give_up)
        if removed is None:
            one.counts[Result.POSTPONED.value] = 1
        elif Removed.MISSING in removed:
            # The event may still be in flight, in a message whose worker died. After 5 minutes, it never existed.
            age_ms = self._rules.clock.wall_ms() - pack.accepted_at
            is_gone = age_ms > _ACK_RETRY_MS and self._rules.confirms_clock()
            one.counts[(Removed.GONE if is_gone else Result.POSTPONED).value] = 1
        else:
            one.counts.update({result.value: count for result, count in removed.items()})

    async def _clear_bucket(self, commits: Sequence[EventCommit], give_up: Callable[[], bool]) -> None:
        """Delete the bodies of events that are not kept; this delivery of the event or another may have put them.

        An event whose body can't be deleted is postponed: no later erase would find the body.
        """
        for commit in commits:
            if commit.result is Result.ERASED or (commit.result in _NOT_KEPT and commit.body_key):
                deleted = await retry_until(self._rules.clock, partial(self._delete_body, commit), give_up=give_up)
                if deleted is None:
                    commit.result = Result.POSTPONED

    async def _delete_body(self, commit: EventCommit) -> bool:
        await self._bodies.delete(body_key(commit.tenant, commit.event.receipt))
        return True

    def _wait_for_the_clock(self, message: Message) -> Disposition:
        self._rules.service_time.refusals.add()
        reason = f"the clock of this worker {clock_error(self._rules.clock_error_ms())}"
        return Disposition(action=Action.RETRY, delay_seconds=_delay_seconds(message), reason=reason)

    def _disposition(self, one: _Opened) -> Disposition:
        if one.pack is None:
            return self._leave(one.message, one.reason)
        one.counts.update(commit.result.value for commit in one.commits if commit.result is not None)
        postponed = Result.POSTPONED.value in one.counts
        self._counts.message(one.pack, one.counts, self._rules.clock.wall_ms())
        return Disposition(
            action=Action.RETRY if postponed else Action.DELETE,
            delay_seconds=_delay_seconds(one.message),
            counts=dict(one.counts),
            tenant=one.pack.tenant,
        )

    def _leave(self, message: Message, reason: str | None) -> Disposition:
        """Leave a message to the redrive policy; above the limit of dead letters per minute, keep it in the queue."""
        is_last = message.receives >= self._rules.settings.max_receives - 1
        leave = not is_last or self._dead_letters.allow()
        return Disposition(
            action=Action.LEAVE if leave else Action.RETRY, delay_seconds=_delay_seconds(message), reason=reason
        )


def _delay_seconds(message: Message) -> int:
    return _RETRY_SECONDS[min(message.receives, len(_RETRY_SECONDS)) - 1]


def _kind(error: Exception) -> str:
    """Return the type of `error`, or of the first one if it is a group, which task groups raise."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
