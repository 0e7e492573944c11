"""What both consumers do with the core's verdicts; only the deleting is each one's own.

The poll loop deletes what is done with, and Lambda's poller deletes what is not reported as failed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from shared.containers import batches
from shared.model.errors import Unavailable, Unclear
from shared.model.records import Outcome
from shared.ports import MAX_MESSAGES, EventQueue, Message, Outgoing
from shared.settings import Settings
from shared.telemetry import tracing
from shared.telemetry.catalog import Metrics
from worker.commit.processor import Action, Verdict

Judged = tuple[Message, Verdict]

_log = logging.getLogger("triggers.worker")
_TRACEPARENT_LENGTH = 55
"""Of version 00. What later versions add is whatever the client makes it."""


async def carry_out(judged: Sequence[Judged], queue: EventQueue, settings: Settings) -> list[Message]:
    """Act on verdicts; return the messages that are done with, which the caller deletes.

    The others are hidden until their next delivery. Should the queue fail meanwhile, they come again once their
    visibility ends; nothing is raised.
    """
    retried = [(message, verdict) for message, verdict in judged if verdict.action is Action.RETRY]
    copied = await asyncio.gather(*(_send_again(*one, queue, settings) for one in retried))
    replaced = {message.handle for (message, _), is_copied in zip(retried, copied, strict=True) if is_copied}
    done: list[Message] = []
    hidden: dict[int, list[Message]] = {}
    for message, verdict in judged:
        if verdict.action is Action.DELETE or message.handle in replaced:
            done.append(message)
        else:
            hidden.setdefault(verdict.delay_seconds, []).append(message)
    for delay_seconds, messages in hidden.items():
        for some in batches(messages, MAX_MESSAGES):
            with contextlib.suppress(Unavailable, Unclear):
                await queue.hide(some, delay_seconds)
    return done


async def _send_again(message: Message, verdict: Verdict, queue: EventQueue, settings: Settings) -> bool:
    """Replace a message that is about to run out of deliveries, through no fault of its own, by a copy.

    True if the copy is in the queue. Should the old one live on, the two are one event with one receipt.
    """
    if message.receives < settings.max_receives - 1:
        return False
    copy = Outgoing(
        body=message.body,
        attributes=message.attributes,
        group=verdict.tenant if settings.fair_queues else None,
        delay_seconds=verdict.delay_seconds,
    )
    try:
        return await queue.send([copy]) == [Outcome.DONE]
    except (Unavailable, Unclear):
        return False


def count_and_log(judged: Sequence[Judged], duration_ms: int, metrics: Metrics) -> None:
    """Count a batch that took `duration_ms`, and log it."""
    metrics.batch_seconds.of().observe(duration_ms / 1000)
    for _, verdict in judged:
        metrics.messages.of(verdict.action.value).add()
    log_lines(judged, duration_ms)


def log_lines(judged: Sequence[Judged], duration_ms: int) -> None:
    """Write one line per message, and a span where the process is traced; what varies is a field of it."""
    traces = tracing.current()
    for message, verdict in judged:
        fields = {
            "message_id": message.id,
            "receives": message.receives,
            "action": verdict.action.value,
            "tenant": verdict.tenant,
            "duration_ms": duration_ms,
            "traceparent": message.attributes.get("traceparent", "")[:_TRACEPARENT_LENGTH] or None,
            "reason": verdict.reason,
            **verdict.counts,
        }
        if traces is not None:
            traces.message(message.attributes, duration_ms, fields)
        level = logging.INFO if verdict.action is Action.DELETE else logging.WARNING
        _log.log(level, "message", extra={name: value for name, value in fields.items() if value is not None})
