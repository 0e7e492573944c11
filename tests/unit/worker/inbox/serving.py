"""The inbox app in memory, with events to read."""

from collections.abc import Mapping

from shared.model import api_key
from shared.model.event import Identity
from shared.model.position import Minter
from shared.model.records import Guard, Place, StoredEvent
from tests.fakes.app import DEFAULT, AppWorld
from tests.fakes.clock import START_MS, FakeClock
from worker.inbox.app import create_app

TENANT = "a#b"


_KEY = {"tenant": TENANT, "scopes": [api_key.INBOX_READ], "burst": 100}
_KEYS: Mapping[str, Mapping[str, object]] = {
    DEFAULT: {},
    "a/b": {"tenant": "a/b"},
    "writer": {"scopes": [api_key.EVENTS_WRITE]},
    "orders only": {"types": ["order.*"]},
    "any type": {"types": ["order.*", "*"]},
}


class Served(AppWorld):
    def __init__(self) -> None:
        super().__init__(create_app, key=_KEY, keys=_KEYS)
        # Positions that it mints have already settled.
        self.minter = Minter(FakeClock(START_MS - 10_000, follows=self.clock))

    async def put(self, *ids: str, kind: str = "t", inbox: str = "default", data: bytes = b"[1.0, 1e99]") -> list[str]:
        """Store events as the worker does; they were accepted ten seconds ago."""
        positions = []
        for id_ in ids:
            event = self.event(id_, kind=kind, inbox=inbox, data=data)
            await self.store.insert_events([event])
            await self.store.insert_guards([self.guard(id_, event)])
            positions.append(event.place.position)
        return positions

    def event(self, id_: str, *, kind: str = "t", inbox: str = "default", data: bytes = b"1") -> StoredEvent:
        body = b'{"specversion":"1.0","id":"%b","source":"/s","type":"%b","data":%b}'
        return StoredEvent(
            place=Place(TENANT, inbox, self.minter.mint()),
            type=kind,
            body=body % (id_.encode(), kind.encode(), data),
            accepted_at=self.clock.wall_ms() - 10_005,
            expires_at=START_MS // 1000 + 1000,
        )

    def guard(self, id_: str, event: StoredEvent) -> Guard:
        return Guard(
            identity=Identity(TENANT, event.place.inbox, "/s", id_),
            receipt=self.minter.mint(),
            position=event.place.position,
            accepted_at=event.accepted_at,
            digest="",
            expires_at=START_MS // 1000 + 1000,
        )
