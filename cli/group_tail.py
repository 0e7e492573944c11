"""Prints or forwards the events that a consumer group leases: `triggers tail --group`."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from http import HTTPStatus

import msgspec

from cli.forwarding import Forwarder
from cli.http import Api, ApiError, Target, describe
from cli.progress import RetryLine

_LIMIT = 100
_SECONDS = 60
_WAIT_SECONDS = 20
_JSON = {"Content-Type": "application/json"}


class _Lease(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of POST /v1/leases; events are the received bytes."""

    lease: str | None
    events: list[msgspec.Raw]


_lease = msgspec.json.Decoder(_Lease)


async def handle_leases(
    target: Target,
    group: str,
    inbox: str,
    *,
    once: bool,
    print_events: Callable[[list[msgspec.Raw]], None],
    forwarder: Forwarder | None,
) -> None:
    """Lease events, print them or forward each, and ack them: forever, or with `once` until there are none.

    An event that can't be delivered is released, to be leased again after the group's backoff.
    """
    wait = 0 if once else _WAIT_SECONDS
    # A delivery takes up to 30 s, so the lease of one event needs no extension.
    limit = _LIMIT if forwarder is None else 1
    asked = {"group": group, "inbox": inbox, "limit": limit, "seconds": _SECONDS, "wait": wait}
    retries = RetryLine(sys.stderr)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api(target, retries.show, retries.clear))
        if forwarder is not None:
            await stack.enter_async_context(forwarder)
        while True:
            body = msgspec.json.encode(asked)
            answer = await api.request("POST", "/v1/leases", content=body, headers=_JSON, retry_forever=not once)
            if answer.status_code != HTTPStatus.OK:
                raise ApiError(describe(answer))
            lease = _lease.decode(answer.content)
            if lease.lease is None:
                if once:
                    return
                continue
            if forwarder is None:
                print_events(lease.events)
                action = "ack"
            else:
                action = "ack" if await forwarder.attempt(bytes(lease.events[0])) is None else "release"
            path = f"/v1/leases/{lease.lease}/{action}"
            acked = await api.request("POST", path, retry_forever=not once)
            # A lease that ran out while its events were printed is another member's.
            if acked.status_code not in (HTTPStatus.OK, HTTPStatus.CONFLICT):
                raise ApiError(describe(acked))
            if forwarder is not None and forwarder.is_stopping:
                raise asyncio.CancelledError
