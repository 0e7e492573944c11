"""Charges a request before its body is read, and settles the charge once its cost is known.

A body costs its reader memory, time and CPU before anything is known of its contents. So the key first pays an estimate
by the size of the body. A request that is refused then keeps that price; one that is accepted costs what it holds.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from litestar.types import Scope

from shared.model.api_key import ApiKey
from shared.model.errors import Fault, InvalidRequest
from shared.model.event import MAX_REQUEST_BYTES
from shared.web.context import context_of

if TYPE_CHECKING:
    from shared.web.auth import Access

_BYTES_PER_TOKEN = 64 * 1024
"""The largest body costs 8 tokens until it is settled: a key of the default burst may send 250 of them at once."""


class Admission:
    """An authenticated request whose key has paid `paid` tokens."""

    __slots__ = ("_access", "_key", "_paid", "_scope")

    def __init__(self, access: "Access", scope: Scope, key: ApiKey, paid: int) -> None:
        self._access = access
        self._scope = scope
        self._key = key
        self._paid = paid

    async def settle(self, events: int) -> None:
        """Let the key pay for `events` (one at least), and log their number.

        Raises `RateLimited` if it has too few tokens, and `InvalidRequest` if it could never have enough, since they
        exceed its burst. What was paid before stays paid then.
        """
        context_of(self._scope).events = events
        cost = max(1, events)
        if cost > self._key.burst:
            detail = f"The API key's burst is {self._key.burst:,}; this request contains {events:,}."
            raise InvalidRequest("The request exceeds what the API key may send at once.", [Fault(detail=detail)])
        if cost != self._paid:
            await self._access.settle(self._scope, self._key, cost, paid=self._paid)


def estimate(headers: Mapping[bytes, bytes]) -> int:
    """Return the tokens that a request with these headers costs until its body is read.

    A body of unknown size, or one that is still to be decompressed, counts as the largest.
    """
    if b"transfer-encoding" in headers or b"content-encoding" in headers:
        return MAX_REQUEST_BYTES // _BYTES_PER_TOKEN
    length = headers.get(b"content-length", b"0")
    size = int(length) if length.isdigit() else 0
    return max(1, min(size, MAX_REQUEST_BYTES) // _BYTES_PER_TOKEN)
