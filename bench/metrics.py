"""`python -m bench.metrics`: the share of counting in the CPU time that a POST takes in our own code."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from litestar import Litestar

from ingest.app import create_app
from shared.clock import SystemClock
from shared.memory.backend import MemoryBackend
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.metrics import Requests

_POSTS = 3000
_COUNTS = 100_000
_ROUNDS = 5
_BODY = b'{"type":"order.paid","id":"order-17","data":{"total":99.50,"currency":"EUR"}}'
_LIMIT = 10_000_000  # nothing is refused


async def post_us() -> float:
    """Return the µs of a POST in the app, without a server, with a queue that answers immediately."""
    clock, store = SystemClock(), MemoryKeyStore()
    key, token = api_key.create(
        tenant="t", name="n", scopes=[api_key.EVENTS_WRITE], now_ms=clock.wall_ms(), rate=_LIMIT, burst=_LIMIT
    )
    await store.put(key)
    best = float("inf")
    app = create_app(Settings(log_level="WARNING"), backend=MemoryBackend(clock, keys=store), clock=clock)
    async with app.lifespan():
        for _ in range(_ROUNDS):
            started = time.process_time()
            for _ in range(_POSTS):
                await _post(app, token)
            best = min(best, time.process_time() - started)
    return best / _POSTS * 1e6


async def _post(app: Litestar, token: str) -> None:
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/v1/events",
        "raw_path": b"/v1/events",
        "query_string": b"",
        "headers": headers,
        "state": {},
    }

    async def receive() -> Any:  # noqa: ANN401 (ASGI's)
        return {"type": "http.request", "body": _BODY, "more_body": False}

    async def send(message: Any) -> None:  # noqa: ANN401 (ASGI's)
        if message.get("status", 202) != 202:  # noqa: PLR2004
            raise RuntimeError(f"answered {message['status']}")

    await app(scope, receive, send)


def counting_us() -> tuple[float, float]:
    """Return the µs of counting a request, and of counting a call to the queue, which concurrent requests share."""
    metrics = Metrics()
    requests, accepted = Requests(metrics), metrics.events_accepted.of()
    failed, packs, events = metrics.packs_failed.of(), metrics.send_packs.of(), metrics.send_events.of()
    seconds = metrics.send_seconds.of()
    scope: Any = {"method": "POST", "path_template": "/v1/events"}

    def request() -> None:
        requests.count(scope, 202, 0.003)
        accepted.add(1)

    def call() -> None:
        packs.observe(1)
        events.observe(10)
        started = time.perf_counter()
        seconds.observe(time.perf_counter() - started)
        failed.add(0)

    return _best_us(request), _best_us(call)


def _best_us(count: Callable[[], None]) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.process_time()
        for _ in range(_COUNTS):
            count()
        best = min(best, time.process_time() - started)
    return best / _COUNTS * 1e6


def main() -> None:
    """Measure both."""
    post, (request, call) = asyncio.run(post_us()), counting_us()
    print(  # noqa: T201
        f"a POST {post:.1f} µs; counting it {request:.2f} µs, its call to the queue, not shared, {call:.2f} µs:"
        f" together {(request + call) / post:.3f} of it"
    )


if __name__ == "__main__":
    main()
