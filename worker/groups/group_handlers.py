"""`/v1/groups`: what operators and members do with groups as a whole."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from shared.model import position as positions
from shared.model.api_key import ApiKey
from shared.model.errors import Fault, InvalidRequest, NoSuchGroup
from shared.model.event import INBOX_PATTERN
from shared.model.groups import GroupConfig, GroupName, Ledger
from worker.groups import views
from worker.groups.access import admit, check_types, covers
from worker.groups.admin import Admin
from worker.groups.groups import Groups
from worker.groups.requests import (
    NAME_RULE,
    group_request,
    inbox_of,
    quarantine_query,
    release_quarantined_request,
    seek_request,
)
from worker.groups.views import Released, group_view, quarantine_view

GROUPS_PATH = "/v1/groups"
GROUP_PATH = "/v1/groups/{group:str}"
SEEK_PATH = "/v1/groups/{group:str}/seek"
QUARANTINE_PATH = "/v1/groups/{group:str}/quarantine"
RELEASE_QUARANTINED_PATH = "/v1/groups/{group:str}/quarantine/release"

_AnyRequest = Request[Any, Any, Any]


def handlers(groups: Callable[[], Groups]) -> list[HTTPRouteHandler]:
    """Return the handlers; each request calls `groups`."""
    return [*_reading(groups), *_changing(groups), *_of_quarantine(groups)]


def _reading(groups: Callable[[], Groups]) -> list[HTTPRouteHandler]:
    @get(GROUPS_PATH, include_in_schema=False)
    async def list_groups(request: _AnyRequest) -> Response[bytes]:
        key = await admit(request.scope, acks=False)
        inbox, admin = inbox_of(request.scope["query_string"]), groups().admin
        found = await admin.groups_of(key.tenant, inbox)
        shown = [(name, ledger) for name, ledger in found if covers(key, ledger.config)]
        states = [group_view(await admin.state(name, ledger), key) for name, ledger in shown]
        return _json(views.Groups(groups=states))

    @get(GROUP_PATH, include_in_schema=False)
    async def show_group(request: _AnyRequest, group: FromPath[str]) -> Response[bytes]:
        key = await admit(request.scope, acks=False)
        name = _name(request, key, group)
        return await _shown(groups().admin, key, name, await _covered(groups().admin, key, name))

    return [list_groups, show_group]


def _changing(groups: Callable[[], Groups]) -> list[HTTPRouteHandler]:
    @put(GROUP_PATH, include_in_schema=False)
    async def put_group(request: _AnyRequest, group: FromPath[str]) -> Response[bytes]:
        key = await admit(request.scope)
        name, asked, admin = _name(request, key, group), await group_request(request), groups().admin
        config = GroupConfig(
            types=key.types if asked.types is None else asked.types,
            max_attempts=asked.max_attempts,
            backoff_min_seconds=asked.backoff.min,
            backoff_max_seconds=asked.backoff.max,
        )
        check_types(key, config)
        ledger = await admin.create(name, config, asked.start or positions.FIRST)
        if ledger.config != config:
            check_types(key, ledger.config)
            ledger = await admin.configure(name, config)
        return await _shown(admin, key, name, ledger)

    @delete(GROUP_PATH, status_code=HTTPStatus.NO_CONTENT, include_in_schema=False)
    async def delete_group(request: _AnyRequest, group: FromPath[str]) -> None:
        key = await admit(request.scope)
        name = _name(request, key, group)
        await _covered(groups().admin, key, name)
        await groups().admin.delete(name)

    @post(SEEK_PATH, status_code=HTTPStatus.OK, include_in_schema=False)
    async def seek(request: _AnyRequest, group: FromPath[str]) -> Response[bytes]:
        key = await admit(request.scope)
        name = _name(request, key, group)
        target = await seek_request(request, name.inbox)
        await _covered(groups().admin, key, name)
        ledger = await groups().admin.seek(name, target)
        groups().notify(name)
        return await _shown(groups().admin, key, name, ledger)

    return [put_group, delete_group, seek]


def _of_quarantine(groups: Callable[[], Groups]) -> list[HTTPRouteHandler]:
    @get(QUARANTINE_PATH, include_in_schema=False)
    async def show_quarantine(request: _AnyRequest, group: FromPath[str]) -> Response[bytes]:
        key = await admit(request.scope, acks=False)
        query = quarantine_query(request.scope["query_string"])
        name = GroupName(key.tenant, query.inbox, group)
        ledger = await _covered(groups().admin, key, name)
        page = await groups().admin.quarantine(name, ledger, limit=query.limit, after=query.after)
        return _json(quarantine_view(page.events, page.contents, more=page.more))

    @post(RELEASE_QUARANTINED_PATH, status_code=HTTPStatus.OK, include_in_schema=False)
    async def release_quarantined(request: _AnyRequest, group: FromPath[str]) -> Response[bytes]:
        key = await admit(request.scope)
        name = _name(request, key, group)
        places = await release_quarantined_request(request)
        await _covered(groups().admin, key, name)
        released = await groups().admin.release_quarantined(name, places)
        groups().notify(name)
        return _json(Released(released=released))

    return [show_quarantine, release_quarantined]


def _name(request: _AnyRequest, key: ApiKey, group: str) -> GroupName:
    """Return the group that a request names; raise `InvalidRequest` or `NoSuchGroup`."""
    inbox = inbox_of(request.scope["query_string"])
    if INBOX_PATTERN.fullmatch(group):
        return GroupName(key.tenant, inbox, group)
    if request.method == "PUT":
        raise InvalidRequest("The path is invalid.", [Fault(detail=f"`group` {NAME_RULE}", pointer="/group")])
    raise NoSuchGroup(group, inbox)


async def _covered(admin: Admin, key: ApiKey, name: GroupName) -> Ledger:
    """Return the ledger of a group that `key` may read completely; raise `NoSuchGroup` or `Forbidden`."""
    ledger = await admin.find(name)
    check_types(key, ledger.config)
    return ledger


async def _shown(admin: Admin, key: ApiKey, name: GroupName, ledger: Ledger) -> Response[bytes]:
    return _json(group_view(await admin.state(name, ledger), key))


def _json(content: msgspec.Struct) -> Response[bytes]:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(content), media_type=MediaType.JSON, status_code=200, headers=headers)
