import io
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from shared import log


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


def test_extra_fields_stand_beside_the_standard_ones(lines: list[dict[str, Any]]) -> None:
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
    assert line["stack"][-1].startswith("unit/test_log.py:")
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
def test_libraries_are_heard_from_warning_up(lines: list[dict[str, Any]], name: str) -> None:
    logging.getLogger(name).info("quiet")
    logging.getLogger(name).warning("loud")
    assert [line["message"] for line in lines] == ["loud"]


def test_a_field_that_json_cannot_hold_is_escaped(lines: list[dict[str, Any]]) -> None:
    logging.getLogger("triggers").warning("odd", extra={"inbox": "\ud800"})
    assert lines[0]["inbox"] == ascii("\ud800")


def test_exc_info_without_an_exception_adds_nothing(lines: list[dict[str, Any]]) -> None:
    logging.getLogger("triggers").warning("calm", exc_info=True)  # noqa: LOG014 (the case under test)
    assert "error" not in lines[0]
