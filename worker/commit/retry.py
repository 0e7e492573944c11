"""Retries in place, so that an outage slows the worker down instead of using up a message's deliveries."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.clock import Clock
from shared.model.errors import Unavailable, Unclear

T = TypeVar("T")

FIRST_PAUSE_MS = 20
LONGEST_PAUSE_MS = 5_000


async def retry_until(
    clock: Clock, attempt: Callable[[], Awaitable[T | None]], *, give_up: Callable[[], bool]
) -> T | None:
    """Await `attempt()` until it returns a value, and return that; return None once `give_up` returns true.

    An attempt that returns None, or raises `Unavailable` or `Unclear`, is repeated after a pause that doubles
    from 20 ms to 5 s. Other exceptions propagate.
    """
    pause_ms = FIRST_PAUSE_MS
    while not give_up():
        with contextlib.suppress(Unavailable, Unclear):
            result = await attempt()
            if result is not None:
                return result
        await clock.sleep_ms(pause_ms)
        pause_ms = min(2 * pause_ms, LONGEST_PAUSE_MS)
    return None
