"""All errors that the pipeline raises deliberately.

TriggersError
├── Rejected                 the request is at fault
│   ├── InvalidRequest       lists every fault, each with a JSON pointer
│   │   └── InvalidEvent     an event that violates the contract
│   ├── Unauthorized         no API key, or an invalid one
│   │   └── NotAuthentic     a delivery that its source can't verify
│   ├── Forbidden            a valid key without the required permission
│   ├── NotFound             the requested resource does not exist
│   │   └── NoSuchGroup      the consumer group does not exist
│   ├── LeaseLost            the lease has ended: it was acked, released, or taken over
│   ├── TooLarge             the body exceeds the size limit
│   ├── TooSlow              the body exceeds the time limit
│   ├── UnsupportedMedia     the format of the body is not supported
│   ├── NotAcceptable        none of the requested response formats is supported
│   └── RateLimited          has retry_after
│       └── TooManyLeases    the consumer group has no room for another lease
├── Unavailable              a dependency or limit is at fault; nothing took effect; has retry_after
│   └── ClockWrong           the clock of this process differs from that of the services
├── Unclear                  a call failed, and may have taken effect
├── Poison                   a message or event that fails however often it is retried
└── InvalidSettings          all faults of the environment

Domain code raises these and uses no HTTP status; `shared.web.problems` maps them.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

AuthenticityFault = Literal["missing", "malformed", "stale", "mismatch", "unknown", "disabled"]

_MAX_ECHO = 64


class TriggersError(Exception):
    """The base class of these errors."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fault of a request: what is wrong (`detail`) and where (`pointer`, RFC 6901)."""

    detail: str
    pointer: str | None = None


def echo(name: str) -> str:
    """Return a name from a request, shortened so that a response may repeat it."""
    return name if len(name) <= _MAX_ECHO else f"{name[:_MAX_ECHO]}…"


def pointer_to(name: str, parent: str = "") -> str:
    """Return the JSON pointer to the field `name` of the value at `parent`."""
    return f"{parent}/{echo(name).replace('~', '~0').replace('/', '~1')}"


class Rejected(TriggersError):
    """The request is at fault; except for `RateLimited`, repeating it unchanged can't succeed."""


class InvalidRequest(Rejected):
    """An invalid request; `faults` lists every fault found."""

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class InvalidEvent(InvalidRequest):
    """An event or a batch that violates the contract. The whole request is rejected."""


class Unauthorized(Rejected):
    """No API key, or one that is not valid now."""


class NotAuthentic(Unauthorized):
    """A delivery that can't be verified.

    `reason` is for the log only: in the response it would help attackers. `challenge` is the value of WWW-Authenticate,
    if any.
    """

    def __init__(self, reason: AuthenticityFault, challenge: str | None = None) -> None:
        super().__init__("The delivery is not authentic.")
        self.reason = reason
        self.challenge = challenge


class Forbidden(Rejected):
    """A valid API key without the required permission."""


class NotFound(Rejected):
    """The requested resource does not exist for this tenant."""


class NoSuchGroup(NotFound):
    """The inbox has no consumer group of this name."""

    def __init__(self, group: str, inbox: str) -> None:
        super().__init__(f"The inbox {inbox!r} has no group {group!r}.")


class LeaseLost(Rejected):
    """The lease has ended, so its events may be those of another member."""

    def __init__(self) -> None:
        super().__init__("The lease has ended: it was acknowledged, released, or lapsed and was taken over.")


class TooLarge(Rejected):
    """A body of more than `limit_bytes` bytes, or the reason in `detail`."""

    def __init__(self, limit_bytes: int, detail: str | None = None) -> None:
        super().__init__(detail or f"The request body is larger than {limit_bytes:,} bytes.")
        self.limit_bytes = limit_bytes


class TooSlow(Rejected):
    """A body that did not arrive within `limit_seconds`."""

    def __init__(self, limit_seconds: float) -> None:
        super().__init__(f"The request body took longer than {limit_seconds:g} seconds to arrive.")
        self.limit_seconds = limit_seconds


class UnsupportedMedia(Rejected):
    """An unsupported Content-Type or Content-Encoding.

    `accepted` lists the supported media types, `codings` the supported content codings.
    """

    def __init__(self, detail: str, accepted: Sequence[str] = (), codings: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.accepted = tuple(accepted)
        self.codings = tuple(codings)


class NotAcceptable(Rejected):
    """None of the requested response formats is supported."""


class RateLimited(Rejected):
    """A rate limit was exceeded; `retry_after` is in seconds."""

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyLeases(RateLimited):
    """A consumer group has as many open leases as it may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The group has {limit:,} open leases, the most that it may have.", retry_after=1.0)


class Unavailable(TriggersError):
    """A dependency refused a call, or a limit was reached; nothing took effect. `retry_after` is in seconds."""

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StorageFull(Unavailable):
    """The disk is full; nothing took effect."""

    def __init__(self, detail: str, retry_after: float = 10.0) -> None:
        super().__init__(detail, retry_after)


class ClockWrong(Unavailable):
    """The wall clock of this process is ahead of the services' by at least `ahead_ms` (negative: behind)."""

    def __init__(self, ahead_ms: float, retry_after: float = 5.0) -> None:
        super().__init__(f"The clock of this process {clock_error(ahead_ms)}.", retry_after)


def clock_error(ahead_ms: float) -> str:
    """Return by how much a clock is wrong, in words."""
    if not ahead_ms:
        return "contradicts the last answer of a service"
    return f"is {abs(ahead_ms) / 1000:,.1f} s {'ahead' if ahead_ms > 0 else 'behind'}"


class Unclear(TriggersError):
    """A call was interrupted or timed out: it may have taken effect, or may yet do so."""


class Poison(TriggersError):
    """A message or event that fails the same way however often it is retried."""


class InvalidSettings(TriggersError):
    """All faults of the environment variables, one per line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)
