"""The console on the in-memory backend, with keys and dead letters."""

import httpx
import msgspec

from console.app import create_app
from shared.model import api_key, pack
from shared.model.event import Event
from shared.model.pack import EventPack
from shared.ports import Outgoing
from tests.fakes.app import DEFAULT, AppWorld


class Served(AppWorld):
    def __init__(self) -> None:
        keys = {
            DEFAULT: {"scopes": [api_key.OPERATE, api_key.DLQ_ADMIN]},
            "tenant": {"scopes": [*api_key.DEFAULT_SCOPES]},
        }
        keys["operator"] = {"scopes": [api_key.OPERATE]}
        super().__init__(create_app, key={"burst": 1000}, keys=keys)

    async def redrive(self, content: object, *, key: str = DEFAULT, **headers: str) -> httpx.Response:
        body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        return await self.post(body, "/v1/dlq/redrive", key=key, **headers)

    async def drop(self, content: object, *, key: str = DEFAULT) -> httpx.Response:
        return await self.post(msgspec.json.encode(content), "/v1/dlq/drop", key=key)

    async def bury(self, *ids: str, reason: str = "the store refuses the event") -> None:
        """Put events into the DLQ, one message each."""
        for id_ in ids:
            await self.dlq.send([Outgoing(body=dead_letter(id_), attributes={"reason": reason})])


def dead_letter(event_id: str, accepted_at: int = 1000) -> str:
    body = msgspec.Raw(b'{"specversion":"1.0","data":"secret"}')
    event = Event(receipt="r", id=event_id, source="/s", inbox="i", type="t", body=body)
    return pack.encode(EventPack(tenant="acme", key_id="k1", accepted_at=accepted_at, events=[event]))
