"""Transaction conflicts: DynamoDB refuses writes to an item that a transaction is changing, without any effect."""

import random
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from typing import Any, TypeVar

from shared.model.errors import Unavailable
from shared.model.records import Guard, Outcome, Place, StoredEvent
from shared.ports import EventStore

T = TypeVar("T")

_LONGEST_SECONDS = 0.3
"""Longer than a transaction takes, so that runs of seconds have conflicts."""


class ConflictingStore:
    """`store`, whose transactions lock their items for some time after they have taken effect."""

    def __init__(self, store: EventStore, time: Callable[[], float], rng: random.Random) -> None:
        self._store = store
        self._time = time
        self._rng = rng
        self._locked_until: dict[Hashable, float] = {}

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method: Callable[..., Coroutine[Any, Any, Any]] = getattr(self._store, name)
        return method

    async def insert_guards(self, guards: Sequence[Guard]) -> list[Outcome]:
        return await self._batch(self._store.insert_guards, guards, lambda guard: guard.identity)

    async def insert_events(self, events: Sequence[StoredEvent]) -> list[Outcome]:
        return await self._batch(self._store.insert_events, events, lambda event: event.place)

    async def move_guards(self, moved: Sequence[Guard]) -> list[Outcome]:
        return await self._batch(self._store.move_guards, moved, lambda guard: guard.identity)

    async def remove_events(self, places: Sequence[Place]) -> None:
        free = [place for place in places if not self._is_locked(place)]
        await self._store.remove_events(free)
        if len(free) < len(places):
            raise Unavailable("conflict")

    async def take_over(self, current: Guard, new: Guard) -> bool:
        return await self._transact(current, [], self._store.take_over(current, new))

    async def insert_older(self, current: Guard, older: Guard) -> bool:
        return await self._transact(current, [], self._store.insert_older(current, older))

    async def move_and_insert(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        return await self._transact(current, [event.place], self._store.move_and_insert(current, guard, event))

    async def reposition(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        old = event.place._replace(position=guard.position)
        places = [event.place, old, old._replace(delivered=True)]
        return await self._transact(current, places, self._store.reposition(current, guard, event))

    async def erase(self, current: Guard, erased: Guard) -> bool:
        place = Place(erased.identity.tenant, erased.identity.inbox, erased.position)
        places = [place, place._replace(delivered=True)]
        return await self._transact(current, places, self._store.erase(current, erased))

    async def _batch(
        self, call: Callable[[Sequence[T]], Awaitable[list[Outcome]]], items: Sequence[T], key: Callable[[T], Hashable]
    ) -> list[Outcome]:
        locked = [self._is_locked(key(item)) for item in items]
        outcomes = iter(await call([item for item, is_locked in zip(items, locked, strict=True) if not is_locked]))
        return [Outcome.THROTTLED if is_locked else next(outcomes) for is_locked in locked]

    async def _transact(self, current: Guard, places: Sequence[Place], call: Coroutine[Any, Any, bool]) -> bool:
        keys: list[Hashable] = [current.identity, *places]
        if any(map(self._is_locked, keys)):
            call.close()
            raise Unavailable("conflict")
        self._locked_until |= dict.fromkeys(keys, self._time() + self._rng.uniform(0, _LONGEST_SECONDS))
        return await call

    def _is_locked(self, key: Hashable) -> bool:
        return self._locked_until.get(key, 0.0) > self._time()
