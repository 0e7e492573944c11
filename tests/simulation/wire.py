"""The connection of a process to a service: calls may be slow, refused, cut off, or take effect late or in part."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from shared.model.errors import TriggersError, Unavailable, Unclear
from shared.model.records import Outcome, Place
from shared.ports import EventStore
from tests.simulation.settings import AGES_MS, near
from tests.simulation.virtual import Process

T = TypeVar("T")


class Faults(msgspec.Struct, kw_only=True):
    """The probabilities of faults in a call. `counts` says how often each occurred."""

    throttled: float = 0.0  # refused before it took effect
    lost: float = 0.0  # took effect in time; the answer was lost
    partly: float = 0.0  # some statements of a batch were refused, or lost their answer
    late: float = 0.0  # cut off, and takes effect seconds later
    slow: float = 0.0  # answered, but only just before the timeout
    paused: float = 0.0  # the process stalls between its decision and its call
    is_down: bool = False  # nothing answers
    counts: dict[str, int] = {}

    def stop(self) -> None:
        """Let every call succeed from now on."""
        self.throttled = self.lost = self.partly = self.late = self.slow = self.paused = 0.0

    def strikes(self, rng: random.Random, kind: str) -> bool:
        """Decide whether `kind` happens now, and count it."""
        happens: bool = rng.random() < getattr(self, kind)
        if happens:
            self.counts[kind] = self.counts.get(kind, 0) + 1
        return happens


class Wire:
    """One process's connection to one service."""

    def __init__(self, process: Process, rng: random.Random, faults: Faults, *, timeout_ms: int) -> None:
        self._process = process
        self._rng = rng
        self._faults = faults
        self._timeout = timeout_ms / 1000

    async def call(self, effect: Callable[[], Coroutine[Any, Any, T]], *, in_parts: bool = False) -> T:
        """Run `effect` atomically after a short delay, even if the caller dies or gives up meanwhile.

        The timeout starts when the call is sent: a process that stalls between its decision and its call sends late,
        and by that timer still gets its answer in time.
        """
        rng, faults = self._rng, self._faults
        if faults.strikes(rng, "paused"):
            self._process.stall(near(rng, AGES_MS, rng.choice((1_100, 3_000))) / 1000)
        await self._process.awake()
        if faults.is_down or faults.strikes(rng, "throttled"):
            await asyncio.sleep(rng.uniform(0.001, 0.02))
            await self._process.awake()
            raise Unavailable("simulated")
        delay = self._delay()
        if faults.strikes(rng, "late"):
            delay = max(self._timeout, near(rng, AGES_MS, rng.choice((1_100, 6_500))) / 1000)
        if in_parts and faults.strikes(rng, "partly"):
            effect = self._in_parts(effect)
        answer: asyncio.Future[T] = self._process.loop.create_future()
        self._process.loop.call_later(delay, _take_effect, effect, answer)
        try:
            if delay >= self._timeout or faults.strikes(rng, "lost"):
                await asyncio.sleep(self._timeout)
                raise Unclear("simulated")
            return await answer
        finally:
            await self._process.awake()

    def _delay(self) -> float:
        if self._faults.strikes(self._rng, "slow"):
            return self._rng.uniform(0.3, 0.98) * self._timeout
        return self._rng.choice((0.002, 0.01, 0.03)) * self._rng.random()

    def _in_parts(self, effect: Callable[[], Coroutine[Any, Any, T]]) -> Callable[[], Coroutine[Any, Any, T]]:
        async def parts() -> T:
            outcomes = cast("list[Outcome]", await effect())
            return cast("T", [Outcome.UNCLEAR if self._rng.random() < 0.3 else outcome for outcome in outcomes])

        return parts


def _take_effect(effect: Callable[[], Coroutine[Any, Any, T]], answer: "asyncio.Future[T]") -> None:
    """Run a call to an in-memory service, which never waits, to completion."""
    try:
        effect().send(None)
    except StopIteration as done:
        if not answer.done():
            answer.set_result(done.value)
    except TriggersError as error:
        if not answer.done():
            answer.set_exception(error)
    else:
        raise AssertionError("an in-memory service waited")


LayOut = Callable[[str, Sequence[Any]], Awaitable[Callable[[], None]]]
"""Returns what gives the store the layout of a process, for a call by name and arguments. It may read the layout."""


async def _nothing(_name: str, _args: Sequence[Any]) -> Callable[[], None]:
    return lambda: None


class _WiredStore:
    """Every method of a store, with each call through a wire."""

    def __init__(
        self,
        store: EventStore,
        wire: Wire,
        process: Process,
        rng: random.Random,
        faults: Faults,
        *,
        lay_out: LayOut = _nothing,
    ) -> None:
        self.process = process
        self._store = store
        self._lay_out = lay_out
        self._wire = wire
        self._rng = rng
        self._faults = faults

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name in ("insert_guards", "insert_events", "move_guards"):
            return lambda items: self._batch(name, items)
        return lambda *args, **kwargs: self._call(name, args, kwargs)

    async def prepare(self) -> None:
        """Wait for the layout alone, as `shared.aws.event_store` does."""
        await self._lay_out("prepare", ())

    async def shards(self, inbox: Place, before: str) -> int:
        (await self._lay_out("shards", ()))()
        return await self._store.shards(inbox, before)

    async def _call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Make a call with the layout that the process has now, however late the call takes effect."""
        lay_out, method = await self._lay_out(name, args), getattr(self._store, name)

        def effect() -> Coroutine[Any, Any, Any]:
            lay_out()
            return cast("Coroutine[Any, Any, Any]", method(*args, **kwargs))

        return await self._wire.call(effect)

    def mark(self) -> int:
        return 0

    async def wait_for_change(self, _: int, timeout_ms: float) -> None:
        """Wait in the process, since a store whose changes readers do not notice has no part in it."""
        await self.process.sleep_ms(timeout_ms)

    async def _batch(self, name: str, items: Sequence[Any]) -> list[Outcome]:
        """Write a batch, which is not atomic: some statements may be refused while others take effect."""
        lay_out, method = await self._lay_out(name, items), getattr(self._store, name)
        refused = [self._faults.strikes(self._rng, "throttled") for _ in items]
        taken = [item for item, is_refused in zip(items, refused, strict=True) if not is_refused]

        def effect() -> Coroutine[Any, Any, list[Outcome]]:
            lay_out()
            return cast("Coroutine[Any, Any, list[Outcome]]", method(taken))

        outcomes = iter(await self._wire.call(effect, in_parts=True))
        return [Outcome.THROTTLED if is_refused else next(outcomes) for is_refused in refused]


def wired_store(
    store: EventStore,
    wire: Wire,
    process: Process,
    rng: random.Random,
    faults: Faults,
    *,
    lay_out: LayOut = _nothing,
) -> EventStore:
    """Return `store` as a process sees it."""
    return cast("EventStore", _WiredStore(store, wire, process, rng, faults, lay_out=lay_out))
