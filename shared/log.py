"""JSON logs: one object a line, on stderr, for our own loggers and everybody else's.

    log = logging.getLogger("triggers.worker")
    log.info("message handled", extra={"events": 25, "duration_ms": 12})

gives

    {"time":"2026-11-22T17:03:11.042Z","level":"INFO","logger":"triggers.worker","message":"message handled",...}

Nothing of a payload or a secret may be logged. So the message is a fixed text, whatever varies is a named field,
and of an exception only its type and where it was raised are written: its text may quote what it choked on.
Libraries are heard from WARNING up, however low `LOG_LEVEL`: at DEBUG botocore logs bodies and signatures.
"""

import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from traceback import walk_tb
from typing import Any, TextIO

import msgspec

_STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_MAX_FRAMES = 20

_encoder = msgspec.json.Encoder(enc_hook=str)


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send all logging of this process to `stream` (stderr) as JSON; our own loggers from `level` up."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("triggers").setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "litestar"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object, `extra` fields beside the standard ones."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for `record`, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            # asyncio and uvicorn append reprs of exceptions and tracebacks in further lines.
            "message": record.getMessage().partition("\n")[0],
        }
        line.update((name, value) for name, value in record.__dict__.items() if name not in _STANDARD_FIELDS)
        if record.exc_info and record.exc_info[1]:
            line["error"] = " from ".join(type(error).__name__ for error in _chain(record.exc_info[1]))
            line["stack"] = _stack(record.exc_info[1])
        try:
            return _encoder.encode(line).decode()
        except (TypeError, ValueError):  # a field that JSON can't hold, such as half a surrogate pair
            return _encoder.encode({name: ascii(value) for name, value in line.items()}).decode()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _stack(error: BaseException) -> list[str]:
    """Return where `error` was raised, outermost frame first: `file:line function`."""
    frames = [
        f"{'/'.join(Path(frame.f_code.co_filename).parts[-2:])}:{number} {frame.f_code.co_name}"
        for frame, number in walk_tb(error.__traceback__)
    ]
    return frames[-_MAX_FRAMES:]
