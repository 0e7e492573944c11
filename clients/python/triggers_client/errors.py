"""Everything that the client raises on purpose.

TriggersError
├── Unavailable            no answer, or 429, 502, 503 or 504, until the attempts were used up
└── Refused                any other answer that is no success; repeating the request can't help
    ├── InvalidRequest     400; `faults` lists everything that is wrong
    ├── Unauthorized       401; no key that is valid now
    ├── Forbidden          403; a valid key that may not do this
    ├── NotFound           404
    └── TooLarge           413; an event of more than 512 KiB
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

_INDEX = re.compile(r"/([0-9]+)(/.*|)")


class TriggersError(Exception):
    """The root of the tree."""


class Unavailable(TriggersError):
    """The API can't be reached or is out of order. The request may have taken effect; repeating it does no harm."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing wrong with a request: what, and where as a JSON pointer.

    `/3/type` is the type of the fourth event given to `send`, however many requests that made.
    """

    detail: str
    pointer: str | None = None


class Refused(TriggersError):
    """What a problem details answer (RFC 9457) says; `instance` is how the service's log names the request."""

    def __init__(self, status: int, title: str, detail: str, instance: str, faults: tuple[Fault, ...]) -> None:
        more = "".join(f" {fault.detail}" for fault in faults[:3])
        super().__init__(f"{status}: {detail or title}{more}")
        self.status = status
        self.title = title
        self.detail = detail
        self.instance = instance
        self.faults = faults


class InvalidRequest(Refused):
    """The request breaks the contract; nothing of it was accepted."""


class Unauthorized(Refused):
    """No API key, or none that is valid now."""


class Forbidden(Refused):
    """The API key may not do this."""


class NotFound(Refused):
    """What the request names does not exist, or not for this key."""


class TooLarge(Refused):
    """The request is larger than 512 KiB."""


_CLASSES: Mapping[int, type[Refused]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
}


def refused(answer: httpx.Response, first: int = 0) -> Refused:
    """Return the error for `answer`; `first` is how many events went out in requests before this one."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):  # something between us and the API has answered
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
