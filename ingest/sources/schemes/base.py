"""The interface of signature schemes, and their shared checks: constant-time comparison and timestamp tolerance."""

import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from ingest.sources.webhook import Webhook
from shared.model.errors import NotAuthentic

TOLERANCE_SECONDS = 300
"""Tolerance of a signed timestamp in both directions, as Stripe, Slack and Standard Webhooks recommend."""

_epoch = re.compile(r"[0-9]{1,16}", re.ASCII).fullmatch
_FIRST_MILLISECONDS = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds this is the year 5138, as milliseconds 1973."""


class Scheme(Protocol):
    """Verifies the deliveries of one source; created with its secrets, newest first."""

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Raise `NotAuthentic` unless `webhook` was signed with one of the secrets."""
        ...

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:
        """Return `webhook` signed with the newest secret."""
        ...


def check_match(expected: Iterable[str], given: Sequence[str]) -> None:
    """Raise `NotAuthentic` unless one of `expected` is among `given`.

    All pairs are compared, each in constant time, so the duration does not depend on how much of a guess is correct.
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
    """Return a required header; raise `NotAuthentic` if it is missing or empty."""
    value = webhook.header(header)
    if not value:
        raise NotAuthentic("missing")
    return value


def check_time(text: str, now_ms: int) -> None:
    """Raise `NotAuthentic` unless `text`, epoch seconds or milliseconds, is within the tolerance."""
    if not _epoch(text):
        raise NotAuthentic("malformed")
    number = int(text)
    time_ms = number if number >= _FIRST_MILLISECONDS else number * 1000
    if abs(now_ms - time_ms) > TOLERANCE_SECONDS * 1000:
        raise NotAuthentic("stale")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
