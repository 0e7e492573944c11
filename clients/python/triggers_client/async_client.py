"""The asynchronous client, for asyncio: the same methods as `Client`, to be awaited."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import httpx

from triggers_client.async_leases import AsyncLease, handled
from triggers_client.errors import TriggersError
from triggers_client.events import Accepted, Event, EventStatus, Page
from triggers_client.exchange import Outcome, Pause, Request, Steps, T, http_options
from triggers_client.lease_operations import leasing
from triggers_client.operations import Operations, environment
from triggers_client.retries import ATTEMPTS


class AsyncClient:
    """`Client` for asyncio: its methods have the same arguments and results. Tasks of one event loop may share it.

    `break` in a loop over `leases` releases the lease in the background, or when the client is closed.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        attempts: int | None = ATTEMPTS,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = httpx.AsyncClient(transport=transport, **http_options(url, api_key))
        self._operations = Operations(attempts)
        self._sleep = sleep
        self._handed_out: set[AsyncLease] = set()

    @classmethod
    def from_environment(cls, *, attempts: int | None = ATTEMPTS) -> Self:
        """As `Client.from_environment`."""
        return cls(*environment(), attempts=attempts)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self.close()

    async def close(self) -> None:
        """As `Client.close`."""
        for lease in list(self._handed_out):
            with suppress(TriggersError):
                await self._run(lease.ending(handled=False))
        await self._http.aclose()

    async def send(
        self, events: Iterable[Event], *, inbox: str | None = None, idempotency_key: str | None = None
    ) -> list[Accepted]:
        """As `Client.send`."""
        return await self._run(self._operations.send(events, inbox=inbox, idempotency_key=idempotency_key))

    async def page(
        self,
        inbox: str = "default",
        *,
        cursor: str | None = None,
        types: Sequence[str] = (),
        limit: int = 100,
        wait: int = 0,
        early: bool = True,
    ) -> Page:
        """As `Client.page`."""
        return await self._run(
            self._operations.page(inbox, cursor=cursor, types=types, limit=limit, wait=wait, early=early)
        )

    async def follow(
        self,
        inbox: str = "default",
        *,
        cursor: str | None = None,
        types: Sequence[str] = (),
        limit: int = 100,
        wait: int = 20,
        early: bool = True,
    ) -> AsyncIterator[Page]:
        """As `Client.follow`."""
        for page in self._operations.follow(inbox, cursor=cursor, types=types, limit=limit, wait=wait, early=early):
            yield await self._run(page)

    async def ack(self, events: Iterable[Mapping[str, Any]]) -> None:
        """As `Client.ack`."""
        await self._run(self._operations.ack(events))

    async def lease(
        self,
        group: str,
        inbox: str = "default",
        *,
        limit: int = 100,
        seconds: int = 300,
        wait: int = 0,
        start: str | None = None,
    ) -> AsyncLease | None:
        """As `Client.lease`."""
        asked = leasing(self._operations, group, inbox, limit=limit, seconds=seconds, wait=wait, start=start)
        answer = await self._run(asked)
        return None if answer is None else AsyncLease(self._operations, answer, self._run)

    async def leases(
        self,
        group: str,
        inbox: str = "default",
        *,
        limit: int = 100,
        seconds: int = 300,
        wait: int = 20,
        start: str | None = None,
    ) -> AsyncIterator[AsyncLease]:
        """As `Client.leases`."""
        while True:
            lease = await self.lease(group, inbox, limit=limit, seconds=seconds, wait=wait, start=start)
            if lease is not None:
                async with handled(lease, seconds, self._run, self._handed_out):
                    yield lease

    async def get(self, event_id: str, *, source: str = "/", inbox: str = "default") -> EventStatus:
        """As `Client.get`."""
        return await self._run(self._operations.get(event_id, source=source, inbox=inbox))

    async def erase(self, event_id: str, *, source: str = "/", inbox: str = "default") -> None:
        """As `Client.erase`."""
        await self._run(self._operations.erase(event_id, source=source, inbox=inbox))

    async def _run(self, steps: Steps[T]) -> T:
        """Carry out `steps`; return their result."""
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            outcome = await self._perform(step)

    async def _perform(self, step: Request | Pause) -> Outcome:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        try:
            return await self._http.request(**vars(step))
        except httpx.HTTPError as error:
            return error
