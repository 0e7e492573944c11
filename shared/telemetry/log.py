"""JSON logs: one object per line, on stderr, for our own loggers and those of libraries.

    log = logging.getLogger("triggers.worker")
    log.info("message handled", extra={"events": 25, "duration_ms": 12})

gives

    {"time":"2026-11-22T17:03:11.042Z","level":"INFO","logger":"triggers.worker","message":"message handled",...}

Payloads and secrets must never be logged. So the message is a fixed text, variable parts are named fields, and of an
exception only its type and stack are logged: its text may quote its input. Libraries are logged from WARNING up,
however low `LOG_LEVEL` and their own levels are: at DEBUG, botocore logs bodies and signatures.

A server writes one line per request. Buffering lines below WARNING and writing several at once costs less; a process
that is killed may lose those of the last `_HELD_SECONDS`.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from traceback import walk_tb
from typing import Any, TextIO

import msgspec

from shared.clock import rfc3339

_STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_OURS = "triggers"
_MAX_FRAMES = 20
_HELD_SECONDS = 0.1
_MAX_HELD = 500

_encoder = msgspec.json.Encoder(enc_hook=str)
_held: "_HeldLines | None" = None


def configure(level: str, stream: TextIO | None = None, *, hold: bool = False) -> None:
    """Log to `stream` (stderr) as JSON, from `level` up for our own loggers and from WARNING up for all others.

    With `hold`, lines may be buffered for a tenth of a second: for processes with one event loop for their lifetime.
    """
    global _held  # noqa: PLW0603 - logging is the process's
    _held = _HeldLines(stream or sys.stderr) if hold else None
    handler = _held or logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(_is_heard)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "litestar"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def info(logger: logging.Logger, message: str, fields: Mapping[str, Any]) -> None:
    """Log `message` like `logger.info` with `extra=fields`, at a fifth of its cost where lines are buffered."""
    if _held is None:
        logger.info(message, extra=fields)
    elif logger.isEnabledFor(logging.INFO):
        _held.hold(_line_of(time.time(), "INFO", logger.name, message, fields))


def _is_heard(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] == _OURS


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object, with the `extra` fields next to the standard ones."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for `record`, without the newline."""
        fields = {name: value for name, value in record.__dict__.items() if name not in _STANDARD_FIELDS}
        if record.exc_info and record.exc_info[1]:
            fields["error"] = " from ".join(type(error).__name__ for error in _chain(record.exc_info[1]))
            fields["stack"] = _stack(record.exc_info[1])
        # asyncio and uvicorn append reprs of exceptions and tracebacks on further lines.
        message = record.getMessage().partition("\n")[0]
        return _line_of(record.created, record.levelname, record.name, message, fields)


class _HeldLines(logging.StreamHandler[TextIO]):
    """Buffers lines below WARNING and writes several at once. For processes with one event loop."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._held: list[str] = []
        self._is_due = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write or buffer a record."""
        try:
            self.hold(self.format(record))
            if record.levelno >= logging.WARNING:
                self.flush()
        except Exception:  # noqa: BLE001 - as in every handler: a failure to log must not stop the program
            self.handleError(record)

    def hold(self, line: str) -> None:
        """Buffer a line, and make sure that it is written soon."""
        self.acquire()
        try:
            self._held.append(line)
            if len(self._held) >= _MAX_HELD or not (self._is_due or self._comes_due()):
                self.flush()
        finally:
            self.release()

    def flush(self) -> None:
        """Write the buffered lines."""
        self.acquire()
        try:
            held, self._held = self._held, []
            if held:
                self.stream.write("\n".join([*held, ""]))
            super().flush()
        finally:
            self.release()

    def _comes_due(self) -> bool:
        """Schedule a write on the event loop; return False if none runs in this thread."""
        try:
            asyncio.get_running_loop().call_later(_HELD_SECONDS, self._write_due)
        except RuntimeError:
            return False
        self._is_due = True
        return True

    def _write_due(self) -> None:
        self._is_due = False
        self.flush()


def _line_of(time_seconds: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> str:
    head = {"time": rfc3339(int(time_seconds * 1000)), "level": level, "logger": logger, "message": message}
    line = {**head, **fields}
    try:
        return _encoder.encode(line).decode()
    except (TypeError, ValueError):  # a field that JSON can't hold, such as half a surrogate pair
        return _encoder.encode({name: ascii(value) for name, value in line.items()}).decode()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _stack(error: BaseException) -> list[str]:
    """Return the stack of `error`, outermost frame first, as `file:line function`."""
    frames = [
        f"{'/'.join(Path(frame.f_code.co_filename).parts[-2:])}:{number} {frame.f_code.co_name}"
        for frame, number in walk_tb(error.__traceback__)
    ]
    return frames[-_MAX_FRAMES:]
