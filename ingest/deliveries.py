"""`POST /v1/in/{token}`: accepts a delivery of another service unchanged, and queues its event.

The token in the path is a secret: logs, traces and problems contain only the template of the route.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from litestar import Request, route
from litestar.enums import HttpMethod
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive, Scope, Send

from ingest.load_shedding import LoadShedder
from ingest.publisher import Publisher
from ingest.sources.handshakes import Answer
from ingest.sources.receive import MAX_BODY_BYTES, Delivery, Receiver
from ingest.sources.registry import SourceRegistry
from ingest.sources.webhook import Webhook
from ingest.trace_context import Trace, trace_of
from shared.auth.token_bucket import TokenBucketLimiter
from shared.clock import Clock
from shared.model.api_key import DEFAULT_BURST, DEFAULT_RATE
from shared.model.errors import NotAuthentic, RateLimited, TooLarge, TriggersError
from shared.model.pack import MAX_MESSAGE_BYTES
from shared.model.position import Minter
from shared.model.source import Source
from shared.model.source_scheme import SchemeName
from shared.telemetry.catalog import Metrics
from shared.web.body import read_body
from shared.web.context import RequestContext, context_of

PATH = "/v1/in/{token}"
METHODS = ("OPTIONS", "POST")

_OTHER_METHODS = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
_PARENT = PATH.removesuffix("{token}")
_UNKNOWN = "unknown"


class _Limit(NamedTuple):
    """The limit of a source."""

    key_id: str
    rate: int = DEFAULT_RATE
    burst: int = DEFAULT_BURST


class Deliveries:
    """The handler, as a raw ASGI app. `registry` and `publisher` are called for each request.

    `public_url` is the base URL that senders use, for schemes that sign the URL; if empty, the request's headers apply.
    """

    def __init__(
        self,
        registry: Callable[[], SourceRegistry],
        publisher: Callable[[], Publisher],
        load_shedder: LoadShedder,
        clock: Clock,
        metrics: Metrics,
        *,
        public_url: str = "",
    ) -> None:
        self._registry = registry
        self._publisher = publisher
        self._load_shedder = load_shedder
        self._clock = clock
        self._public_url = public_url.rstrip("/")
        self._minter = Minter(clock)
        self._limits = TokenBucketLimiter(clock)
        self._accepted = metrics.events_accepted.of()
        self._deliveries = metrics.source_deliveries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises every error of `shared.model.errors` that a request can cause."""
        self._load_shedder.arrive()
        answer = await self._answer(scope, receive)
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        headers.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        line = context_of(scope)
        scheme: SchemeName | None = None
        try:
            receiver = await self._registry().find(scope["path"].removeprefix(_PARENT))
            scheme = receiver.source.scheme
            line.tenant, line.key_id = receiver.source.tenant, _key_id(receiver.source)
            self._charge(line.key_id)
            self._load_shedder.enter(line.key_id)
            try:
                body = await read_body(scope, receive, MAX_BODY_BYTES)
                webhook = Webhook(body, list(scope["headers"]), url=self._url(scope), method=str(scope.get("method")))
                answer = await self._handle(receiver, webhook, line)
            finally:
                self._load_shedder.leave(line.key_id)
        except TriggersError as error:
            if isinstance(error, NotAuthentic):
                line.error = f"not authentic: {error.reason}"
            self._count(scheme, _outcome_of(error))
            raise
        self._count(scheme, "accepted" if answer is _ACCEPTED else "handshake")
        return answer

    async def _handle(self, receiver: Receiver, webhook: Webhook, line: RequestContext) -> Answer:
        """Return the answer to an authentic request, once the queue holds its event."""
        trace = trace_of(line.headers)
        received = await self._receive(receiver, webhook, trace)
        if isinstance(received, Delivery):
            await self._publish(receiver.source, received, trace.parent if trace else None)
            line.events = 1
            self._accepted.add()
            return _ACCEPTED
        return received

    async def _receive(self, receiver: Receiver, webhook: Webhook, trace: Trace | None) -> Delivery | Answer:
        now_ms = self._clock.wall_ms()
        try:
            return receiver.receive(webhook, now_ms=now_ms, mint=self._minter.mint, trace=trace)
        except NotAuthentic:
            newer = await self._registry().find_newer(receiver)
            if newer is None:
                raise
            return newer.receive(webhook, now_ms=now_ms, mint=self._minter.mint, trace=trace)

    async def _publish(self, source: Source, delivery: Delivery, traceparent: str | None) -> None:
        try:
            await self._publisher().publish(
                source.tenant,
                _key_id(source),
                [delivery.event],
                traceparent,
                window_seconds=delivery.window_seconds,
            )
        except TooLarge:
            detail = f"The delivery does not fit in a message of {MAX_MESSAGE_BYTES:,} bytes, even compressed."
            raise TooLarge(MAX_BODY_BYTES, detail) from None

    def _charge(self, key_id: str) -> None:
        charge = self._limits.charge(_Limit(key_id), 1)
        if charge.retry_after_seconds:
            raise RateLimited(f"A source accepts {DEFAULT_RATE:,} deliveries per second.", charge.retry_after_seconds)

    def _url(self, scope: Scope) -> str:
        path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        return f"{self._public_url or _origin_of(scope)}{path}{f'?{query}' if query else ''}"

    def _count(self, scheme: SchemeName | None, outcome: str) -> None:
        self._deliveries.of(scheme or _UNKNOWN, outcome).add()


_ACCEPTED = Answer()


def handler() -> HTTPRouteHandler:
    """Return the handler for what reaches Litestar: other methods, and other spellings of the path."""

    @route(PATH.replace("}", ":str}"), http_method=_OTHER_METHODS, include_in_schema=False)
    async def refuse(request: Request[Any, Any, Any]) -> None:
        if request.method in METHODS:
            raise NotFoundException
        raise MethodNotAllowedException(headers={"Allow": ", ".join(METHODS)})

    return refuse


def _key_id(source: Source) -> str:
    return f"src_{source.source_id}"


def _origin_of(scope: Scope) -> str:
    """Return scheme and host as the sender used them, according to proxies. If wrong, signatures of the URL fail."""
    headers = context_of(scope).headers
    protocol = headers.get(b"x-forwarded-proto") or scope.get("scheme", "http").encode()
    host = headers.get(b"x-forwarded-host") or headers.get(b"host", b"")
    return f"{_first(protocol)}://{_first(host)}"


def _first(value: bytes) -> str:
    return value.partition(b",")[0].strip().decode("latin-1")


def _outcome_of(error: TriggersError) -> str:
    match error:
        case NotAuthentic():
            return "unauthentic"
        case TooLarge():
            return "too_large"
        case RateLimited():
            return "limited"
        case _:
            return "failed"
