import logging

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.model.errors import Unavailable, Unclear
from shared.ports import Message, Outgoing
from shared.settings import Settings
from shared.telemetry import tracing
from shared.telemetry.catalog import Metrics
from shared.telemetry.tracing import Tracing
from tests.counted import counted
from tests.fakes.queue import FakeQueue
from worker.commit.dispositions import apply_dispositions, count_and_log, log_lines
from worker.commit.processor import Action, Disposition

SETTINGS = Settings(max_receives=3)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"
DELETE, LEAVE = (
    Disposition(action=Action.DELETE),
    Disposition(action=Action.LEAVE, delay_seconds=1, reason="unreadable pack"),
)
RETRY = Disposition(action=Action.RETRY, delay_seconds=60, tenant="acme")


def message(number: int, receives: int = 1) -> Message:
    return Message(
        id=f"m{number}", body="pW10=", handle=f"h{number}", receives=receives, attributes={"traceparent": "00"}
    )


async def test_only_finished_messages_are_returned_for_deletion() -> None:
    queue = FakeQueue()
    handled = [(message(1), DELETE), (message(2), LEAVE), (message(3), RETRY), (message(4), DELETE)]

    done = await apply_dispositions(handled, queue, SETTINGS)

    assert [one.id for one in done] == ["m1", "m4"]
    assert queue.visibility_changes == [(1, ["m2"]), (60, ["m3"])]
    assert not queue.sent


async def test_visibility_is_changed_for_ten_messages_at_a_time() -> None:
    queue = FakeQueue()

    await apply_dispositions([(message(number), RETRY) for number in range(23)], queue, SETTINGS)

    assert [len(ids) for _, ids in queue.visibility_changes] == [10, 10, 3]


async def test_a_message_short_of_deliveries_is_replaced_by_a_copy() -> None:
    queue = FakeQueue()

    done = await apply_dispositions([(message(1, receives=2), RETRY), (message(2, receives=2), LEAVE)], queue, SETTINGS)

    assert [one.id for one in done] == ["m1"]
    assert queue.sent == [Outgoing(body="pW10=", attributes={"traceparent": "00"}, delay_seconds=60)]
    assert queue.visibility_changes == [(1, ["m2"])]


async def test_a_copy_keeps_the_message_group_of_its_tenant() -> None:
    queue = FakeQueue()

    await apply_dispositions([(message(1, receives=9), RETRY)], queue, Settings(fair_queues=True))

    assert queue.sent[0].group == "acme"


@pytest.mark.parametrize("error", [Unavailable("away"), Unclear("cut off")])
async def test_a_queue_that_fails_loses_nothing(error: Exception) -> None:
    queue = FakeQueue(error=error)

    done = await apply_dispositions([(message(1, receives=2), RETRY), (message(2), DELETE)], queue, SETTINGS)

    assert [one.id for one in done] == ["m2"]
    assert queue.visibility_changes == [(60, ["m1"])]


def test_a_batch_is_counted_with_its_duration_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    with caplog.at_level(logging.INFO, logger="triggers.worker"):
        count_and_log([(message(1), DELETE), (message(2), RETRY)], 250, metrics)
    assert sum(metrics.batch_seconds.of().sums) == 0.25
    assert counted(metrics, "worker_messages") == {
        "worker_messages_total delete": 1,
        "worker_messages_total retry": 1,
    }
    assert [record.__dict__["duration_ms"] for record in caplog.records] == [250, 250]


def test_each_message_has_a_span_with_the_details_of_its_log_line(monkeypatch: pytest.MonkeyPatch) -> None:
    spans, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(tracing, "current", lambda: Tracing(provider.get_tracer("test")))
    traced = Message(id="m1", body="", handle="h", attributes={"traceparent": TRACE})
    log_lines([(traced, Disposition(action=Action.DELETE, counts={"stored": 2}, tenant="acme"))], 12)
    [span] = spans.get_finished_spans()
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}" in TRACE
    assert (span.end_time or 0) - (span.start_time or 0) == 12_000_000
    assert dict(span.attributes or {}) == {
        "triggers.message_id": "m1",
        "triggers.receives": "1",
        "triggers.action": "delete",
        "triggers.tenant": "acme",
        "triggers.duration_ms": "12",
        "triggers.traceparent": TRACE,
        "triggers.stored": "2",
    }


def test_each_message_is_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    stored = Disposition(action=Action.DELETE, counts={"stored": 2, "duplicate": 1}, tenant="acme")
    with caplog.at_level(logging.INFO, logger="triggers.worker"):
        log_lines([(message(1), stored), (message(2), LEAVE)], 12)

    first, second = (record.__dict__ for record in caplog.records)
    assert (first["message_id"], first["action"], first["stored"], first["duplicate"]) == ("m1", "delete", 2, 1)
    assert (first["levelname"], first["tenant"], first["duration_ms"], first["receives"]) == ("INFO", "acme", 12, 1)
    assert "reason" not in first
    assert (second["levelname"], second["action"], second["reason"]) == ("WARNING", "leave", "unreadable pack")


def test_the_traceparent_of_a_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "triggers.worker")
    traced = Message(id="m1", body="", handle="h", attributes={"traceparent": f"{TRACE}-of-a-later-version"})
    log_lines([(traced, DELETE), (Message(id="m2", body="", handle="h"), DELETE)], 1)
    first, second = (record.__dict__ for record in caplog.records)
    assert first["traceparent"] == TRACE
    assert "traceparent" not in second
