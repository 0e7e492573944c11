"""Concurrent calls: shared by callers that ask for the same at the same time, and gathered."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Runs at most one call per name at a time; it owns the tasks that it starts until `aclose`."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Task[V]] = {}

    def is_running(self, name: K) -> bool:
        """Tell whether a call of this name is under way."""
        return name in self._flights

    def start(self, name: K, call: Callable[[], Awaitable[V]]) -> asyncio.Task[V]:
        """Start `call` unless one of the same name is under way; nobody needs to wait for what it returns."""
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = asyncio.create_task(_await(call))
            flight.add_done_callback(lambda task: self._land(name, task))
        return flight

    async def run(self, name: K, call: Callable[[], Awaitable[V]]) -> V:
        """Return what `call` returns, or raise what it raises; join one of the same name if it is under way.

        A caller that is cancelled leaves; the call goes on for the others.
        """
        return await asyncio.shield(self.start(name, call))

    async def aclose(self) -> None:
        """Cancel what is under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _land(self, name: K, flight: asyncio.Task[V]) -> None:
        del self._flights[name]
        if not flight.cancelled():
            flight.exception()  # marks it as seen, in case everybody left


async def _await(call: Callable[[], Awaitable[V]]) -> V:
    return await call()


async def gather_all(jobs: Iterable[Coroutine[Any, Any, V]]) -> list[V]:
    """Run `jobs` concurrently; if one fails, cancel the others and raise its error bare."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
