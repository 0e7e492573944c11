"""A process that is restarted whenever it ends, as by a service manager."""

import asyncio
import contextlib
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path

_AGAIN_SECONDS = 0.5
_STOP_SECONDS = 60


class Service:
    """Restarts `command` whenever it ends; the n-th start logs to `logs/name.n.log`."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self.kills = 0
        self.unexpected_exits = 0
        self._command = command
        self._environ = environ
        self._logs = logs
        self._lives = 0
        self._process: Process | None = None
        self._pause_seconds: float | None = None
        self._stopping = False

    @property
    def log(self) -> Path:
        """The log since its last start."""
        return self._logs / f"{self.name}.{self._lives}.log"

    async def run(self) -> None:
        """Keep it running until `stop`; stop it if cancelled."""
        try:
            while not self._stopping:
                await self._live()
                if not self._stopping:
                    await self._pause()
        finally:
            await self.stop()

    async def _live(self) -> None:
        self._lives += 1
        with self.log.open("wb") as out:
            # A new session, so that Ctrl-C does not reach it.
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environ, stdin=DEVNULL, stdout=out, stderr=STDOUT, start_new_session=True
            )
        if self._stopping:  # `stop` was called during the start
            self._process.terminate()
        await self._process.wait()

    async def _pause(self) -> None:
        if self._pause_seconds is None:
            self.unexpected_exits += 1
        await asyncio.sleep(_AGAIN_SECONDS if self._pause_seconds is None else self._pause_seconds)
        self._pause_seconds = None

    @property
    def is_up(self) -> bool:
        """Return whether it runs and is not stopping."""
        running = self._process is not None and self._process.returncode is None
        return running and self._pause_seconds is None

    async def end(self, number: signal.Signals, *, pause_seconds: float) -> None:
        """Send it a signal that ends it; it starts again `pause_seconds` after its end. Returns once it has ended."""
        assert self._process is not None, "it was never started"
        self.kills += 1
        self._pause_seconds = pause_seconds
        self._process.send_signal(number)
        await self._process.wait()

    async def stop(self) -> None:
        """Stop it permanently: by SIGTERM, or by SIGKILL if that takes too long."""
        self._stopping = True
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
