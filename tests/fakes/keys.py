"""A table of API keys that counts its calls and fails on request."""

import asyncio

from shared.memory.key_store import MemoryKeyStore
from shared.model.api_key import ApiKey
from shared.model.errors import Unavailable


class FakeKeyStore(MemoryKeyStore):
    """Counts reads and recorded uses; reads fail while `down`, uses fail with `use_error`."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.uses = 0
        self.down = False
        self.use_error: Exception | None = None

    async def get(self, key_id: str) -> ApiKey | None:
        self.reads += 1
        await self.ready()
        await asyncio.sleep(0)
        return await super().get(key_id)

    async def record_use(self, key_id: str, used_at: int) -> None:
        self.uses += 1
        if self.use_error is not None:
            raise self.use_error
        await super().record_use(key_id, used_at)

    async def ready(self) -> None:
        if self.down:
            raise Unavailable("scripted")
