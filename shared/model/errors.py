"""Every error the pipeline raises on purpose.

TriggersError
├── Rejected                 the caller's fault
│   ├── InvalidRequest       carries every fault, each with a JSON pointer
│   │   └── InvalidEvent     an event that breaks the contract
│   ├── Unauthorized         no key, or not a valid one
│   ├── Forbidden            a valid key that lacks a scope
│   ├── NotFound             what was named does not exist
│   ├── TooLarge             more bytes than the limit
│   ├── TooSlow              a body that takes too long to come
│   ├── UnsupportedMedia     a body in no format we read
│   ├── NotAcceptable        an answer is wanted in no format we write
│   └── RateLimited          carries retry_after
├── Unavailable              ours or AWS's fault; nothing took effect; carries retry_after
├── Unclear                  a call failed in a way that leaves open whether it took effect
├── Poison                   a message or event that no retry can help
└── InvalidSettings          the environment's faults, all at once

Domain code raises these and names no status code; `shared.web.problems` maps them.
"""

from collections.abc import Sequence

import msgspec

_MAX_ECHO = 64


class TriggersError(Exception):
    """The root of the tree."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing wrong with a request: what (`detail`) and where (`pointer`, RFC 6901)."""

    detail: str
    pointer: str | None = None


def echo(name: str) -> str:
    """Return a name of the caller's as it may be repeated in an answer."""
    return name if len(name) <= _MAX_ECHO else f"{name[:_MAX_ECHO]}…"


def pointer_to(name: str, parent: str = "") -> str:
    """Return the JSON pointer to the field `name` of what is at `parent`."""
    return f"{parent}/{echo(name).replace('~', '~0').replace('/', '~1')}"


class Rejected(TriggersError):
    """The caller's fault; repeating the request unchanged can't help (but for `RateLimited`)."""


class InvalidRequest(Rejected):
    """A request that can't be understood; `faults` lists everything found wrong."""

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class InvalidEvent(InvalidRequest):
    """An event, or a batch of them, that breaks the contract. The whole request is refused."""


class Unauthorized(Rejected):
    """No API key, or none that is valid now."""


class Forbidden(Rejected):
    """A valid API key that may not do this."""


class NotFound(Rejected):
    """What the request names does not exist, or not for this tenant."""


class TooLarge(Rejected):
    """More than `limit_bytes` bytes."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request body is larger than {limit_bytes:,} bytes.")
        self.limit_bytes = limit_bytes


class TooSlow(Rejected):
    """A body that did not come within `limit_seconds`."""

    def __init__(self, limit_seconds: float) -> None:
        super().__init__(f"The request body took longer than {limit_seconds:g} seconds to come.")
        self.limit_seconds = limit_seconds


class UnsupportedMedia(Rejected):
    """A body in no format that the endpoint reads; `accepted` are the media types that it does read.

    With `codings`, it is the Content-Encoding that is not supported, and those are.
    """

    def __init__(self, detail: str, accepted: Sequence[str] = (), codings: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.accepted = tuple(accepted)
        self.codings = tuple(codings)


class NotAcceptable(Rejected):
    """An answer is wanted in no format that the endpoint writes."""


class RateLimited(Rejected):
    """Too much, too fast; `retry_after` is in seconds."""

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(TriggersError):
    """A dependency refused or a limit was reached; nothing took effect. `retry_after` is in seconds."""

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StorageFull(Unavailable):
    """The disk is full; nothing took effect."""

    def __init__(self, detail: str, retry_after: float = 10.0) -> None:
        super().__init__(detail, retry_after)


class Unclear(TriggersError):
    """A call was cut off or timed out: it may have taken effect, or may still."""


class Poison(TriggersError):
    """Something that will fail the same way however often it is tried."""


class InvalidSettings(TriggersError):
    """The environment's faults, all of them, one a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)
