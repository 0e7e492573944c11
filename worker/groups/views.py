"""Responses about groups and leases, as JSON."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from shared.clock import rfc3339
from shared.model import cursor
from shared.model import position as positions
from shared.model.api_key import ApiKey
from shared.model.groups import GroupName, Quarantined
from shared.model.type_pattern import selects_all
from worker.groups import token
from worker.groups.admin import GroupState
from worker.groups.requests import Backoff
from worker.groups.token import LeaseName
from worker.groups.turn import Lease

NO_LEASE = b'{"lease":null,"events":[],"more":false}'
"""The response if there is nothing to lease."""


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """A group. `oldest` is when the oldest event was stored that is not done, null if there is none."""

    group: str
    inbox: str
    types: Sequence[str]
    max_attempts: int
    backoff: Backoff
    next: str
    lag: int | str
    oldest: str | None
    leases: int
    leased: int
    retries: int | str
    quarantined: int | str


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """The groups of an inbox."""

    groups: Sequence[GroupView]


class Until(msgspec.Struct, frozen=True, kw_only=True):
    """When a lease lapses."""

    until: str


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """How many events a call has given back."""

    released: int


class QuarantinedView(msgspec.Struct, frozen=True, kw_only=True):
    """An event in quarantine. `event` is null if it has left the inbox."""

    position: str
    attempts: int
    quarantinedat: str
    reason: str
    event: msgspec.Raw


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a quarantine. `more` says that it continues after the last position."""

    events: Sequence[QuarantinedView]
    more: bool


def lease_view(group: GroupName, lease: Lease) -> bytes:
    """Return a lease with its events, which are finished JSON objects."""
    return b'{"lease":"%b","until":"%b","attempt":%d,"events":[%b],"more":%b}' % (
        token.encode(LeaseName(group, lease.key)).encode(),
        rfc3339(lease.until_ms).encode(),
        lease.attempt,
        b",".join(lease.events),
        b"true" if lease.more else b"false",
    )


def group_view(state: GroupState, key: ApiKey) -> GroupView:
    """Return a group as the API shows it to `key`: without the position of an event that it may not read."""
    config = state.config
    frontier = state.frontier if selects_all(key.types) else positions.blurred(state.frontier)
    return GroupView(
        group=state.group.group,
        inbox=state.group.inbox,
        types=config.types,
        max_attempts=config.max_attempts,
        backoff=Backoff(min=config.backoff_min_seconds, max=config.backoff_max_seconds),
        next=cursor.encode(frontier, state.group.inbox),
        lag=state.lag,
        oldest=None if state.oldest_ms is None else rfc3339(state.oldest_ms),
        leases=state.leases,
        leased=state.leased,
        retries=state.retries,
        quarantined=state.quarantined,
    )


def quarantine_view(events: Iterable[Quarantined], contents: Mapping[str, bytes], *, more: bool) -> Quarantine:
    """Return events in quarantine with their `contents`, finished JSON objects by position."""
    views = [
        QuarantinedView(
            position=event.position,
            attempts=event.attempts,
            quarantinedat=rfc3339(event.at),
            reason=event.reason,
            event=msgspec.Raw(contents.get(event.position, b"null")),
        )
        for event in events
    ]
    return Quarantine(events=views, more=more)
