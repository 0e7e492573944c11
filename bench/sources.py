"""`python -m bench.sources`: the CPU of a verified delivery against that of a plain POST of the same body.

Both go through the whole app in this process, with queue, keys and sources in memory, so that what is compared is our
own code: routing, authentication, reading, packing. Rounds alternate, and each counts its fastest of five: noise adds.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ingest.app import create_app
from ingest.sources.schemes.registry import scheme_of
from ingest.sources.secrets import new_secret, seal
from ingest.sources.webhook import Webhook
from shared.clock import SystemClock
from shared.memory.backend import MemoryBackend
from shared.memory.queue import MemoryQueue
from shared.model import api_key
from shared.model import source as sources
from shared.model.records import Outcome
from shared.model.source import SchemeName
from shared.ports import Outgoing
from shared.settings import Settings

_REQUESTS = 1_500
_AT_ONCE = 50
_ROUNDS = 5
_SOURCES = 10
_SCHEMES: tuple[SchemeName, ...] = ("none", "github", "stripe", "standard")
_BODY = b'{"type":"order.created","id":"order-1042","data":{"object":{"id":"ch_3N","amount":9950,"text":"%b"}}}'
_SIZES = (500, 10_000)

_numbers = itertools.count()

Post = Callable[[], Awaitable[None]]


class _Sink(MemoryQueue):
    """Takes everything and keeps nothing."""

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        return [Outcome.DONE] * len(messages)


def main() -> None:
    """Print the microseconds of CPU of each kind of request, and its ratio to a plain POST."""
    asyncio.run(_compare())


async def _compare() -> None:
    clock = SystemClock()
    backend = MemoryBackend(clock, queue=_Sink(clock))
    key, token = api_key.create(
        tenant="acme", name="n", scopes=["events:write"], now_ms=clock.wall_ms(), rate=1_000_000, burst=1_000_000
    )
    await (await backend.keys()).put(key)
    app = create_app(Settings(max_posts=10_000), backend=backend, clock=clock)
    async with app.lifespan():
        for size in _SIZES:
            body = _BODY % (b"x" * (size - len(_BODY)))
            posts = {"plain": _post(app, "/v1/events", body, [(b"authorization", f"Bearer {token}".encode())])}
            for scheme in _SCHEMES:
                # Of several sources, for each has a limit.
                given = [await _delivery(app, backend, scheme, body, clock) for _ in range(_SOURCES)]
                posts[scheme] = _in_turn(given)
            best = dict.fromkeys(posts, float("inf"))
            for _ in range(_ROUNDS):
                for name, post in posts.items():
                    best[name] = min(best[name], await _cpu_us(post))
            for name, microseconds in best.items():
                print(f"{size:>6} bytes  {name:<9} {microseconds:6.1f} us  {microseconds / best['plain']:.2f}")  # noqa: T201


async def _delivery(app: Any, backend: MemoryBackend, scheme: SchemeName, body: bytes, clock: SystemClock) -> Post:  # noqa: ANN401 - an ASGI app
    source, token = sources.create(tenant="acme", name=f"s{next(_numbers)}", scheme=scheme, now_ms=clock.wall_ms())
    webhook = Webhook(body, [(b"content-type", b"application/json")])
    if scheme != "none":
        secret = new_secret(source)
        source = sources.with_secret(source, await seal(await backend.secret_box(), source, secret, clock.wall_ms()))
        webhook = scheme_of(scheme, [secret], source.options).sign(webhook, clock.wall_ms())
    await (await backend.sources()).put(source)
    return _post(app, f"/v1/in/{token}", body, list(webhook.headers[1:]))


def _post(app: Any, path: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> Post:  # noqa: ANN401 - the same
    given = [
        (b"host", b"triggers"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *headers,
    ]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message.get("status", 200) >= 300:  # noqa: PLR2004 - no success
            raise RuntimeError(message)

    async def post() -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": given,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 1),
            "state": {},
        }
        await app(scope, receive, send)

    return post


def _in_turn(posts: Sequence[Post]) -> Post:
    # Those at once are of one source, and so share packs, as the posts with one key do.
    turns = itertools.chain.from_iterable(itertools.repeat(post, _AT_ONCE) for post in itertools.cycle(posts))

    async def post() -> None:
        await next(turns)()

    return post


async def _cpu_us(post: Post) -> float:
    """Return the CPU of one request, in microseconds."""
    started = time.process_time()
    for _ in range(_REQUESTS // _AT_ONCE):
        await asyncio.gather(*(post() for _ in range(_AT_ONCE)))
    return (time.process_time() - started) * 1e6 / _REQUESTS


if __name__ == "__main__":
    main()
