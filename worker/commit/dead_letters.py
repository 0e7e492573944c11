"""Sends an event that can't be stored to the DLQ alone, so that the rest of its pack is not held up.

It goes as a pack of one, readable like any other, with its reason as a message attribute. A limit keeps a bad
deploy, to which every event looks bad, from dead-lettering everything: past it events stay in the queue.
"""

from shared.clock import Clock
from shared.model import pack as packs
from shared.model.errors import Unavailable, Unclear
from shared.model.pack import EventPack
from shared.model.records import Outcome
from shared.ports import MessageSink, Outgoing
from shared.telemetry.catalog import Metrics
from worker.commit.event_commit import EventCommit

_MINUTE_MS = 60_000
_REASON_CHARACTERS = 200


class DeadLetters:
    """The way to the DLQ for single events; at most `per_minute` of them."""

    def __init__(self, sink: MessageSink, clock: Clock, *, per_minute: int, metrics: Metrics | None = None) -> None:
        self._letters = (metrics or Metrics()).dead_letters
        self._sink = sink
        self._clock = clock
        self._per_minute = per_minute
        self._minute = 0
        self._sent = 0

    async def send(self, commit: EventCommit, reason: str) -> bool:
        """Send one event with its reason; False if the limit or the queue said no, and it must stay."""
        if not self.allow():
            self._letters.of("withheld").add()
            return False
        pack = EventPack(
            tenant=commit.tenant, key_id=commit.key_id, accepted_at=commit.accepted_at, events=[commit.event]
        )
        letter = Outgoing(body=packs.encode(pack), attributes={packs.REASON_ATTRIBUTE: reason[:_REASON_CHARACTERS]})
        sent = await self._send(letter)
        self._letters.of("sent" if sent else "failed").add()
        return sent

    async def _send(self, letter: Outgoing) -> bool:
        try:
            [outcome] = await self._sink.send([letter])
        except (Unavailable, Unclear):
            return False
        return outcome is Outcome.DONE

    def allow(self) -> bool:
        """Count one more dead letter; False if that is one too many for this minute."""
        minute = self._clock.monotonic_ms() // _MINUTE_MS
        if minute != self._minute:
            self._minute, self._sent = minute, 0
        self._sent += 1
        return self._sent <= self._per_minute
