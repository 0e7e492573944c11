"""The inbox as an HTTP app: `GET /v1/inbox`. It reads; its credentials can't write the events table."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from litestar import Litestar, MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

from shared import cursor, shards
from shared.aws import Aws
from shared.bodies import S3Bodies
from shared.clock import Clock, SystemClock
from shared.errors import InvalidSettings, Unavailable
from shared.key_store import KeyStore
from shared.keys import INBOX_READ, ApiKey
from shared.ports import BodyStore, EventReader
from shared.settings import Settings
from shared.store_read import DynamoReader
from shared.web.app import Part, build_app
from shared.web.auth import needs
from shared.web.line import line_of
from worker import inbox_docs, inbox_query
from worker.inbox import Inbox, Page

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient

_log = logging.getLogger("triggers.inbox")


def create_app(
    settings: Settings,
    *,
    store: EventReader | None = None,
    bodies: BodyStore | None = None,
    keys: KeyStore | None = None,
    clock: Clock | None = None,
) -> Litestar:
    """Return an app that serves the inbox alone. What is not given is opened on AWS when it starts."""
    return build_app(settings, [part(settings, store=store, bodies=bodies, clock=clock)], keys=keys, clock=clock)


def part(
    settings: Settings,
    *,
    store: EventReader | None = None,
    bodies: BodyStore | None = None,
    clock: Clock | None = None,
) -> Part:
    """Return the inbox as a part of an app. What is not given is opened on AWS when the app starts."""
    served = _Served(settings, store, bodies, clock or SystemClock())
    return Part(
        name="inbox",
        handlers=[_handler(served)],
        lifespan=served.lifespan,
        ready=served.ready,
        paths=inbox_docs.PATHS,
        schemas=inbox_docs.SCHEMAS,
    )


class _Served:
    """The inbox of one app, there while the app runs."""

    def __init__(self, settings: Settings, store: EventReader | None, bodies: BodyStore | None, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._bodies = bodies
        self._clock = clock
        self._inbox: Inbox | None = None

    @property
    def inbox(self) -> Inbox:
        """The inbox; raises `Unavailable` before the app has started and after it has ended."""
        if self._inbox is None:
            raise Unavailable("the process is still starting")
        return self._inbox

    async def ready(self) -> None:
        """Return if the table answers; raise `Unavailable` if it does not."""
        await self.inbox.ready()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open what was not given; raise `InvalidSettings` if the table was made with another number of shards."""
        aws = Aws(self._settings)
        async with AsyncExitStack() as stack:
            store, bodies = self._store, self._bodies
            if store is None:
                client = await stack.enter_async_context(aws.dynamodb())
                await self._check_shards(client)
                store = DynamoReader(client, self._settings, self._clock)
            if bodies is None:
                s3 = await stack.enter_async_context(aws.s3())
                bodies = S3Bodies(s3, self._settings.bodies_bucket)
            self._inbox = Inbox(store, bodies, self._clock, self._settings)
            stack.push_async_callback(self._inbox.aclose)
            try:
                yield
            finally:
                self._inbox = None

    async def _check_shards(self, client: "DynamoDBClient") -> None:
        try:
            await shards.check(client, self._settings)
        except InvalidSettings as error:
            # By the time that the server reports why it can't start, the reason is wrapped in groups.
            _log.critical("the settings do not fit the table", extra={"faults": error.faults})
            raise


def _handler(served: _Served) -> HTTPRouteHandler:
    # The document comes from `inbox_docs`: Litestar would check declared parameters one at a time, and pass over
    # those it doesn't know.
    @get("/v1/inbox", guards=[needs(INBOX_READ)], include_in_schema=False)
    async def read_inbox(request: Request[Any, Any, Any]) -> Response[bytes]:
        query = inbox_query.parse(request.scope["query_string"])
        key: ApiKey = request.auth
        # A key that may read some types only follows them as if there were no others.
        page = await served.inbox.page(key.tenant, query.inbox, query.after, query.limit, key.types)
        line_of(request.scope).events = len(page.events)
        return Response(
            content=_render(page, query.inbox),
            media_type=MediaType.JSON,
            headers={"Cache-Control": "no-store"},
        )

    return read_inbox


def _render(page: Page, inbox: str) -> bytes:
    more = b"true" if page.more else b"false"
    return b'{"events":[%b],"next":"%b","more":%b}' % (
        b",".join(page.events),
        cursor.encode(page.end, inbox).encode(),
        more,
    )
