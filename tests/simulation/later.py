"""The days after a run: events expire, are deleted at once or much later, and old messages are delivered again."""

import asyncio

from shared.model.event import Identity
from shared.model.records import StoredEvent
from shared.ports import Outgoing
from tests.simulation.settings import KEPT_MS, TTL_MS
from tests.simulation.traffic import INBOX, TENANT
from tests.simulation.world import World

_LIVES_MS = (TTL_MS, TTL_MS, 2 * TTL_MS, KEPT_MS)
"""Of an event, of one that was acked on its last day, and of a guard."""

_OFFSETS_MS = (-1_000, -1, 0, 1, 1_000, TTL_MS // 2)
_SETTLED_SECONDS = 4.0


async def sweep(world: World) -> None:
    """Delete what expires as soon as it does; in every other run, nothing is deleted for days."""
    if world.rng.getrandbits(1):
        while not world.stop.is_set():
            world.store.expire(world.services.wall_ms() // 1000)
            await asyncio.sleep(world.rng.uniform(0.1, 1.0))


async def pass_days(world: World) -> None:
    """Let time pass until something expires, or nearly, and send more traffic. Every event has settled before."""
    rng = world.rng
    await asyncio.sleep(_SETTLED_SECONDS)
    for _ in range(rng.randint(1, 3)):
        if not world.traffic.accepted:
            return
        begin_ms = rng.choice(world.traffic.accepted).accepted_at
        until_ms = begin_ms + rng.choice(_LIVES_MS) + rng.choice(_OFFSETS_MS)
        world.loop.jump(max(0, until_ms - world.services.wall_ms()) / 1000)
        for _ in range(rng.randint(1, 4)):
            await rng.choice((_post, _ack, _remove, _erase_in_flight, _redrive, _redrive))(world)
            await asyncio.sleep(rng.choice((0.0, 0.001, rng.uniform(0.0, 2.0))))


async def _post(world: World) -> None:
    """Accept an id once more."""
    await world.traffic.post({world.rng.choice(world.traffic.accepted).identity.id: INBOX})


async def _ack(world: World) -> None:
    """Ack an event that is or was listed, and may have expired."""
    places = {place.position for place, record in world.store.records.items() if isinstance(record, StoredEvent)}
    guards = [guard for guard in world.store.guards() if guard.position in places]
    if guards:
        guard = world.rng.choice(sorted(guards, key=lambda guard: guard.receipt))
        world.traffic.acked_unread.add(guard.receipt)
        await world.traffic.ack({guard.position: guard.receipt})


async def _remove(world: World) -> None:
    """Ack or erase an id."""
    name = world.rng.choice(world.traffic.accepted).identity.id
    await world.traffic.remove(Identity(TENANT, INBOX, "/", name), erase=world.rng.random() < 0.5)


async def _erase_in_flight(world: World) -> None:
    """Accept an id once more, and erase it while that event may still be in the queue."""
    identity = Identity(TENANT, INBOX, "/", world.rng.choice(world.traffic.accepted).identity.id)
    await world.traffic.post({identity.id: INBOX})
    await world.traffic.remove(identity, erase=True)


async def _redrive(world: World) -> None:
    """Deliver a message again, long after it was sent."""
    await world.queue.send([Outgoing(body=world.rng.choice(world.traffic.sent))])
