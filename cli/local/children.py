"""Child processes of one command: start them in order, label their output, and stop them all when one ends."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_LABEL_WIDTH = 8
_MAX_LINE_BYTES = 1024 * 1024


class StopRequestedError(Exception):
    """A stop was requested, by a signal or because the output is closed."""


class ChildEndedError(Exception):
    """A child process ended unexpectedly."""


class Children:
    """A group of child processes. `echo` receives each line they print, labelled with the child's name."""

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo = echo
        self._children: list[tuple[str, Process, float]] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stopping = False

    async def start(
        self,
        name: str,
        command: list[str],
        environ: Mapping[str, str],
        *,
        stop_seconds: float,
        mute_at_stop: bool = False,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Start a child, which gets `stop_seconds` to stop before it is killed, and inherits `pass_fds`.

        With `mute_at_stop`, what it prints while all children are being stopped is not shown.
        """
        # In a new session, Ctrl-C reaches only this process, which stops the children in order.
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environ,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
            pass_fds=pass_fds,
            limit=_MAX_LINE_BYTES,
        )
        self._children.append((name, process, stop_seconds))
        self._watchers.append(asyncio.create_task(self._watch(name, process, mute_at_stop=mute_at_stop)))

    def request_stop(self) -> None:
        """Make `guard` and `wait` raise `StopRequestedError`."""
        self._end(StopRequestedError())

    async def guard(self, work: Coroutine[None, None, _Result]) -> _Result:
        """Return the result of `work`; if a child ends or a stop is requested first, cancel it and raise."""
        task = asyncio.create_task(work)
        futures: set[asyncio.Future[Any]] = {task, self._ended}
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self._ended.result()
        return task.result()

    async def wait(self) -> None:
        """Wait until a child ends (raises `ChildEndedError`) or a stop is requested (raises `StopRequestedError`)."""
        await self._ended

    async def stop(self) -> None:
        """Stop every child, one after another, in the reverse of the order in which they started."""
        self._stopping = True
        for _, process, stop_seconds in reversed(self._children):
            _signal(process, signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), stop_seconds)
            except TimeoutError:
                _signal(process, signal.SIGKILL)
                await process.wait()
        await asyncio.gather(*self._watchers)
        if self._ended.done():
            self._ended.exception()  # mark it as retrieved, even if nothing awaited it

    async def _watch(self, name: str, process: Process, *, mute_at_stop: bool) -> None:
        assert process.stdout is not None  # noqa: S101 (`start` requests the pipe)
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than the limit; `readline` has discarded it
                line = b"(line too long to show)\n"
            if not line:
                break
            if not (mute_at_stop and self._stopping):
                self._show(f"{name:<{_LABEL_WIDTH}} | {line.decode(errors='replace').rstrip()}")
        code = await process.wait()
        if not self._stopping:
            self._end(ChildEndedError(f"{name} ended unexpectedly with {_describe(code)}"))

    def _show(self, line: str) -> None:
        try:
            self._echo(line)
        except BrokenPipeError:  # the reader of the output is gone
            self.request_stop()

    def _end(self, reason: Exception) -> None:
        if not self._ended.done():
            self._ended.set_exception(reason)


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)  # and every process that it started
        else:
            process.send_signal(number)


def _describe(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
