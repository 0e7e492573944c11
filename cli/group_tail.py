"""Prints the events that a consumer group leases: `triggers tail --group`."""

from collections.abc import Callable
from http import HTTPStatus

import click
import msgspec

from cli.http import Api, ApiError, Target, describe

_LIMIT = 100
_SECONDS = 60
_WAIT_SECONDS = 20
_JSON = {"Content-Type": "application/json"}


class _Lease(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of POST /v1/leases; events are the received bytes."""

    lease: str | None
    events: list[msgspec.Raw]


_lease = msgspec.json.Decoder(_Lease)


async def print_leases(
    target: Target, group: str, inbox: str, *, once: bool, print_events: Callable[[list[msgspec.Raw]], None]
) -> None:
    """Lease events, print them, then ack them: forever, or with `once` until there are none."""
    wait = 0 if once else _WAIT_SECONDS
    asked = {"group": group, "inbox": inbox, "limit": _LIMIT, "seconds": _SECONDS, "wait": wait}
    async with Api(target, lambda text: click.echo(text, err=True)) as api:
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
            print_events(lease.events)
            acked = await api.request("POST", f"/v1/leases/{lease.lease}/ack", retry_forever=not once)
            # A lease that ran out while its events were printed is another member's.
            if acked.status_code not in (HTTPStatus.OK, HTTPStatus.CONFLICT):
                raise ApiError(describe(acked))
