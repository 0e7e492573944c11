"""An app in this process, and an HTTP client that talks to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from litestar import Litestar

from tests.documented_answers import check_answer


def client_of(app: Litestar) -> httpx.AsyncClient:
    """Return a client of `app`, whose lifespan it leaves alone; it fails at answers that are not as documented."""
    transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://triggers", event_hooks={"response": [check_answer]})


@asynccontextmanager
async def serving(app: Litestar) -> AsyncIterator[None]:
    """Keep `app` alive. In a task of its own: a fixture is set up in one and torn down in another."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await stop.wait()

    living = asyncio.create_task(live())
    starting = asyncio.create_task(started.wait())
    try:
        await asyncio.wait([living, starting], return_when=asyncio.FIRST_COMPLETED)
        if not living.done():
            yield
    finally:
        starting.cancel()
        stop.set()
        await living
