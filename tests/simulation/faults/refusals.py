"""Events that the table refuses, for a reason other than a condition, until a deploy fixes that."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from shared.model.errors import Poison
from shared.model.records import Guard, Outcome, StoredEvent
from shared.ports import EventStore


class RefusingStore:
    """`store`, which refuses the events accepted in every third millisecond while `is_active`."""

    def __init__(self, store: EventStore, is_active: Callable[[], bool]) -> None:
        self._store = store
        self._is_active = is_active

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method: Callable[..., Coroutine[Any, Any, Any]] = getattr(self._store, name)
        return method

    async def insert_events(self, events: Sequence[StoredEvent]) -> list[Outcome]:
        refused = [self._refuses(event) for event in events]
        taken = [event for event, is_refused in zip(events, refused, strict=True) if not is_refused]
        outcomes = iter(await self._store.insert_events(taken))
        return [Outcome.REFUSED if is_refused else next(outcomes) for is_refused in refused]

    async def move_and_insert(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        self._check(event)
        return await self._store.move_and_insert(current, guard, event)

    async def reposition(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        self._check(event)
        return await self._store.reposition(current, guard, event)

    def _check(self, event: StoredEvent) -> None:
        if self._refuses(event):
            raise Poison("the store refuses the event")

    def _refuses(self, event: StoredEvent) -> bool:
        # Acks insert what is stored already, in the same form.
        return self._is_active() and event.delivered_at is None and event.accepted_at % 3 == 0
