"""Members of the group: some ack what they lease, and some die, stall, ack late, extend or release it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from shared.model.errors import InvalidRequest, LeaseLost, Unavailable, Unclear
from shared.model.position import successor
from tests.simulation.groups.history import Grant
from tests.simulation.groups.world import GROUP, POISON, Lost, Server, World
from worker.groups.held import Release
from worker.groups.turn import Lease

_HABITS = ("ack", "ack", "ack", "ack in parts", "die", "stall", "release all", "release some", "extend")
_NO_ANSWER = (Lost, Unavailable, Unclear)


class _Seen(msgspec.Struct):
    position: str
    data: str


_decoder = msgspec.json.Decoder(_Seen)


class Member:
    """One member; it never remembers anything from one lease to the next."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.rng
        self._history = world.history

    async def run(self, until: asyncio.Event) -> None:
        """Lease and handle events, until the faults end."""
        while not until.is_set():
            await self.step()
            await asyncio.sleep(self._rng.choice((0.01, 0.3)) * self._rng.random())

    async def step(self, *, is_healthy: bool = False) -> bool:
        """Handle one lease; return whether there was one."""
        rng, server = self._rng, self._rng.choice(self._world.servers)
        limit, seconds = rng.choice((1, 3, 10, 50)), rng.choice((1, 2, 5))
        wait = 0 if is_healthy or rng.random() < 0.9 else 2
        try:
            lease = await server.call(
                lambda groups: groups.lease(GROUP, limit=limit, seconds=seconds, wait_seconds=wait)
            )
        except _NO_ANSWER:
            return False
        if lease is None:
            return False
        events = [_decoder.decode(event) for event in lease.events]
        grant = self._history.grant(
            lease.key,
            [event.position for event in events],
            now=self._world.now(),
            until=lease.until_ms - server.process.skew_ms,
            is_open=self._world.is_open(lease.key),
        )
        await self._handle(server, lease, grant, events, "ack" if is_healthy else rng.choice(_HABITS))
        return True

    async def _handle(self, server: Server, lease: Lease, grant: Grant, events: Sequence[_Seen], habit: str) -> None:
        rng = self._rng
        poison = [event.position for event in events if event.data == POISON]
        fine = [event.position for event in events if event.data != POISON]
        await asyncio.sleep(rng.choice((0.0, 0.2)) * rng.random())
        if poison:
            await self._fail(server, lease, grant, poison)
            return
        match habit:
            case "ack":
                await self._ack(server, lease, grant, None)
            case "ack in parts":
                some = rng.sample(fine, rng.randint(1, len(fine)))
                await self._ack(server, lease, grant, some)
                await self._ack_nothing(server, lease, [successor(position) for position in fine[:-1]])
                await asyncio.sleep(rng.random())
                await self._ack(server, lease, grant, rng.choice((None, fine)))
            case "stall":
                await asyncio.sleep(rng.choice((0.9, 1.0, 1.1, 1.3)) * (grant.until - self._world.now()) / 1000)
                await self._ack(server, lease, grant, rng.choice((None, fine[:1])))
            case "release all":
                await self._release(server, lease, grant, None)
            case "release some":
                await self._release(server, lease, grant, rng.sample(fine, rng.randint(1, len(fine))))
                await self._ack(server, lease, grant, None)
            case "extend":
                await asyncio.sleep(rng.choice((0.5, 0.99, 1.05)) * (grant.until - self._world.now()) / 1000)
                await self._extend(server, lease, grant)
                await asyncio.sleep(rng.random() * 2)
                await self._ack(server, lease, grant, None)

    async def _fail(self, server: Server, lease: Lease, grant: Grant, poison: Sequence[str]) -> None:
        """Handle events of which some make every member fail."""
        rng, fine = self._rng, sorted(grant.positions.difference(poison))
        match rng.choice(("die", "release all", "release some", "ack others")):
            case "release all":
                await self._release(server, lease, grant, None)
            case "release some":
                await self._ack(server, lease, grant, rng.sample(fine, rng.randint(0, len(fine))))
                await self._release(server, lease, grant, poison)
            case "ack others":
                await self._ack(server, lease, grant, fine)

    async def _ack(self, server: Server, lease: Lease, grant: Grant, positions: Sequence[str] | None) -> None:
        acked = sorted(grant.left) if positions is None else positions
        if not acked:
            return
        new = self._history.ack_sent(grant, acked)
        try:
            await server.call(lambda groups: groups.ack(GROUP, lease.key, positions))
        except LeaseLost:
            # Where answers are lost, this ack may have ended the lease itself.
            if not self._world.profile.lost:
                self._history.ack_refused(new)
            return
        except _NO_ANSWER:
            return
        except InvalidRequest:
            self._history.violations.append("an ack of a member's own lease was refused as invalid")
            return
        self._history.ack_confirmed(grant, acked)

    async def _ack_nothing(self, server: Server, lease: Lease, positions: Sequence[str]) -> None:
        """Ack positions between the events of the lease, which name no event."""
        if not positions:
            return
        with suppress(InvalidRequest, LeaseLost, *_NO_ANSWER):
            await server.call(lambda groups: groups.ack(GROUP, lease.key, positions))

    async def _extend(self, server: Server, lease: Lease, grant: Grant) -> None:
        try:
            until = await server.call(lambda groups: groups.extend(GROUP, lease.key, 3))
        except (LeaseLost, *_NO_ANSWER):
            grant.live.clear()
            return
        grant.until = until - server.process.skew_ms

    async def _release(self, server: Server, lease: Lease, grant: Grant, positions: Sequence[str] | None) -> None:
        released = sorted(grant.left) if positions is None else [one for one in positions if one in grant.left]
        if not released:
            return
        delay, started, before = self._rng.choice((0, 0, 1, 4)), self._world.now(), self._history.doubtful()
        self._history.release_sent(grant, released)
        try:
            await server.call(
                lambda groups: groups.release(GROUP, lease.key, Release(positions=positions, delay_seconds=delay))
            )
        except (LeaseLost, *_NO_ANSWER):
            return
        self._history.release_confirmed(grant, released, not_before=started + 1000 * delay, was_doubtful=before)
