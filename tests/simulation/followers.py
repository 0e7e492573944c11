"""Readers that follow an inbox by its cursor: with plain reads, early reads, filters and long polls."""

import asyncio
import contextlib

from shared.model import cursor as cursors
from shared.model.cursor import MAX_RETURNED
from shared.model.errors import InvalidRequest, Unavailable, Unclear
from tests.simulation.checks import Sightings
from tests.simulation.faults.versions import old_cursor
from tests.simulation.settings import SETTINGS, TTL_MS
from tests.simulation.traffic import INBOX, TENANT
from tests.simulation.world import World
from worker.inbox.reader import Inbox, Page, PageRequest


async def follow(world: World, sightings: Sightings) -> None:
    """Follow a cursor until the end of the run, and sometimes ack what was read."""
    rng = world.rng
    inboxes = [world.inbox(world.process(reads=True)) for _ in range(2 if world.profile.clocks else 1)]
    after: str | None = None
    while True:
        is_last = world.stop.is_set()
        with contextlib.suppress(Unavailable, Unclear):
            began_ms = world.services.wall_ms()
            page = await rng.choice(inboxes).page(TENANT, INBOX, after, rng.choice((2, 20, 50)))
            after = _passed_on(world, page.end)
            seen = _take(world, sightings, page, began_ms)
            if sightings.acks and seen and world.has_faults and rng.random() < 0.5:
                some = dict(rng.sample(list(seen.items()), rng.randint(1, len(seen))))
                await world.traffic.ack(some, types=rng.choice(((), ("t",), ("u.*",))))
            if page.more:
                continue
            if is_last:
                return
        await asyncio.sleep(rng.uniform(0.0, 0.3 if world.profile.clocks else 1.4) if world.has_faults else 4.0)


async def follow_early(world: World, sightings: Sightings) -> None:
    """Follow a cursor with early reads and long polls through two processes, and sometimes with ordinary reads."""
    rng = world.rng
    room = rng.choice((2, 8, MAX_RETURNED))
    inboxes = [_with_room(world.inbox(world.process(reads=True)), room) for _ in range(2)]
    request = PageRequest(TENANT, INBOX)
    while True:
        is_last = world.stop.is_set()
        with contextlib.suppress(Unavailable, Unclear):
            request = request._replace(limit=rng.choice((2, 20, 50)), early=rng.random() < 0.9)
            began_ms = world.services.wall_ms()
            page = await rng.choice(inboxes).read(request, rng.choice((0, 0, 1)) if not is_last else 0)
            seen = _take(world, sightings, page, began_ms)
            after = cursors.decode(cursors.encode(page.end, INBOX, page.returned), INBOX)
            request = request._replace(after=after.position, returned=after.returned)
            if sightings.acks and seen and world.has_faults and rng.random() < 0.5:
                await world.traffic.ack(dict(rng.sample(list(seen.items()), rng.randint(1, len(seen)))))
            if page.more:
                continue
            if is_last and not page.events:  # four seconds after the last one, all have settled
                break
        await asyncio.sleep(rng.choice((0.0, 0.05, rng.uniform(0.0, 1.4))) if world.has_faults else 4.0)
    for inbox in inboxes:
        await inbox.aclose()


async def follow_waiting(world: World, sightings: Sightings) -> None:
    """Follow the events of some types with long polls, which must end when there is an event, and not before."""
    rng, inbox = world.rng, world.inbox(world.process(reads=True))
    request = PageRequest(TENANT, INBOX, types=sightings.types)
    while True:
        is_last = world.stop.is_set()
        with contextlib.suppress(Unavailable, Unclear):
            request = request._replace(limit=rng.choice((2, 20)))
            wait = 0 if is_last else rng.choice((0, 1, 3))
            began_ms, began = world.services.wall_ms(), world.loop.time()
            page = await inbox.read(request, wait)
            waited = world.loop.time() - began
            if wait and not (page.events or page.more) and waited < wait - 0.001:
                world.violations.append(f"a wait of {wait} s ended after {waited:.3f} s without an event")
            _take(world, sightings, page, began_ms)
            request = request._replace(after=page.end)
            if page.more:
                continue
            if is_last:
                break
        await asyncio.sleep(rng.choice((0.0, rng.uniform(0.0, 1.0))) if world.has_faults else 4.0)
    await inbox.aclose()


def _take(world: World, sightings: Sightings, page: Page, began_ms: int) -> dict[str, str]:
    """Add a page whose read began at `began_ms`, when nothing may have expired; return its receipts by position."""
    seen = sightings.add(page.events)
    for receipt in seen.values():
        if began_ms - world.traffic.accepted_at.get(receipt, 0) > TTL_MS + SETTINGS.clock_skew_ms:
            world.violations.append(f"returned though expired: {receipt}")
    return seen


def _passed_on(world: World, position: str) -> str:
    """Return `position` after a round trip through a cursor, of an older version if there are two."""
    encode = old_cursor if world.profile.versions and world.rng.getrandbits(1) else cursors.encode
    try:
        return cursors.decode(encode(position, INBOX), INBOX).position
    except InvalidRequest as error:
        world.violations.append(f"a cursor is refused: {error}")
        return position


def _with_room(inbox: Inbox, max_returned: int) -> Inbox:
    inbox._max_returned = max_returned  # noqa: SLF001
    return inbox
