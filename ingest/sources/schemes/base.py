"""What all signature schemes share: their shape, their one refusal, and comparisons in constant time."""

import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from ingest.sources.webhook import Webhook
from shared.model.errors import NotAuthentic

TOLERANCE_SECONDS = 300
"""How far a signed time may be from now, before or after: what Stripe, Slack and Standard Webhooks recommend."""

_epoch = re.compile(r"[0-9]{1,16}", re.ASCII).fullmatch
_FIRST_MILLISECONDS = 100_000_000_000
"""As seconds it is the year 5138, as milliseconds 1973: from here on a number means milliseconds."""


class Scheme(Protocol):
    """How one source's deliveries are signed; made of its secrets, newest first."""

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Return if the sender of `webhook` knows one of the secrets; raise `NotAuthentic` if not."""
        ...

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:
        """Return `webhook` as a sender that knows the newest secret would send it."""
        ...


def check_match(expected: Iterable[str], given: Sequence[str]) -> None:
    """Return if one of `expected` is among `given`; raise `NotAuthentic` if not.

    All pairs are compared, each in constant time: how long it takes says nothing about how much was right.
    """
    candidates = [_bytes(text) for text in given]
    found = False
    for text in expected:
        known = _bytes(text)
        for candidate in candidates:
            found |= hmac.compare_digest(known, candidate)
    if not found:
        raise NotAuthentic("mismatch")


def required(webhook: Webhook, header: str) -> str:
    """Return a header that must be there and not empty; raise `NotAuthentic` if it is not."""
    value = webhook.header(header)
    if not value:
        raise NotAuthentic("missing")
    return value


def check_time(text: str, now_ms: int) -> None:
    """Return if `text`, epoch seconds or milliseconds, is within the tolerance; raise `NotAuthentic` if not."""
    if not _epoch(text):
        raise NotAuthentic("malformed")
    number = int(text)
    time_ms = number if number >= _FIRST_MILLISECONDS else number * 1000
    if abs(now_ms - time_ms) > TOLERANCE_SECONDS * 1000:
        raise NotAuthentic("stale")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
