"""Concurrent calls: `SingleFlight` shares one call among concurrent callers; `gather_all` runs several at once."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Runs at most one call per name at a time, and owns the tasks it starts until `aclose`."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Task[V]] = {}

    def is_running(self, name: K) -> bool:
        """Return whether a call with this name is in progress."""
        return name in self._flights

    def start(self, name: K, call: Callable[[], Awaitable[V]]) -> asyncio.Task[V]:
        """Start `call` unless one with this name is in progress; return its task, which need not be awaited."""
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = asyncio.create_task(_await(call))
            flight.add_done_callback(lambda task: self._land(name, task))
        return flight

    async def run(self, name: K, call: Callable[[], Awaitable[V]]) -> V:
        """Run `call`, or join the one in progress with this name; return its result or raise its error.

        Cancelling a caller does not cancel the call.
        """
        return await asyncio.shield(self.start(name, call))

    async def aclose(self) -> None:
        """Cancel the calls in progress."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _land(self, name: K, flight: asyncio.Task[V]) -> None:
        del self._flights[name]
        if not flight.cancelled():
            flight.exception()  # marks it as retrieved, in case every caller was cancelled


async def _await(call: Callable[[], Awaitable[V]]) -> V:
    return await call()


async def gather_all(jobs: Iterable[Coroutine[Any, Any, V]]) -> list[V]:
    """Run `jobs` concurrently and return their results in order; if one fails, cancel the others and raise its error.

    The error is raised as it is, without an exception group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
