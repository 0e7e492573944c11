"""Acks of events for the whole inbox, sent through the queue like those of `POST /v1/acks`."""

from collections.abc import Sequence

from shared.clock import Clock
from shared.model.api_key import ApiKey
from shared.model.errors import Unavailable, Unclear
from shared.model.groups import GroupName
from shared.model.pack import AckPack, encode
from shared.model.records import Outcome
from shared.model.type_pattern import selects_all
from shared.ports import MessageSink, Outgoing
from shared.settings import Settings


class Removals:
    """Sends acks to the queue; a worker applies them."""

    def __init__(self, queue: MessageSink, clock: Clock, settings: Settings) -> None:
        self._queue = queue
        self._clock = clock
        self._is_fair = settings.fair_queues

    async def send(self, group: GroupName, key: ApiKey, positions: Sequence[str]) -> None:
        """Return once the queue holds the acks; raise `Unavailable` or `Unclear` if it may not. Repeating is safe."""
        if not positions:
            return
        pack = AckPack(
            tenant=group.tenant,
            key_id=key.key_id,
            accepted_at=self._clock.wall_ms(),
            inbox=group.inbox,
            positions=list(positions),
            types=() if selects_all(key.types) else key.types,
        )
        message = Outgoing(body=encode(pack), group=group.tenant if self._is_fair else None)
        [outcome] = await self._queue.send([message])
        if outcome is Outcome.UNCLEAR:
            raise Unclear("the queue did not confirm an ack")
        if outcome is not Outcome.DONE:
            raise Unavailable("the queue did not take an ack")
