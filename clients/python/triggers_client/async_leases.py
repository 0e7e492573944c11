"""Leases of a consumer group, extended by a task while they are handled."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from triggers_client.exchange import Steps
from triggers_client.lease_operations import LeaseAnswer, LeaseState
from triggers_client.operations import Operations

Run = Callable[[Steps[None]], Coroutine[Any, Any, None]]


class AsyncLease(LeaseState):
    """Events of a group that are yours until the lease runs out; `Lease` describes the attributes and methods."""

    def __init__(self, operations: Operations, answer: LeaseAnswer, run: Run) -> None:
        super().__init__(operations, answer)
        self._run = run

    async def ack(self, events: Iterable[Mapping[str, Any]] | None = None, *, remove: bool = False) -> None:
        """As `Lease.ack`."""
        await self._run(self.acking(events, remove=remove))

    async def release(
        self, events: Iterable[Mapping[str, Any]] | None = None, *, delay: int | None = None, reason: str = ""
    ) -> None:
        """As `Lease.release`."""
        await self._run(self.releasing(events, delay=delay, reason=reason))

    async def extend(self, seconds: int = 300) -> None:
        """As `Lease.extend`."""
        await self._run(self.extending(seconds))


@asynccontextmanager
async def handled(lease: AsyncLease, seconds: int, run: Run, handed_out: set[AsyncLease]) -> AsyncIterator[None]:
    """Extend `lease` in a task, then ack it; release it if the generator around this context is closed instead.

    Meanwhile the lease is in `handed_out`.
    """
    beat = asyncio.create_task(run(lease.heartbeat(seconds)), name="triggers-lease")
    handed_out.add(lease)
    try:
        yield
        await run(lease.ending(handled=True))
    except GeneratorExit:
        await run(lease.ending(handled=False))
        raise
    finally:
        handed_out.discard(lease)
        beat.cancel()
        await asyncio.wait([beat])
