"""Applies the processor's dispositions, for both consumers; only deletion differs between them.

The polling worker deletes finished messages itself; Lambda's poller deletes those that are not reported as failed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from shared.containers import batches
from shared.model.errors import Unavailable, Unclear
from shared.model.pack import TRACEPARENT_ATTRIBUTE
from shared.model.records import Outcome
from shared.ports import MAX_MESSAGES, EventQueue, Message, Outgoing
from shared.settings import Settings
from shared.telemetry import tracing
from shared.telemetry.catalog import Metrics
from worker.commit.processor import Action, Disposition

Handled = tuple[Message, Disposition]

_log = logging.getLogger("triggers.worker")
_TRACEPARENT_LENGTH = 55
"""Of version 00. Later versions may be longer, with content that the client chooses."""


async def apply_dispositions(handled: Sequence[Handled], queue: EventQueue, settings: Settings) -> list[Message]:
    """Apply dispositions; return the finished messages, which the caller deletes.

    The visibility timeout of the others is set to the delay before their next delivery. If the queue fails, they are
    redelivered when their current timeout ends; no error is raised.
    """
    retried = [(message, disposition) for message, disposition in handled if disposition.action is Action.RETRY]
    replaced = set(await asyncio.gather(*(_replace(*pair, queue, settings) for pair in retried)))
    done: list[Message] = []
    delayed: dict[int, list[Message]] = {}
    for message, disposition in handled:
        if disposition.action is Action.DELETE or message.handle in replaced:
            done.append(message)
        else:
            delayed.setdefault(disposition.delay_seconds, []).append(message)
    for delay_seconds, messages in delayed.items():
        for batch in batches(messages, MAX_MESSAGES):
            with contextlib.suppress(Unavailable, Unclear):
                await queue.change_visibility(batch, delay_seconds)
    return done


async def _replace(message: Message, disposition: Disposition, queue: EventQueue, settings: Settings) -> str | None:
    """Replace a message that is about to use up its deliveries, although it is not at fault, with a copy.

    Return its handle if the copy is in the queue, otherwise None. If the original survives too, both carry the same
    events and receipts.
    """
    if message.receives < settings.max_receives - 1:
        return None
    copy = Outgoing(
        body=message.body,
        attributes=message.attributes,
        group=disposition.tenant if settings.fair_queues else None,
        delay_seconds=disposition.delay_seconds,
    )
    with contextlib.suppress(Unavailable, Unclear):
        if await queue.send([copy]) == [Outcome.DONE]:
            return message.handle
    return None


def count_and_log(handled: Sequence[Handled], duration_ms: int, metrics: Metrics) -> None:
    """Count a batch that took `duration_ms`, and log it."""
    metrics.batch_seconds.of().observe(duration_ms / 1000)
    for _, disposition in handled:
        metrics.messages.of(disposition.action.value).add()
    log_lines(handled, duration_ms)


def log_lines(handled: Sequence[Handled], duration_ms: int) -> None:
    """Write one log line per message, with details as fields, and a span if tracing is enabled."""
    traces = tracing.current()
    for message, disposition in handled:
        fields = {
            "message_id": message.id,
            "receives": message.receives,
            "action": disposition.action.value,
            "tenant": disposition.tenant,
            "duration_ms": duration_ms,
            "traceparent": message.attributes.get(TRACEPARENT_ATTRIBUTE, "")[:_TRACEPARENT_LENGTH] or None,
            "reason": disposition.reason,
            **disposition.counts,
        }
        if traces is not None:
            traces.message(message.attributes, duration_ms, fields)
        level = logging.INFO if disposition.action is Action.DELETE else logging.WARNING
        _log.log(level, "message", extra={name: value for name, value in fields.items() if value is not None})
