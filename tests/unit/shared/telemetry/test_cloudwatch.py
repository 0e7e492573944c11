"""CloudWatch's lines."""

import io
from typing import Any

import msgspec

from shared.telemetry.catalog import Metrics
from shared.telemetry.cloudwatch import document, emitter
from tests.fakes.clock import START_MS, FakeClock

LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "triggers-worker"}


class Function:
    def __init__(self, environ: dict[str, str]) -> None:
        self.metrics = Metrics(scraped=False)
        self.out = io.StringIO()
        self.clock = FakeClock()
        self.emit = emitter(self.metrics, self.clock, environ, self.out)

    def line(self) -> dict[str, Any] | None:
        """What the end of an invocation writes, ten seconds after the previous one."""
        self.clock.advance(10)
        start = len(self.out.getvalue())
        self.emit()
        written = self.out.getvalue()[start:]
        assert written.count("\n") == bool(written)
        line: dict[str, Any] | None = msgspec.json.decode(written) if written else None
        return line


def test_an_invocation_writes_one_line_with_what_it_counted() -> None:
    function = Function(LAMBDA)
    function.metrics.events.of("stored").add(25)
    function.metrics.events.of("dead")
    function.metrics.queue_messages.of("dlq").value = 9
    function.metrics.http_request_seconds.of("GET", "/v1/events/{id}", "2xx").observe(0.5)
    function.metrics.http_request_seconds.of("GET", "/v1/events/{id}", "4xx").observe(0.5)
    request = "triggers_http_request_duration_seconds_GET_v1_events_id"  # without the status
    assert function.line() == {
        "_aws": {
            "Timestamp": START_MS + 10_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Triggers",
                    "Dimensions": [["function"]],
                    "Metrics": [
                        {"Name": request, "Unit": "Seconds"},
                        {"Name": "triggers_worker_events_total_stored", "Unit": "Count"},
                    ],
                }
            ],
        },
        "function": "triggers-worker",
        request: {"Values": [0.5], "Counts": [2]},
        "triggers_worker_events_total_stored": 25,
    }


def test_a_line_contains_the_changes_since_the_previous_one() -> None:
    function = Function(LAMBDA)
    seconds = function.metrics.stored_seconds.of()
    function.metrics.events_accepted.of().add(3)
    seconds.observe(0.06)
    function.line()
    function.metrics.events_accepted.of().add(4)
    seconds.observe(0.06, 2)
    seconds.observe(0.08, 2)
    seconds.observe(7)
    line = function.line()
    assert line is not None
    assert line["triggers_events_accepted_total"] == 4
    reported = line["triggers_stored_latency_seconds"]
    assert reported["Counts"] == [4, 1]
    assert [round(value, 9) for value in reported["Values"]] == [0.07, 7]


def test_between_two_lines_are_ten_seconds() -> None:
    function = Function(LAMBDA)
    accepted = function.metrics.events_accepted.of()
    accepted.add()
    assert function.line()
    for _ in range(9):
        function.clock.advance(1)
        accepted.add()
        function.emit()
    assert function.out.getvalue().count("\n") == 1
    function.clock.advance(1)
    function.emit()
    last = msgspec.json.decode(function.out.getvalue().splitlines()[-1])
    assert last["triggers_events_accepted_total"] == 9


def test_an_invocation_that_counted_nothing_writes_nothing() -> None:
    function = Function(LAMBDA)
    function.metrics.events_accepted.of().add()
    assert function.line()
    assert function.line() is None


def test_outside_of_lambda_nothing_is_written() -> None:
    function = Function({})
    function.metrics.events_accepted.of().add()
    assert function.line() is None


def test_a_directive_has_at_most_as_many_metrics_as_cloudwatch_allows() -> None:
    [first, second] = document("f", 1, {f"m{number}": ("Count", 1) for number in range(130)})["_aws"][
        "CloudWatchMetrics"
    ]
    assert (len(first["Metrics"]), len(second["Metrics"])) == (100, 30)
