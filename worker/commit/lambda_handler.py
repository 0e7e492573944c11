"""The worker as an AWS Lambda function behind an SQS event source with `ReportBatchItemFailures`.

Lambda's poller receives and deletes: it deletes what the answer does not report as failed. The event loop and the
clients live as long as the sandbox does, and are opened by its first invocation.
"""

import asyncio
import functools
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any
from typing import Protocol as Interface

import msgspec

from shared import settings
from shared.backend import connect
from shared.clock import SystemClock
from shared.model.errors import TriggersError
from shared.ports import Message
from shared.telemetry import cloudwatch, log
from shared.telemetry.catalog import Metrics
from worker.commit.dispositions import Handled, apply_dispositions, count_and_log
from worker.commit.processor import Action, Disposition, Processor
from worker.commit.retry import LONGEST_PAUSE_MS
from worker.runtime import open_processor

_OPENING_AGAIN_SECONDS = 15

_log = logging.getLogger("triggers.worker")


class Context(Interface):
    """What Lambda tells of an invocation, as far as it matters here."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this invocation."""
        ...


class _Attribute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    string_value: str | None = None


class _Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message, as an SQS event source spells it."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: Mapping[str, str] = {}
    message_attributes: Mapping[str, _Attribute] = {}

    def message(self) -> Message:
        """Return the message in our own terms."""
        attributes = {name: value.string_value for name, value in self.message_attributes.items()}
        return Message(
            id=self.message_id,
            body=self.body,
            handle=self.receipt_handle,
            receives=int(self.attributes.get("ApproximateReceiveCount", "1")),
            attributes={name: value for name, value in attributes.items() if value is not None},
        )


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """What Lambda hands over."""

    records: Sequence[_Record] = msgspec.field(name="Records")


def handler(event: Mapping[str, Any], context: Context) -> dict[str, list[dict[str, str]]]:
    """Process one batch; return the messages that must be delivered again.

    Raises `InvalidSettings` if the environment's are, and `msgspec.ValidationError` if the event comes from
    anything but SQS: nothing was done then. Nothing that happens to a message is raised.
    """
    messages = messages_of(event)
    done = sandbox().handle(messages, context.get_remaining_time_in_millis())
    return {"batchItemFailures": [{"itemIdentifier": one.id} for one in messages if one.id not in done]}


def messages_of(event: Mapping[str, Any]) -> list[Message]:
    """Return the messages that an SQS event source hands over; raise `msgspec.ValidationError` for another's event."""
    return [record.message() for record in msgspec.convert(event, _Event).records]


class Sandbox:
    """What stays between the invocations of one sandbox: the event loop and, on it, the clients."""

    def __init__(self, loaded: settings.Settings, environ: Mapping[str, str]) -> None:
        self._runner = asyncio.Runner()
        self._settings = loaded
        self._clock = SystemClock()
        self._metrics = Metrics(scraped=False)
        self._backend = connect(loaded, self._clock)
        self._processor: Processor | None = None
        self._emit = cloudwatch.emitter(self._metrics, self._clock, environ)
        # What may still happen after `give_up` turned true: the pause that it fell into, a wait for a position to
        # settle and a call to the table, and then the calls that give messages back.
        self._margin_ms = LONGEST_PAUSE_MS + loaded.settle_ms + loaded.store_timeout_ms + loaded.queue_timeout_ms

    def handle(self, messages: Sequence[Message], remaining_ms: int) -> set[str]:
        """Process `messages` within `remaining_ms`; return the ids of those that are done with. Raises nothing."""
        try:
            return self._runner.run(self._handle(messages, remaining_ms))
        except Exception:  # noqa: BLE001 - whatever it is, the messages must come again
            _log.exception("invocation failed", extra={"messages": len(messages)})
            return set()
        finally:
            self._emit()

    def close(self) -> None:
        """Close clients and loop; Lambda itself never says that a sandbox ends."""
        self._runner.run(self._backend.aclose())
        self._runner.close()

    async def _handle(self, messages: Sequence[Message], remaining_ms: int) -> set[str]:
        started_ms = self._clock.monotonic_ms()
        # A function with little time uses half of it, rather than none.
        give_up_ms = started_ms + max(remaining_ms - self._margin_ms, remaining_ms // 2)
        queue = await self._backend.queue()
        handled = await self._judge(messages, give_up_ms)
        done = await apply_dispositions(handled, queue, self._settings)
        count_and_log(handled, self._clock.monotonic_ms() - started_ms, self._metrics)
        return {message.id for message in done}

    async def _judge(self, messages: Sequence[Message], give_up_ms: int) -> list[Handled]:
        clock = self._clock
        try:
            processor = await self._opened_processor()
        except TriggersError as error:
            # A table that is away is no fault of any message: none may reach the DLQ for it.
            _log.critical("the worker can't start", extra={"error": str(error)})
            retry = Disposition(action=Action.RETRY, delay_seconds=_OPENING_AGAIN_SECONDS)
            return [(message, retry) for message in messages]
        dispositions = await processor.process(messages, give_up=lambda: clock.monotonic_ms() >= give_up_ms)
        return list(zip(messages, dispositions, strict=True))

    async def _opened_processor(self) -> Processor:
        if self._processor is None:
            self._processor = await open_processor(self._backend, self._settings, self._clock, self._metrics)
        return self._processor


@functools.cache
def sandbox() -> Sandbox:
    """Return this process's sandbox; raise `InvalidSettings` if the environment's settings are."""
    loaded = settings.load(os.environ)
    log.configure(loaded.log_level)
    return Sandbox(loaded, os.environ)
