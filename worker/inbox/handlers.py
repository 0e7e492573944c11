"""`GET /v1/inbox` and `GET /v1/events/{id}` over HTTP.

`openapi.inbox` describes their parameters and responses. They are not declared to Litestar, which would report only one
invalid parameter at a time and ignore unknown ones.
"""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from shared.fairness import FairSlots
from shared.model import cursor
from shared.model.api_key import INBOX_READ, ApiKey
from shared.model.errors import NotAcceptable
from shared.model.event import Identity
from shared.model.type_pattern import intersection, selects_all
from shared.web import event_path
from shared.web.auth import access_of, needs
from shared.web.context import context_of
from worker.inbox import query as inbox_query
from worker.inbox.lookup import Lookup
from worker.inbox.query import InboxQuery
from worker.inbox.reader import Inbox, Page, PageRequest
from worker.reading import negotiation
from worker.reading.disconnection import unless_disconnected
from worker.reading.responses import LARGE_BYTES, answer, preferences_of

INBOX_PATH = "/v1/inbox"

JSON = "application/json"
BATCH = "application/cloudevents-batch+json"

_CLIENT_LEFT = 499
"""As in nginx. No client receives this response."""

_LARGE_PAGES = 2
"""Large pages, of up to 4 MiB, that are assembled, hashed and compressed at the same time; each is held twice."""

_COUNT_COST = 10
"""Tokens of a request with `count=true`: counting reads up to 8 MB a shard."""

_FREE_BYTES = 64 * 1024
"""A page costs one token more for each 64 KiB, as a POST does at first: the largest takes 15 ms of CPU."""

_AnyRequest = Request[Any, Any, Any]
_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw])


def inbox_handler(inbox: Callable[[], Inbox]) -> HTTPRouteHandler:
    """Return the handler of `GET /v1/inbox`; each request calls `inbox`."""
    large_pages = FairSlots(_LARGE_PAGES)

    @get(INBOX_PATH, guards=[needs(INBOX_READ)], include_in_schema=False)
    async def read_inbox(request: _AnyRequest) -> Response[bytes]:
        query = inbox_query.parse_inbox(request.scope["query_string"])
        preferences = preferences_of(request.scope)
        media_type = negotiation.media_type(preferences.accept, (JSON,) if query.zapier else (JSON, BATCH))
        if media_type is None:
            raise NotAcceptable(f"The inbox is available as {JSON} and, except with format=zapier, as {BATCH}.")
        key: ApiKey = request.auth
        if query.count:
            await access_of(request.scope).settle(request.scope, key, min(_COUNT_COST, key.burst), paid=1)
        page_request = _page_request(key, query)
        reading = inbox().read(page_request, query.wait_seconds, key.key_id)
        page = await (unless_disconnected(request.receive, reading) if query.wait_seconds else reading)
        if page is None:
            return Response(content=b"", status_code=_CLIENT_LEFT)
        if not selects_all(key.types):
            page = page.without_foreign_positions(page_request.after)
        context_of(request.scope).events = len(page.events)
        count = await inbox().undelivered(key.tenant, query.inbox, page_request.types) if query.count else None
        size = sum(map(len, page.events))
        if size >= _FREE_BYTES:
            access_of(request.scope).owe(request.scope, key, size // _FREE_BYTES)
        async with large_pages.slot(key.key_id) if size > LARGE_BYTES else nullcontext():
            if not query.zapier and media_type == JSON:
                return await answer(_object(page, query.inbox, count), JSON, preferences)
            # The body is an array of events only, so the count is a header.
            headers = {} if count is None else {"Undelivered": str(count)}
            if query.zapier:
                return await answer(_array(map(_for_zapier, page.events)), JSON, preferences, headers)
            return await answer(_array(page.events), BATCH, preferences, headers | {"Link": _link(query, page)})

    return read_inbox


def event_handler(lookup: Callable[[], Lookup]) -> HTTPRouteHandler:
    """Return the handler of `GET /v1/events/{id}`; each request calls `lookup`."""

    @get(event_path.TEMPLATE, guards=[needs(INBOX_READ)], include_in_schema=False)
    async def read_event(request: _AnyRequest) -> Response[bytes]:
        query = inbox_query.parse_event(request.scope["query_string"])
        key: ApiKey = request.auth
        identity = Identity(key.tenant, query.inbox, query.source, event_path.event_id_of(request.scope))
        return await answer(await lookup().answer(identity, key), JSON, preferences_of(request.scope))

    return read_event


def _page_request(key: ApiKey, query: InboxQuery) -> PageRequest:
    return PageRequest(
        tenant=key.tenant,
        inbox=query.inbox,
        after=query.after.position,
        limit=query.limit,
        # A key limited to some types reads the inbox as if it contained no others.
        types=intersection(key.types, query.types),
        delivered=query.delivered,
        newest_first=query.zapier,
        early=query.early and not (query.delivered or query.zapier),  # which are not for following an inbox
        returned=query.after.returned,
    )


def _object(page: Page, inbox: str, undelivered: int | str | None) -> bytes:
    more = b"true" if page.more else b"false"
    count = b"" if undelivered is None else b',"undelivered":%b' % msgspec.json.encode(undelivered)
    end = b'],"next":"%b","more":%b%b}' % (cursor.encode(page.end, inbox, page.returned).encode(), more, count)
    return _array(page.events, b'{"events":[', end)


def _array(events: Iterable[bytes], start: bytes = b"[", end: bytes = b"]") -> bytes:
    """Return `events` as an array between `start` and `end`; a large page is copied only once."""
    items = list(events)
    if not items:
        return start + end
    items[0] = start + items[0]
    items[-1] += end
    return b",".join(items)


def _for_zapier(event: bytes) -> bytes:
    """Return `event` with its position as its `id`, and its own id as `eventid`.

    Zapier triggers once for each `id`. Event ids are unique only together with the source, and only within the
    deduplication window; positions are always unique.
    """
    fields = _envelope.decode(event)
    own_id = fields["id"]
    fields["id"] = fields["position"]
    return msgspec.json.encode(fields | {"eventid": own_id})


def _link(query: InboxQuery, page: Page) -> str:
    """Return the link to the next page: the same query, from this page's end."""
    after = cursor.encode(page.end, query.inbox, page.returned)
    parameters = [("inbox", query.inbox), ("after", after), ("limit", str(query.limit))]
    parameters += [("type", pattern) for pattern in query.types]
    if query.delivered:
        parameters.append(("status", "delivered"))
    if query.early:
        parameters.append(("early", "true"))
    if query.wait_seconds:
        parameters.append(("wait", str(query.wait_seconds)))
    if query.count:
        parameters.append(("count", "true"))
    return f'<{INBOX_PATH}?{urlencode(parameters, quote_via=quote)}>; rel="next"'
