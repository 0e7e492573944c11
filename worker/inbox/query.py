"""Parses the queries of `GET /v1/inbox` and `GET /v1/events/{id}` strictly, and reports all faults together."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from shared.model import cursor, position
from shared.model.cursor import Cursor
from shared.model.errors import InvalidRequest
from shared.model.event import DEFAULT_INBOX, DEFAULT_SOURCE, INBOX_PATTERN
from shared.model.type_pattern import TYPE_PATTERN
from shared.web.query import Query
from worker.reading.limits import DEFAULT_LIMIT, MAX_LIMIT, MAX_WAIT_SECONDS

MAX_TYPES = 20

INBOX_PARAMETERS = ("inbox", "after", "since", "limit", "type", "status", "wait", "count", "format", "early")
EVENT_PARAMETERS = ("source", "inbox")

_MAX_TYPE_LENGTH = 255
_whole_number = re.compile(r"[0-9]{1,9}").fullmatch
# An unescaped `+` arrives as a space.
_space_for_plus = re.compile(r" (?=\d\d:\d\d$)")
_Time = Annotated[datetime, Meta(tz=True)]


class InboxQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of an inbox read, from the position `after`. `early` includes events that have not settled."""

    inbox: str = DEFAULT_INBOX
    after: Cursor = Cursor(position.FIRST)
    early: bool = False
    limit: int = DEFAULT_LIMIT
    types: tuple[str, ...] = ()
    delivered: bool = False
    wait_seconds: int = 0
    count: bool = False
    zapier: bool = False


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an event's identity in the query."""

    source: str = DEFAULT_SOURCE
    inbox: str = DEFAULT_INBOX


def parse_inbox(query_string: bytes) -> InboxQuery:
    """Parse `query_string`; raise `InvalidRequest` with all faults."""
    given = _Given(query_string, INBOX_PARAMETERS, repeatable=("type",))
    inbox = given.inbox()
    delivered = given.choice("status", ("undelivered", "delivered")) == "delivered"
    wait_seconds = given.number("wait", 0, 0, MAX_WAIT_SECONDS)
    query = InboxQuery(
        inbox=inbox,
        after=_later(given.after(inbox), given.since()),
        limit=given.number("limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        types=given.types(),
        delivered=delivered,
        # Acks do not arrive in the order of positions, so there is nothing to wait for after the last one read.
        wait_seconds=0 if delivered else wait_seconds,
        count=given.choice("count", ("false", "true")) == "true",
        zapier=given.choice("format", ("json", "zapier")) == "zapier",
        early=given.choice("early", ("false", "true")) == "true",
    )
    given.check()
    return query


def parse_event(query_string: bytes) -> EventQuery:
    """Parse `query_string`; raise `InvalidRequest` with all faults."""
    given = _Given(query_string, EVENT_PARAMETERS)
    query = EventQuery(source=given.first("source", DEFAULT_SOURCE), inbox=given.inbox())
    given.check()
    return query


class _Given(Query):
    """The parameters of read requests."""

    def inbox(self) -> str:
        """Return the inbox."""
        inbox = self.first("inbox", DEFAULT_INBOX)
        if not INBOX_PATTERN.fullmatch(inbox):
            self.fault("inbox", f"`inbox` must match {INBOX_PATTERN.pattern}.")
        return inbox

    def after(self, inbox: str) -> Cursor | None:
        """Return the contents of the cursor."""
        try:
            return cursor.decode(self.first("after", ""), inbox) if self.all("after") else None
        except InvalidRequest as error:
            self.take(error)
            return None

    def since(self) -> str | None:
        """Return the smallest position of a time; times before 1970 count as 1970."""
        if not self.all("since"):
            return None
        text = _space_for_plus.sub("+", self.first("since", ""))
        try:
            time = msgspec.convert(text, _Time)
            return position.floor_of(max(0, int(time.timestamp() * 1000)))
        except (msgspec.ValidationError, OverflowError):
            self.fault("since", "`since` must be an RFC 3339 time, such as 2026-11-22T17:03:11Z.")
            return None

    def types(self) -> tuple[str, ...]:
        """Return the type patterns."""
        types = self.all("type")
        if len(types) > MAX_TYPES:
            self.fault("type", f"`type` may be given up to {MAX_TYPES} times.")
        if not all(len(pattern) <= _MAX_TYPE_LENGTH and TYPE_PATTERN.fullmatch(pattern) for pattern in types):
            self.fault("type", "`type` must be an event type, or the beginning of one and `.*`, such as order.*.")
        return tuple(types)

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return the number `name`, which must be from `least` to `most`."""
        value = self.first(name, str(default))
        if _whole_number(value) and least <= int(value) <= most:
            return int(value)
        self.fault(name, f"`{name}` must be a whole number from {least} to {most}.")
        return default

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Return which of `choices` is given, or else the first."""
        value = self.first(name, choices[0])
        if value not in choices:
            self.fault(name, f"`{name}` must be {' or '.join(choices)}.")
        return value


def _later(after: Cursor | None, since: str | None) -> Cursor:
    cursor = after or Cursor(position.FIRST)
    return cursor._replace(position=max(cursor.position, since or position.FIRST))
