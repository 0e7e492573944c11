import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from cli.local.children import ChildEndedError, Children, StopRequestedError

# Prints that it is ready, and prints a line when SIGTERM ends it.
_POLITE = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"bye\\n") and os._exit(0))  # it may come within a print
print("ready", flush=True)
while True: signal.pause()
"""
_STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True: signal.pause()
"""


class Console:
    """Collects the lines; `shown` waits for one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.closed = False
        self._more = asyncio.Event()

    def echo(self, line: str) -> None:
        if self.closed:
            raise BrokenPipeError
        self.lines.append(line)
        self._more.set()

    async def shown(self, line: str) -> None:
        while line not in self.lines:
            self._more.clear()
            await self._more.wait()


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
async def children(console: Console) -> AsyncIterator[Children]:
    owner = Children(console.echo)
    yield owner
    await owner.stop()


async def _start(children: Children, name: str, code: str, *, stop_seconds: float = 60) -> None:
    await children.start(name, [sys.executable, "-c", code], os.environ, stop_seconds=stop_seconds)


async def test_lines_are_labelled(children: Children, console: Console) -> None:
    await _start(children, "api", _POLITE)
    await console.shown("api      | ready")


async def test_children_are_stopped_last_started_first(children: Children, console: Console) -> None:
    for name in ("emulator", "worker", "api"):
        await _start(children, name, _POLITE)
        await console.shown(f"{name:<8} | ready")
    await children.stop()
    assert console.lines[3:] == ["api      | bye", "worker   | bye", "emulator | bye"]


async def test_a_muted_child_is_shown_until_it_is_stopped(children: Children, console: Console) -> None:
    await children.start("api", [sys.executable, "-c", _POLITE], os.environ, stop_seconds=60, mute_at_stop=True)
    await console.shown("api      | ready")
    await children.stop()
    assert console.lines == ["api      | ready"]


async def test_a_child_that_does_not_stop_is_killed(children: Children, console: Console) -> None:
    await _start(children, "api", _STUBBORN, stop_seconds=0.01)
    await console.shown("api      | ready")
    await children.stop()  # returns


async def test_a_child_that_ends_ends_the_wait(children: Children) -> None:
    await _start(children, "api", "raise SystemExit(3)")
    with pytest.raises(ChildEndedError, match="api ended unexpectedly with exit code 3"):
        await children.wait()


async def test_a_killed_child_is_reported_with_its_signal(children: Children) -> None:
    await _start(children, "api", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ChildEndedError, match="api ended unexpectedly with signal 9"):
        await children.wait()


async def test_guard_returns_the_result(children: Children) -> None:
    assert await children.guard(asyncio.sleep(0, "done")) == "done"


async def test_a_child_that_ends_cancels_guarded_work(children: Children) -> None:
    await _start(children, "api", "")
    with pytest.raises(ChildEndedError):
        await children.guard(asyncio.Event().wait())


async def test_a_requested_stop_cancels_guarded_work(children: Children) -> None:
    children.request_stop()
    children.request_stop()  # a second time changes nothing
    with pytest.raises(StopRequestedError):
        await children.guard(asyncio.Event().wait())


async def test_an_overlong_line_does_not_stop_the_output(children: Children, console: Console) -> None:
    await _start(children, "api", "print('x' * 3_000_000); print('after')")
    await console.shown("api      | after")
    assert "api      | (line too long to show)" in console.lines


async def test_a_closed_console_requests_a_stop(children: Children, console: Console) -> None:
    console.closed = True
    await _start(children, "api", _POLITE)
    with pytest.raises(StopRequestedError):
        await children.wait()
