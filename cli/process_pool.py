"""Several processes that do the same work, as in a pre-forking server: `triggers serve --processes N`."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType

from cli.local.parent_death_signal import end_with_parent
from cli.root import errors_in_one_line

_log = logging.getLogger("triggers.process")
_START_SECONDS = 5.0
"""A process that exits with an error sooner than this failed to start, and so would its replacement."""


class ProcessPool:
    """`count` processes that run `target(index)`, with indexes from 0. Linux and macOS; fork before any thread starts.

    A process that ends is replaced, unless it failed to start. SIGTERM or SIGINT to this process stops all of them,
    with SIGTERM; so does its end.
    """

    def __init__(self, count: int, target: Callable[[int], None]) -> None:
        self._count = count
        self._target = target
        self._running: dict[int, tuple[BaseProcess, float]] = {}
        self._stopping = False

    def run(self) -> int:
        """Run until all processes have ended; return 0, or the exit code of one that failed to start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for index in range(self._count):
            self._start(index)
        failure = 0
        while self._running:
            wait([process.sentinel for process, _ in self._running.values()])
            for index, (process, started) in list(self._running.items()):
                if process.exitcode is None:
                    continue
                del self._running[index]
                if self._stopping:
                    continue
                _log.error("a process ended", extra={"exit_code": process.exitcode})
                if process.exitcode > 0 and time.monotonic() - started < _START_SECONDS:
                    failure = process.exitcode
                    self._stop()
                else:
                    self._start(index)
        return failure

    def _start(self, index: int) -> None:
        process = multiprocessing.get_context("fork").Process(target=_run, args=(self._target, index))
        process.start()
        self._running[index] = process, time.monotonic()

    def _stop(self, *_: int | FrameType | None) -> None:
        self._stopping = True
        for process, _started in self._running.values():
            process.terminate()


def _run(target: Callable[[int], None], index: int) -> None:
    """Run `target` in a new process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()  # Ctrl-C reaches only the parent, which stops this process once
    end_with_parent()
    with errors_in_one_line():
        target(index)
