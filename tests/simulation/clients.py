"""What clients read at the end of a run, when everything has settled, compared with what the store holds."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec

from shared.model.api_key import ApiKey
from shared.model.errors import NotFound
from shared.model.event import Identity
from shared.model.position import FIRST
from shared.model.records import StoredEvent
from shared.model.type_pattern import matches_any
from tests.simulation.traffic import INBOX, TENANT
from tests.simulation.world import World
from worker.inbox.lookup import Lookup
from worker.inbox.reader import Inbox, Page, PageRequest

_TYPES = ((), ("t",), ("u.*",), ("v",))
_WAIT_SECONDS = 4
_CHECK_SECONDS = 60
_BURST = 12
_LIMIT = 3


_KEY = ApiKey(key_id="k", tenant=TENANT, name="", scopes=(), secret_hash="", created_at=0)


class _Status(msgspec.Struct):
    """What a lookup says of an event."""

    status: str
    position: str


class _Positioned(msgspec.Struct):
    """The part of an event that is compared."""

    position: str


_status_decoder = msgspec.json.Decoder(_Status)
_position_decoder = msgspec.json.Decoder(_Positioned)


async def check_clients(world: World) -> list[str]:
    """Return what is wrong with pages, counts, lookups and long polls, read through one process."""
    process = world.process(reads=True)
    inbox = world.inbox(process)
    lookup = Lookup(world.reader(process), world.bucket(process), process)
    stored = await _lasting(world)
    found = [fault async for fault in _wrong_lists(world, inbox, stored)]
    found += [fault async for fault in _wrong_statuses(world, lookup, stored)]
    found += [fault async for fault in _missed_waits(world, inbox)]
    await inbox.aclose()
    return found


async def _lasting(world: World) -> list[StoredEvent]:
    """Wait until no event expires within a minute; return those that have not, in order."""
    while True:
        now = world.services.wall_ms() // 1000
        records = [record for record in world.store.records.values() if isinstance(record, StoredEvent)]
        if not any(0 <= record.expires_at - now < _CHECK_SECONDS for record in records):
            return sorted((one for one in records if one.expires_at > now), key=lambda event: event.place)
        await asyncio.sleep(_CHECK_SECONDS)


async def _wrong_lists(world: World, inbox: Inbox, stored: Sequence[StoredEvent]) -> AsyncIterator[str]:
    for types in _TYPES:
        for delivered in (False, True):
            expected = [
                event.place.position
                for event in stored
                if event.place.inbox == INBOX and event.place.delivered == delivered and matches_any(types, event.type)
            ]
            request = PageRequest(TENANT, INBOX, limit=_LIMIT, types=types, delivered=delivered)
            what = f"{'delivered' if delivered else 'undelivered'} events of {types or 'all types'}"
            if await _all(inbox, request) != expected:
                yield f"not what a reader gets: {what}"
            newest = _positions(await inbox.read(request._replace(newest_first=True)))
            # Queries that stop early may leave a page of the newest short, but never with a gap.
            least = 0 if world.profile.queries else min(_LIMIT, len(expected))
            if newest != expected[::-1][: max(len(newest), least)]:
                yield f"not the newest: {what}"
            if not delivered and not _is_count(await inbox.undelivered(TENANT, INBOX, types), len(expected)):
                yield f"wrong count: {what}"


async def _all(inbox: Inbox, request: PageRequest) -> list[str]:
    found: list[str] = []
    after, more = FIRST, True
    while more:
        page = await inbox.read(request._replace(after=after))
        after, more = page.end, page.more
        found += _positions(page)
    return found


def _positions(page: Page) -> list[str]:
    return [_position_decoder.decode(event).position for event in page.events]


def _is_count(count: int | str, expected: int) -> bool:
    """Return whether `count` is `expected`, or at least not more: counting may stop early, and says so."""
    if isinstance(count, int):
        return count == expected
    return int(count.removesuffix("+")) <= expected


async def _wrong_statuses(world: World, lookup: Lookup, stored: Sequence[StoredEvent]) -> AsyncIterator[str]:
    """Look up every identity: the answer is its event that was accepted last, if it is kept."""
    guards = {guard.identity: guard for guard in world.store.guards() if guard.current}
    places = {(event.place.inbox, event.place.position): event for event in stored}
    for identity in sorted({event.identity for event in world.traffic.accepted}):
        guard = guards.get(identity)
        event = places.get((identity.inbox, guard.position)) if guard and guard.erased_at is None else None
        expected = event and _Status("stored" if event.delivered_at is None else "delivered", event.place.position)
        if await _status(lookup, identity) != expected:
            yield f"a lookup of {identity.id} does not find it as it is stored: {expected}"


async def _status(lookup: Lookup, identity: Identity) -> _Status | None:
    try:
        return _status_decoder.decode(await lookup.answer(identity, _KEY))
    except NotFound:
        return None


async def _missed_waits(world: World, inbox: Inbox) -> AsyncIterator[str]:
    """Wait for an event of each type, while a burst of the other is stored."""
    for kind, last_digit, others in (("u.x", "0", "1"), ("t", "1", "0")):
        request = PageRequest(TENANT, INBOX, types=(kind,))
        page = await inbox.read(request)
        while page.more:
            page = await inbox.read(request._replace(after=page.end))
        waiting = asyncio.create_task(inbox.read(request._replace(after=page.end), _WAIT_SECONDS))
        await asyncio.sleep(world.rng.uniform(0, 0.6))
        names = [f"{kind}-{number}-{others}" for number in range(_BURST)]
        await world.traffic.post_at_once([*names, f"{kind}-{last_digit}"])
        page = await waiting
        while page.more and not page.events:
            page = await inbox.read(request._replace(after=page.end))
        if not page.events:
            yield f"a long poll for {kind} slept through an event"
        await asyncio.sleep(2)  # until every event has settled
