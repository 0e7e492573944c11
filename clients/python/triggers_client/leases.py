"""Leases of a consumer group, extended by a thread while they are handled."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from triggers_client.exchange import Steps
from triggers_client.lease_operations import LeaseAnswer, LeaseState
from triggers_client.operations import Operations

Run = Callable[[Steps[None]], None]
Sleep = Callable[[float], object]


class Lease(LeaseState):
    """Events of a group that are yours until the lease runs out.

    `attempt` counts how often they were leased. `is_lost`: the lease ran out, and another member may have its events.
    """

    def __init__(self, operations: Operations, answer: LeaseAnswer, run: Run) -> None:
        super().__init__(operations, answer)
        self._run = run

    def ack(self, events: Iterable[Mapping[str, Any]] | None = None, *, remove: bool = False) -> None:
        """End `events`, or all that are left, for the group; with `remove`, also remove them from the inbox.

        Raises `LeaseLost` if another member may have them.
        """
        self._run(self.acking(events, remove=remove))

    def release(
        self, events: Iterable[Mapping[str, Any]] | None = None, *, delay: int | None = None, reason: str = ""
    ) -> None:
        """Give `events`, or all that are left, back, to be leased again after `delay` seconds, or the group's backoff.

        Events that were released as often as the group allows go into quarantine. Raises `LeaseLost`.
        """
        self._run(self.releasing(events, delay=delay, reason=reason))

    def extend(self, seconds: int = 300) -> None:
        """Make the lease last for `seconds` (1 to 3,600) from now. Raises `LeaseLost`."""
        self._run(self.extending(seconds))


@contextmanager
def handled(lease: Lease, seconds: int, run: Callable[..., None], handed_out: set[Lease]) -> Iterator[None]:
    """Extend `lease` in a thread, then ack it; release it if the generator around this context is closed instead.

    `run` carries out steps; its second argument makes their pauses. Meanwhile the lease is in `handed_out`.
    """
    done = threading.Event()
    beat = threading.Thread(target=run, args=(lease.heartbeat(seconds), done.wait), name="triggers-lease", daemon=True)
    beat.start()
    handed_out.add(lease)
    try:
        yield
        run(lease.ending(handled=True))
    except GeneratorExit:
        run(lease.ending(handled=False))
        raise
    finally:
        handed_out.discard(lease)
        lease.is_over = True
        done.set()
        beat.join()
