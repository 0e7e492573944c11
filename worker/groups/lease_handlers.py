"""`POST /v1/leases`, and what a member does with its lease."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from shared.clock import rfc3339
from shared.fairness import FairSlots
from shared.model import position as positions
from shared.model.api_key import ApiKey
from shared.model.errors import NoSuchGroup
from shared.model.groups import GroupConfig, GroupName, Ledger
from shared.web.auth import access_of
from shared.web.context import context_of
from worker.groups import token
from worker.groups.access import admit, check_types
from worker.groups.groups import Groups
from worker.groups.held import Remove
from worker.groups.removal import Removals
from worker.groups.requests import LeaseRequest, ack_request, extend_request, lease_request, release_request
from worker.groups.turn import Lease
from worker.groups.views import NO_LEASE, Released, Until, lease_view
from worker.reading.disconnection import unless_disconnected
from worker.reading.responses import LARGE_BYTES, answer, preferences_of

LEASES_PATH = "/v1/leases"
ACK_PATH = "/v1/leases/{lease:str}/ack"
EXTEND_PATH = "/v1/leases/{lease:str}/extend"
RELEASE_PATH = "/v1/leases/{lease:str}/release"

_CLIENT_LEFT = 499
"""As in nginx. No client receives this response."""

_LARGE_LEASES = 2
"""Large responses, of up to 4 MiB, that are compressed at the same time."""

_AnyRequest = Request[Any, Any, Any]


def handlers(groups: Callable[[], Groups], removals: Callable[[], Removals]) -> list[HTTPRouteHandler]:
    """Return the handlers; each request calls `groups` and, to remove events from the inbox, `removals`."""
    large_leases = FairSlots(_LARGE_LEASES)

    @post(LEASES_PATH, status_code=200, include_in_schema=False)
    async def lease(request: _AnyRequest) -> Response[bytes]:
        key = await admit(request.scope)
        asked = await lease_request(request)
        group = GroupName(key.tenant, asked.inbox, asked.group)
        check_types(key, (await _ledger(groups(), group, key, asked)).config)
        leasing = groups().lease(group, limit=asked.limit, seconds=asked.seconds, wait_seconds=asked.wait_seconds)
        found = await (unless_disconnected(request.receive, _named(leasing)) if asked.wait_seconds else _named(leasing))
        if found is None:
            return Response(content=b"", status_code=_CLIENT_LEFT)
        [leased] = found
        context_of(request.scope).events = 0 if leased is None else len(leased.events)
        body = NO_LEASE if leased is None else lease_view(group, leased)
        async with large_leases.slot(key.key_id) if len(body) > LARGE_BYTES else nullcontext():
            preferences = preferences_of(request.scope)._replace(if_none_match="")
            return await answer(body, MediaType.JSON, preferences, {"Cache-Control": "no-store"})

    @post(ACK_PATH, status_code=200, include_in_schema=False)
    async def ack(request: _AnyRequest, lease: FromPath[str]) -> Response[bytes]:
        key = await admit(request.scope)
        asked = await ack_request(request)
        name = token.decode(lease, key.tenant)
        remove = _removing(request, removals(), key, name.group) if asked.remove else None
        done = await groups().ack(name.group, name.key, asked.positions, remove)
        context_of(request.scope).events = done.done
        return _json(done)

    @post(EXTEND_PATH, status_code=200, include_in_schema=False)
    async def extend(request: _AnyRequest, lease: FromPath[str]) -> Response[bytes]:
        key = await admit(request.scope)
        seconds = await extend_request(request)
        name = token.decode(lease, key.tenant)
        return _json(Until(until=rfc3339(await groups().extend(name.group, name.key, seconds))))

    @post(RELEASE_PATH, status_code=200, include_in_schema=False)
    async def release(request: _AnyRequest, lease: FromPath[str]) -> Response[bytes]:
        key = await admit(request.scope)
        asked = await release_request(request)
        name = token.decode(lease, key.tenant)
        done = await groups().release(name.group, name.key, asked)
        return _json(Released(released=done.done))

    return [lease, ack, extend, release]


async def _ledger(groups: Groups, group: GroupName, key: ApiKey, asked: LeaseRequest) -> Ledger:
    """Return the ledger of a group. The first lease creates it, for the types that the key may read."""
    try:
        return await groups.admin.find(group)
    except NoSuchGroup:
        return await groups.admin.create(group, GroupConfig(types=key.types), asked.start or positions.FIRST)


async def _named(leasing: Any) -> tuple[Lease | None]:  # noqa: ANN401 - a coroutine
    """Return the result in a tuple, which None, for a client that has left, differs from."""
    return (await leasing,)


def _removing(request: _AnyRequest, removals: Removals, key: ApiKey, group: GroupName) -> Remove:
    async def remove(places: Sequence[str]) -> None:
        # Each costs the queue and the table as much as an event.
        await access_of(request.scope).settle(request.scope, key, 1 + len(places), paid=1)
        await removals.send(group, key, places)

    return remove


def _json(content: msgspec.Struct) -> Response[bytes]:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(content), media_type=MediaType.JSON, status_code=200, headers=headers)
