"""Sends an event that can't be stored to the DLQ alone, so that it does not hold up the rest of its pack.

It is sent as a pack of one, readable like any other, with the reason as a message attribute. A rate limit keeps a bad
deploy, which may reject every event, from dead-lettering everything: above the limit, events stay in the queue.
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
    """Sends single events to the DLQ, at most `per_minute`."""

    def __init__(self, sink: MessageSink, clock: Clock, *, per_minute: int, metrics: Metrics | None = None) -> None:
        self._counts = (metrics or Metrics()).dead_letters
        self._sink = sink
        self._clock = clock
        self._per_minute = per_minute
        self._minute = 0
        self._sent = 0

    async def send(self, commit: EventCommit, reason: str) -> bool:
        """Send one event with its reason. Return False if the limit or the DLQ refused it: it must stay queued."""
        if not self.allow():
            self._counts.of("withheld").add()
            return False
        pack = EventPack(
            tenant=commit.tenant,
            key_id=commit.key_id,
            accepted_at=commit.accepted_at,
            events=[commit.event],
            window_seconds=commit.pack_window_seconds,
        )
        attributes = {packs.REASON_ATTRIBUTE: reason[:_REASON_CHARACTERS]}
        dead_letter = Outgoing(body=packs.encode(pack), attributes=attributes)
        sent = await self._send(dead_letter)
        self._counts.of("sent" if sent else "failed").add()
        return sent

    async def _send(self, dead_letter: Outgoing) -> bool:
        try:
            [outcome] = await self._sink.send([dead_letter])
        except (Unavailable, Unclear):
            return False
        return outcome is Outcome.DONE

    def allow(self) -> bool:
        """Count one more dead letter. Return False if that exceeds the limit for this minute."""
        minute = self._clock.monotonic_ms() // _MINUTE_MS
        if minute != self._minute:
            self._minute, self._sent = minute, 0
        self._sent += 1
        return self._sent <= self._per_minute
