"""The errors that the client raises.

TriggersError
├── InvalidEvent           an event given to `send` can't be encoded as JSON; nothing was sent
├── Unavailable            no answer, or 429, 502, 503 or 504, at every attempt
└── Refused                any other error answer; a retry would fail, too
    ├── InvalidRequest     400; `faults` lists all faults
    ├── Unauthorized       401; a missing or invalid key
    ├── Forbidden          403; a valid key without permission
    ├── NotFound           404
    ├── LeaseLost          409; another member may have the events
    └── TooLarge           413; an event of more than 512 KiB
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

_INDEX = re.compile(r"/([0-9]+)(/.*|)")


class TriggersError(Exception):
    """The base class of all errors."""


class InvalidEvent(TriggersError, ValueError):
    """The event `index` (from 0) can't be encoded as JSON. `pointer` is the place, like that of a `Fault`."""

    def __init__(self, *, index: int, pointer: str, detail: str) -> None:
        super().__init__(f"Event {index} can't be sent: {pointer} {detail}.")
        self.index = index
        self.pointer = pointer
        self.detail = detail


class Unavailable(TriggersError):
    """The API can't be reached or is unavailable. The request may have taken effect; it is safe to repeat it."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault in a request, and its place as a JSON pointer.

    `/3/type` is the type of the fourth event given to `send`, in whichever request it was sent.
    """

    detail: str
    pointer: str | None = None


class Refused(TriggersError):
    """An error answer with problem details (RFC 9457); `instance` identifies the request in the service's log."""

    def __init__(self, status: int, title: str, detail: str, instance: str, faults: tuple[Fault, ...]) -> None:
        more = "".join(f" {fault.detail}" for fault in faults[:3])
        super().__init__(f"{status}: {detail or title}{more}")
        self.status = status
        self.title = title
        self.detail = detail
        self.instance = instance
        self.faults = faults


class InvalidRequest(Refused):
    """The request is invalid; nothing in it was accepted."""


class Unauthorized(Refused):
    """The API key is missing or not valid."""


class Forbidden(Refused):
    """The API key lacks permission."""


class NotFound(Refused):
    """The requested resource does not exist, or this key can't access it."""


class LeaseLost(Refused):
    """The lease ran out, or has ended; another member of the group may have its events."""


class TooLarge(Refused):
    """The request is larger than 512 KiB."""


_CLASSES: Mapping[int, type[Refused]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: LeaseLost,
    413: TooLarge,
}


def refused(answer: httpx.Response, first: int = 0) -> Refused:
    """Return the error for `answer`; `first` is the number of events in earlier requests."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):  # a proxy answered instead of the API
        problem = {}
    return _CLASSES.get(answer.status_code, Refused)(
        answer.status_code,
        str(problem.get("title") or answer.reason_phrase),
        str(problem.get("detail") or ""),
        str(problem.get("instance") or ""),
        tuple(_faults(problem.get("errors"), first)),
    )


def _faults(errors: Any, first: int) -> Iterator[Fault]:  # noqa: ANN401 (it is JSON)
    for error in errors if isinstance(errors, list) else ():
        pointer = error.get("pointer")
        if pointer and first and (found := _INDEX.fullmatch(pointer)):
            pointer = f"/{int(found[1]) + first}{found[2]}"
        yield Fault(detail=str(error.get("detail")), pointer=pointer)
