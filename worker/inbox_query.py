"""The query of `GET /v1/inbox`: read strictly, every fault named at once."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

import msgspec

from shared import cursor
from shared.errors import Fault, InvalidRequest
from shared.event import DEFAULT_INBOX, INBOX_PATTERN
from worker.inbox import MAX_LIMIT

DEFAULT_LIMIT = 100
PARAMETERS = ("inbox", "after", "limit")

_MAX_NAME_SHOWN = 64
_whole_number = re.compile(r"[0-9]{1,9}").fullmatch


class InboxQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer asks. `after` is a position, None for the beginning."""

    inbox: str = DEFAULT_INBOX
    after: str | None = None
    limit: int = DEFAULT_LIMIT


def parse(query_string: bytes) -> InboxQuery:
    """Return what `query_string` asks; raise `InvalidRequest` with every fault."""
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        given.setdefault(name, []).append(value)
    faults = _shape_faults(given)
    inbox = _first(given, "inbox", DEFAULT_INBOX)
    if not INBOX_PATTERN.fullmatch(inbox):
        faults.append(Fault(detail=f"`inbox` must match {INBOX_PATTERN.pattern}.", pointer="/inbox"))
    limit = _first(given, "limit", str(DEFAULT_LIMIT))
    if not _whole_number(limit) or not 1 <= int(limit) <= MAX_LIMIT:
        faults.append(Fault(detail=f"`limit` must be a whole number from 1 to {MAX_LIMIT}.", pointer="/limit"))
    after = None
    try:
        after = cursor.decode(given["after"][0], inbox) if "after" in given else None
    except InvalidRequest as error:
        faults += error.faults
    if faults:
        raise InvalidRequest("The query is invalid.", faults)
    return InboxQuery(inbox=inbox, after=after, limit=int(limit))


def _shape_faults(given: dict[str, list[str]]) -> list[Fault]:
    faults = []
    for name, values in given.items():
        if name not in PARAMETERS:
            known = ", ".join(f"`{parameter}`" for parameter in PARAMETERS)
            shown = name[:_MAX_NAME_SHOWN]
            faults.append(Fault(detail=f"There is no parameter `{shown}`; there are {known}.", pointer=_pointer(shown)))
        elif len(values) > 1:
            faults.append(Fault(detail=f"`{name}` may be given only once.", pointer=_pointer(name)))
    return faults


def _first(given: dict[str, list[str]], name: str, default: str) -> str:
    values: Sequence[str] = given.get(name, [default])
    return values[0]


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")
