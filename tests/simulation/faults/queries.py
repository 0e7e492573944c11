"""Queries that stop early, as DynamoDB's do at 1 MB, and that report a stop at their limit with nothing beyond."""

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from msgspec.structs import replace

from shared.model.records import Count, Place, QueryResult
from shared.ports import EventStore


class StoppingStore:
    """`store`, whose queries evaluate fewer items than they may."""

    def __init__(self, store: EventStore, rng: random.Random) -> None:
        self._store = store
        self._rng = rng

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method: Callable[..., Coroutine[Any, Any, Any]] = getattr(self._store, name)
        return method

    async def query(self, inbox: Place, *, limit: int, **kwargs: Any) -> QueryResult:
        fits = min(limit, self._rng.choice((1, 2, 3, 8, limit)))
        answer = await self._store.query(inbox, limit=fits, **kwargs)
        if answer.stopped_at is None and fits > 1 and self._rng.getrandbits(1):
            # DynamoDB stops when the limit is reached, before it sees whether another item follows.
            fewer = await self._store.query(inbox, limit=fits - 1, **kwargs)
            return answer if fewer.stopped_at is None else replace(answer, stopped_at=answer.scanned_to)
        return answer

    async def count(self, inbox: Place, *, shard: int, before: str, limit: int, types: Sequence[str] = ()) -> Count:
        fits = min(limit, self._rng.choice((1, 5, 20, limit)))
        return await self._store.count(inbox, shard=shard, before=before, limit=fits, types=types)
