"""What clients send: events, acks and erases, as ingest puts them into the queue before it answers 202."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from shared.model.event import Event, Identity
from shared.model.pack import AckPack, EventPack, Pack, Removal, encode
from shared.model.position import Minter
from shared.model.type_pattern import matches_any
from shared.ports import Outgoing
from tests.simulation.faults.versions import newer_pack, older_pack
from tests.simulation.settings import SETTINGS, WIDE_WINDOW_SECONDS

if TYPE_CHECKING:
    from tests.simulation.world import World

TENANT, INBOX = "acme", "orders"
TYPES = ("t", "u.x")

_WIDE = ("e9", "e10", "e11")


def window_seconds_of(id_: str) -> int | None:
    """Return the window of this event's pack, None for that of the settings."""
    return WIDE_WINDOW_SECONDS if id_ in _WIDE else None


def kind_of(event_id: str) -> str:
    """Return the type of the events with this id."""
    return "u.x" if event_id[-1] in "024" else "t"


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """An event that ingest answered with 202."""

    receipt: str
    identity: Identity
    accepted_at: int
    was_old: bool = False  # accepted, before the run, so long ago that it had expired

    @property
    def window_ms(self) -> int:
        """Time in which an event with the same identity is a duplicate."""
        return (window_seconds_of(self.identity.id) or SETTINGS.deduplication_window_seconds) * 1000


class Traffic:
    """Sends packs to the queue, and records what was accepted, acked and erased."""

    def __init__(self, world: "World") -> None:
        self.accepted: list[Accepted] = []
        self.acked: set[str] = set()  # receipts
        self.acked_unread: set[str] = set()  # by others than the followers, which may not have read them
        self.acked_identities: dict[Identity, int] = {}  # time of the last one
        self.erased: dict[Identity, int] = {}  # time of the last one
        self.sent: list[str] = []  # the body of every message
        self.accepted_at: dict[str, int] = {}  # by receipt
        self.minter = Minter(world.services, random_bytes=world.rng.randbytes)
        self._world = world
        self._rng = world.rng

    async def post(self, ids: Mapping[str, str], *, age_ms: int = 0) -> None:
        """Accept events (a mapping of ids to inboxes) as one pack per window, and send the packs to the queue."""
        windows = dict.fromkeys(map(window_seconds_of, ids))
        for window in windows:
            delay_seconds = self._rng.choice((0, 0, 0, self._rng.randint(0, 8)))
            some = {id_: ids[id_] for id_ in ids if window_seconds_of(id_) == window}
            await self._post(some, window, age_ms=age_ms, delay_seconds=delay_seconds)

    async def post_at_once(self, ids: Iterable[str]) -> None:
        """Accept new events of the followed inbox as one pack, which the queue delivers without a delay."""
        await self._post(dict.fromkeys(ids, INBOX), None)

    async def _post(
        self, ids: Mapping[str, str], window: int | None, *, age_ms: int = 0, delay_seconds: int = 0
    ) -> None:
        now = self._world.services.wall_ms() - age_ms
        events = [self._event(id_, inbox, now) for id_, inbox in ids.items()]
        pack = EventPack(tenant=TENANT, key_id="k", accepted_at=now, events=events, window_seconds=window)
        await self._send(pack, delay_seconds=delay_seconds)

    def _event(self, id_: str, inbox: str, accepted_at: int) -> Event:
        receipt = self.minter.mint()
        identity = Identity(TENANT, inbox, "/", id_)
        was_old = self._world.is_expired(accepted_at + SETTINGS.clock_skew_ms)
        self.accepted.append(Accepted(receipt=receipt, identity=identity, accepted_at=accepted_at, was_old=was_old))
        padding = "".join(self._rng.choices("0123456789abcdef", k=self._rng.choice((0, 0, 0, 0, 900))))
        self.accepted_at[receipt] = accepted_at
        kind = kind_of(id_)
        body = {"specversion": "1.0", "id": id_, "source": "/", "type": kind, "data": {"r": receipt, "p": padding}}
        raw = msgspec.Raw(msgspec.json.encode(body))
        return Event(receipt=receipt, id=id_, source="/", inbox=inbox, type=kind, body=raw)

    async def ack(self, seen: Mapping[str, str], types: tuple[str, ...] = ()) -> None:
        """Ack events of the followed inbox, with a key for `types`; `seen` maps their positions to receipts."""
        kinds = {event.receipt: kind_of(event.identity.id) for event in self.accepted}
        self.acked.update(
            receipt for receipt in seen.values() if receipt in kinds and matches_any(types, kinds[receipt])
        )
        now, named = self._world.services.wall_ms(), list(seen)
        await self._send(AckPack(tenant=TENANT, key_id="k", accepted_at=now, inbox=INBOX, positions=named, types=types))

    async def remove(self, identity: Identity, *, erase: bool) -> None:
        """Ack or erase one event by its identity."""
        now = self._world.services.wall_ms()
        (self.erased if erase else self.acked_identities)[identity] = now
        await self._send(
            Removal(
                tenant=TENANT,
                key_id="k",
                accepted_at=now,
                receipt=self.minter.mint(),
                inbox=identity.inbox,
                source=identity.source,
                id=identity.id,
                erase=erase,
            ),
            delay_seconds=self._rng.choice((0, 0, 3)),
        )

    async def _send(self, pack: Pack, *, delay_seconds: int = 0) -> None:
        write = self._rng.choice((encode, older_pack, newer_pack)) if self._world.profile.versions else encode
        self.sent.append(write(pack))
        await self._world.queue.send([Outgoing(body=self.sent[-1], delay_seconds=delay_seconds)])
        if self._rng.random() < 0.1:  # the first send got no answer, so ingest or SQS sent it twice
            await self._world.queue.send([Outgoing(body=write(pack), delay_seconds=self._rng.randint(0, 3))])
