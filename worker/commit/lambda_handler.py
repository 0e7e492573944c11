"""The worker as an AWS Lambda function behind an SQS event source with `ReportBatchItemFailures`.

Lambda's poller receives messages and deletes those that the response does not report as failed. The first invocation
of a sandbox opens the event loop and the clients; they live as long as the sandbox.
"""

import asyncio
import functools
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from typing import Protocol as Interface

import msgspec

from shared import settings
from shared.backend import connect
from shared.clock import Clock, SystemClock
from shared.model.errors import TriggersError
from shared.ports import EventQueue, Message
from shared.settings import Settings
from shared.telemetry import cloudwatch, log
from shared.telemetry.catalog import Metrics
from worker.commit.dispositions import Handled, apply_dispositions, count_and_log
from worker.commit.processor import Action, Disposition, Processor
from worker.commit.retry import LONGEST_PAUSE_MS
from worker.runtime import open_processor

_OPEN_RETRY_SECONDS = 15

_log = logging.getLogger("triggers.worker")


class Context(Interface):
    """The part of Lambda's context object that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until this invocation times out."""
        ...


class _Attribute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    string_value: str | None = None


class _Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message in the format of an SQS event source."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: Mapping[str, str] = {}
    message_attributes: Mapping[str, _Attribute] = {}

    def message(self) -> Message:
        """Convert the record to a `Message`."""
        attributes = {name: value.string_value for name, value in self.message_attributes.items()}
        return Message(
            id=self.message_id,
            body=self.body,
            handle=self.receipt_handle,
            receives=int(self.attributes.get("ApproximateReceiveCount", "1")),
            attributes={name: value for name, value in attributes.items() if value is not None},
        )


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """The event of an invocation."""

    records: Sequence[_Record] = msgspec.field(name="Records")


def handler(event: Mapping[str, Any], context: Context) -> dict[str, list[dict[str, str]]]:
    """Process one batch; return the messages that must be redelivered.

    Raises `InvalidSettings` if the environment's settings are invalid, and `msgspec.ValidationError` if the event is
    not from SQS; nothing has been processed then. No error of processing is raised.
    """
    messages = messages_of(event)
    done = sandbox().handle(messages, context.get_remaining_time_in_millis())
    return {"batchItemFailures": [{"itemIdentifier": one.id} for one in messages if one.id not in done]}


def messages_of(event: Mapping[str, Any]) -> list[Message]:
    """Return the messages of an SQS event; raise `msgspec.ValidationError` for an event from another source."""
    return [record.message() for record in msgspec.convert(event, _Event).records]


class LambdaWorker:
    """Processes the batches of one sandbox, one after another, each within the time of its invocation."""

    def __init__(
        self,
        *,
        queue: Callable[[], Awaitable[EventQueue]],
        processor: Callable[[], Awaitable[Processor]],
        clock: Clock,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        """Open the queue and the processor when first needed, with the functions given."""
        self._queue = queue
        self._open = processor
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._processor: Processor | None = None
        # The longest that work may continue after `give_up` turns true: a pause, a wait for a position to settle, a
        # call to the table, and the calls that return messages to the queue.
        self._margin_ms = LONGEST_PAUSE_MS + settings.settle_ms + settings.store_timeout_ms + settings.queue_timeout_ms

    async def handle(self, messages: Sequence[Message], remaining_ms: int) -> set[str]:
        """Process `messages` within `remaining_ms`; return the ids of the finished ones."""
        started_ms = self._clock.monotonic_ms()
        # If less time remains than the margin, use half of it rather than none.
        give_up_ms = started_ms + max(remaining_ms - self._margin_ms, remaining_ms // 2)
        queue = await self._queue()
        handled = await self._process(messages, give_up_ms)
        done = await apply_dispositions(handled, queue, self._settings)
        count_and_log(handled, self._clock.monotonic_ms() - started_ms, self._metrics)
        return {message.id for message in done}

    async def _process(self, messages: Sequence[Message], give_up_ms: int) -> list[Handled]:
        clock = self._clock
        try:
            processor = await self._open_once()
        except TriggersError as error:
            # An unavailable table is not the fault of the messages: none may reach the DLQ because of it.
            _log.critical("the worker can't start", extra={"error": str(error)})
            retry = Disposition(action=Action.RETRY, delay_seconds=_OPEN_RETRY_SECONDS)
            return [(message, retry) for message in messages]
        dispositions = await processor.process(messages, give_up=lambda: clock.monotonic_ms() >= give_up_ms)
        return list(zip(messages, dispositions, strict=True))

    async def _open_once(self) -> Processor:
        if self._processor is None:
            self._processor = await self._open()
        return self._processor


class Sandbox:
    """State kept between the invocations of one sandbox: the event loop and the clients that use it."""

    def __init__(self, loaded: Settings, environ: Mapping[str, str]) -> None:
        clock, metrics = SystemClock(), Metrics(scraped=False)
        self._runner = asyncio.Runner()
        self._backend = connect(loaded, clock)
        self._emit = cloudwatch.emitter(metrics, clock, environ)
        self._worker = LambdaWorker(
            queue=self._backend.queue,
            processor=lambda: open_processor(self._backend, loaded, clock, metrics),
            clock=clock,
            settings=loaded,
            metrics=metrics,
        )

    def handle(self, messages: Sequence[Message], remaining_ms: int) -> set[str]:
        """Process `messages` within `remaining_ms`; return the ids of the finished ones. Raises no exception."""
        try:
            return self._runner.run(self._worker.handle(messages, remaining_ms))
        except Exception:  # noqa: BLE001 - on any error, the messages must be redelivered
            _log.exception("invocation failed", extra={"messages": len(messages)})
            return set()
        finally:
            self._emit()

    def close(self) -> None:
        """Close the clients and the event loop. Lambda does not announce the end of a sandbox."""
        self._runner.run(self._backend.aclose())
        self._runner.close()


@functools.cache
def sandbox() -> Sandbox:
    """Return this process's sandbox; raise `InvalidSettings` if the environment's settings are."""
    loaded = settings.load(os.environ)
    log.configure(loaded.log_level)
    return Sandbox(loaded, os.environ)
