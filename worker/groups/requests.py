"""The requests about groups and leases, read from bodies and queries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request
from msgspec import Meta

from shared.model import cursor
from shared.model import position as positions
from shared.model.errors import InvalidRequest
from shared.model.event import DEFAULT_INBOX, INBOX_PATTERN
from shared.model.groups import GroupConfig
from shared.model.type_pattern import TYPE_PATTERN
from shared.web.query import Query
from worker.groups.body import Body, body_of
from worker.groups.held import Release
from worker.reading.limits import DEFAULT_LIMIT, MAX_LIMIT, MAX_WAIT_SECONDS

DEFAULT_SECONDS = 300
MAX_SECONDS = 3600
MAX_DELAY_SECONDS = 43_200
MAX_REASON_LENGTH = 200
MAX_ATTEMPTS = 100
MAX_TYPES = 20
MAX_TYPE_LENGTH = 255

NAME_RULE = "must be 1 to 64 characters (a-z, 0-9, dot, hyphen, underscore) and start with a letter or digit."
START_RULE = "`start` must be oldest, newest, or an RFC 3339 time, such as 2026-11-22T17:03:11Z."
SEEK_RULE = "The body must have one of `since` (an RFC 3339 time), `after` (a cursor), `start: true` and `end: true`."
_BACKOFF_RULE = (
    f"`backoff` must be an object with `min` and `max`, whole numbers of seconds from 0 to {MAX_DELAY_SECONDS}."
)

Name = Annotated[str, Meta(max_length=64, pattern=f"\\A{INBOX_PATTERN.pattern}\\Z")]
_Positions = Annotated[list[str], Meta(min_length=1, max_length=MAX_LIMIT)]
_Time = Annotated[datetime, Meta(tz=True)]

_AnyRequest = Request[Any, Any, Any]


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How long a released event waits: `min` seconds at first, twice as long after each attempt, at most `max`."""

    min: int = GroupConfig().backoff_min_seconds
    max: int = GroupConfig().backoff_max_seconds


class LeaseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /v1/leases`. `start` is where a group begins that does not exist yet."""

    group: str
    inbox: str
    limit: int
    seconds: int
    wait_seconds: int
    start: str | None


class AckRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an ack: positions, None for all that are left."""

    positions: Sequence[str] | None
    remove: bool


class GroupRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `PUT /v1/groups/{group}`. `types` is None if the body has none."""

    types: tuple[str, ...] | None
    start: str | None
    max_attempts: int
    backoff: Backoff


async def lease_request(request: _AnyRequest) -> LeaseRequest:
    """Read `POST /v1/leases`."""
    body = await body_of(request, ("group", "inbox", "limit", "seconds", "wait", "start"))
    group = body.get("group", Name, f"`group` {NAME_RULE}", "")
    if not body.has("group"):
        body.fault("group", "`group` is missing.")
    read = LeaseRequest(
        group=group,
        inbox=body.get("inbox", Name, f"`inbox` {NAME_RULE}", DEFAULT_INBOX),
        limit=_number(body, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        seconds=_number(body, "seconds", DEFAULT_SECONDS, 1, MAX_SECONDS),
        wait_seconds=_number(body, "wait", 0, 0, MAX_WAIT_SECONDS),
        start=_start(body),
    )
    body.check()
    return read


async def ack_request(request: _AnyRequest) -> AckRequest:
    """Read an ack."""
    body = await body_of(request, ("positions", "remove"))
    read = AckRequest(
        positions=_positions(body), remove=body.get("remove", bool, "`remove` must be true or false.", default=False)
    )
    body.check()
    return read


async def extend_request(request: _AnyRequest) -> int:
    """Read an extension; return its seconds."""
    body = await body_of(request, ("seconds",))
    seconds = _number(body, "seconds", DEFAULT_SECONDS, 1, MAX_SECONDS)
    body.check()
    return seconds


async def release_request(request: _AnyRequest) -> Release:
    """Read a release."""
    body = await body_of(request, ("positions", "delay", "reason"))
    reason_rule = f"`reason` must be a string of up to {MAX_REASON_LENGTH} characters."
    read = Release(
        positions=_positions(body),
        delay_seconds=_number(body, "delay", 0, 0, MAX_DELAY_SECONDS) if body.has("delay") else None,
        reason=body.get("reason", Annotated[str, Meta(max_length=MAX_REASON_LENGTH)], reason_rule, ""),
    )
    body.check()
    return read


async def group_request(request: _AnyRequest) -> GroupRequest:
    """Read the configuration of a group."""
    body = await body_of(request, ("types", "start", "max_attempts", "backoff"))
    read = GroupRequest(
        types=_types(body),
        start=_start(body),
        max_attempts=_number(body, "max_attempts", GroupConfig().max_attempts, 1, MAX_ATTEMPTS),
        backoff=_backoff(body),
    )
    body.check()
    return read


async def seek_request(request: _AnyRequest, inbox: str) -> str:
    """Read a seek; return the position after which the group is to begin, greater than all others for the end."""
    body = await body_of(request, ("since", "after", "start", "end"))
    given = [name for name in ("since", "after", "start", "end") if body.has(name)]
    target = positions.FIRST
    if len(given) != 1:
        body.fault("", SEEK_RULE)
    elif given == ["since"]:
        target = _floor(body.get("since", _Time, SEEK_RULE, None))
    elif given == ["after"]:
        target = _after(body, inbox)
    elif not body.get(given[0], bool, SEEK_RULE, default=True):
        body.fault(given[0], SEEK_RULE)
    elif given == ["end"]:
        target = positions.LAST
    body.check()
    return target


async def release_quarantined_request(request: _AnyRequest) -> Sequence[str] | None:
    """Read which positions to release from quarantine, None for all."""
    body = await body_of(request, ("positions",))
    read = _positions(body)
    body.check()
    return read


def inbox_of(query_string: bytes) -> str:
    """Return the inbox that a query names."""
    query = Query(query_string, ("inbox",))
    inbox = _inbox(query)
    query.check()
    return inbox


class QuarantineQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a quarantine to list: up to `limit` events after a position."""

    inbox: str
    limit: int
    after: str


def quarantine_query(query_string: bytes) -> QuarantineQuery:
    """Read the query of `GET /v1/groups/{group}/quarantine`."""
    query = Query(query_string, ("inbox", "limit", "after"))
    limit, after = query.first("limit", str(DEFAULT_LIMIT)), query.first("after", "")
    if not (limit.isdecimal() and limit.isascii() and len(limit) < 9 and 1 <= int(limit) <= MAX_LIMIT):  # noqa: PLR2004
        query.fault("limit", f"`limit` must be a whole number from 1 to {MAX_LIMIT}.")
        limit = str(DEFAULT_LIMIT)
    if after and not positions.is_position(after):
        query.fault("after", "`after` must be a position.")
    read = QuarantineQuery(inbox=_inbox(query), limit=int(limit), after=after)
    query.check()
    return read


def _inbox(query: Query) -> str:
    inbox = query.first("inbox", DEFAULT_INBOX)
    if not INBOX_PATTERN.fullmatch(inbox):
        query.fault("inbox", f"`inbox` {NAME_RULE}")
    return inbox


def _number(body: Body, name: str, default: int, least: int, most: int) -> int:
    rule = f"`{name}` must be a whole number from {least} to {most}."
    value = body.get(name, int | float, rule, default)
    if _is_whole(value) and least <= value <= most:
        return int(value)
    body.fault(name, rule)
    return default


def _is_whole(value: float) -> bool:
    """Return whether JSON Schema takes `value` for an integer, as it does 1.0."""
    return isinstance(value, int) or value.is_integer()


def _backoff(body: Body) -> Backoff:
    """Return the backoff; one whose `min` is the larger is constant."""
    given: dict[str, float] = body.get("backoff", dict[str, int | float], _BACKOFF_RULE, {})
    known = Backoff.__struct_fields__
    if not all(name in known and _is_whole(value) and 0 <= value <= MAX_DELAY_SECONDS for name, value in given.items()):
        body.fault("backoff", _BACKOFF_RULE)
        return Backoff()
    read = Backoff(**{name: int(value) for name, value in given.items()})
    return Backoff(min=read.min, max=max(read.min, read.max))


def _positions(body: Body) -> list[str] | None:
    rule = f"`positions` must be an array of 1 to {MAX_LIMIT} positions."
    found: list[str] | None = body.get("positions", _Positions, rule, None)
    for index, position in enumerate(found or ()):
        if not positions.is_position(position):
            body.fault_at(f"/positions/{index}", "A position must be a UUIDv7, as returned in an event.")
    return found


def _types(body: Body) -> tuple[str, ...] | None:
    rule = f"`types` must be an array of up to {MAX_TYPES} event types, or beginnings of some and `.*`."
    kind = Annotated[list[Annotated[str, Meta(max_length=MAX_TYPE_LENGTH)]], Meta(max_length=MAX_TYPES)]
    found: list[str] | None = body.get("types", kind, rule, None)
    if found is not None and not all(map(TYPE_PATTERN.fullmatch, found)):
        body.fault("types", rule)
    return None if found is None else tuple(dict.fromkeys(found))


def _start(body: Body) -> str | None:
    """Return the position after which a new group begins, None if the body does not say."""
    text: str | None = body.get("start", str, START_RULE, None)
    if text is None:
        return None
    if text == "oldest":
        return positions.FIRST
    if text == "newest":
        return positions.LAST
    try:
        return _floor(msgspec.convert(text, _Time))
    except msgspec.ValidationError:
        body.fault("start", START_RULE)
        return None


def _after(body: Body, inbox: str) -> str:
    try:
        return cursor.decode(body.get("after", str, SEEK_RULE, ""), inbox).position
    except InvalidRequest as error:
        body.take(error)
        return positions.FIRST


def _floor(time: datetime | None) -> str:
    return positions.FIRST if time is None else positions.floor_of(max(0, int(time.timestamp() * 1000)))
