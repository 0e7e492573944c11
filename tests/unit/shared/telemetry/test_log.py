import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from shared.telemetry import log
from tests.fakes.waiting import until


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What was logged, decoded; filled as the stream is written."""
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    level, ours = root.level, logging.getLogger("triggers").level
    logged: list[dict[str, Any]] = []

    class Lines(io.StringIO):
        def write(self, text: str) -> int:
            logged.append(msgspec.json.decode(text))
            return len(text)

    log.configure("DEBUG", Lines())
    yield logged
    logging.captureWarnings(capture=False)
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger("triggers").setLevel(ours)


def test_extra_fields_are_logged_with_the_standard_ones(lines: list[dict[str, Any]]) -> None:
    logging.getLogger("triggers.worker").debug("handled", extra={"events": 25, "tenant": "a"})
    (line,) = lines
    assert line.pop("time").endswith("Z")
    assert line == {"level": "DEBUG", "logger": "triggers.worker", "message": "handled", "events": 25, "tenant": "a"}


def test_an_exception_shows_its_type_and_place_but_not_its_text(lines: list[dict[str, Any]]) -> None:
    try:
        try:
            raise KeyError("s3cret")
        except KeyError as cause:
            raise ValueError("payload") from cause
    except ValueError:
        logging.getLogger("triggers").exception("failed")
    (line,) = lines
    assert line["error"] == "ValueError from KeyError"
    assert line["stack"][-1].startswith("telemetry/test_log.py:")
    assert "payload" not in str(line)
    assert "s3cret" not in str(line)


def test_a_suppressed_context_is_not_named(lines: list[dict[str, Any]]) -> None:
    try:
        try:
            raise KeyError("s3cret")
        except KeyError:
            raise ValueError("payload") from None
    except ValueError:
        logging.getLogger("triggers").exception("failed")
    assert lines[0]["error"] == "ValueError"


def test_only_the_first_line_of_a_message_is_kept(lines: list[dict[str, Any]]) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: ValueError('payload')")
    assert lines[0]["message"] == "Task exception was never retrieved"


@pytest.mark.parametrize("name", ["botocore", "uvicorn.error", "litestar", "httpx"])
def test_libraries_are_logged_from_warning_up(lines: list[dict[str, Any]], name: str) -> None:
    logging.getLogger(name).info("quiet")
    logging.getLogger(name).warning("loud")
    assert [line["message"] for line in lines] == ["loud"]


def test_a_library_with_a_lower_level_is_still_logged_from_warning_up(lines: list[dict[str, Any]]) -> None:
    library = logging.getLogger("botocore.endpoint")
    library.setLevel(logging.DEBUG)
    try:
        library.debug("Making request with params: payload, secret")
    finally:
        library.setLevel(logging.NOTSET)
    assert lines == []


def test_a_field_that_json_cannot_hold_is_escaped(lines: list[dict[str, Any]]) -> None:
    logging.getLogger("triggers").warning("odd", extra={"inbox": "\ud800"})
    assert lines[0]["inbox"] == ascii("\ud800")


def test_exc_info_without_an_exception_adds_nothing(lines: list[dict[str, Any]]) -> None:
    logging.getLogger("triggers").warning("calm", exc_info=True)  # noqa: LOG014 (the case under test)
    assert "error" not in lines[0]


async def test_held_lines_are_written_together_soon_and_with_the_first_that_is_urgent() -> None:
    stream = io.StringIO()
    with configured(stream):
        logger = logging.getLogger("triggers.http")
        log.info(logger, "request", {"status": 202})
        logger.info("slow", extra={"status": 503})
        assert stream.getvalue() == ""
        logger.warning("urgent")
        assert [line["message"] for line in decoded(stream)] == ["request", "slow", "urgent"]
        log.info(logger, "request", {"status": 200})
        await until(lambda: len(decoded(stream)) == 4)
    assert decoded(stream)[0] | {"time": ""} == {
        "time": "",
        "level": "INFO",
        "logger": "triggers.http",
        "message": "request",
        "status": 202,
    }


async def test_many_held_lines_are_written_at_once() -> None:
    stream = io.StringIO()
    with configured(stream):
        for number in range(500):
            log.info(logging.getLogger("triggers.http"), "request", {"number": number})
        assert len(decoded(stream)) == 500


def test_nothing_is_held_where_no_event_loop_runs() -> None:
    stream = io.StringIO()
    with configured(stream):
        log.info(logging.getLogger("triggers.http"), "request", {})
        logging.getLogger("triggers").setLevel("WARNING")
        log.info(logging.getLogger("triggers.http"), "request", {})
        assert len(decoded(stream)) == 1


def test_a_line_that_cannot_be_written_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    with configured(stream):
        stream.close()
        logging.getLogger("triggers").warning("lost")
        assert "ValueError" in capsys.readouterr().err
        stream = io.StringIO()
        log.configure("INFO", stream)


@contextmanager
def configured(stream: io.StringIO) -> Iterator[None]:
    """Hold lines for `stream`."""
    root, ours = logging.getLogger(), logging.getLogger("triggers")
    before = root.handlers[:], root.level, ours.level
    log.configure("INFO", stream, hold=True)
    yield
    log.configure("INFO", io.StringIO())
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level, ours.level = before


def decoded(stream: io.StringIO) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]
