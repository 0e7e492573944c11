"""Waiting for what other processes do: without notifications, so it polls."""

import asyncio
from collections.abc import Awaitable, Callable

_POLL_SECONDS = 0.05


async def when(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds."""
    while not condition():  # noqa: ASYNC110 (see above)
        await asyncio.sleep(_POLL_SECONDS)


async def until(what: str, condition: Callable[[], Awaitable[bool]], *, seconds: float = 60) -> None:
    """Return once `condition` holds; raise TimeoutError that names `what` if it doesn't within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 (see above)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"{what}: not within {seconds:.0f} s") from None
