"""One process that is started again whenever it ends, as a service manager would."""

import asyncio
import contextlib
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path

_AGAIN_SECONDS = 0.5
_STOP_SECONDS = 60


class Service:
    """Runs `command` over and over; the lines of its n-th life go to `logs/name.n.log`."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self.kills = 0
        self.ended_by_itself = 0
        self._command = command
        self._environ = environ
        self._logs = logs
        self._lives = 0
        self._process: Process | None = None
        self._pause_seconds: float | None = None
        self._stopping = False

    @property
    def log(self) -> Path:
        """The log of its present life."""
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
            # A session of its own: Ctrl-C reaches only us.
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environ, stdin=DEVNULL, stdout=out, stderr=STDOUT, start_new_session=True
            )
        if self._stopping:  # it was told so while it was being started
            self._process.terminate()
        await self._process.wait()

    async def _pause(self) -> None:
        if self._pause_seconds is None:
            self.ended_by_itself += 1
        await asyncio.sleep(_AGAIN_SECONDS if self._pause_seconds is None else self._pause_seconds)
        self._pause_seconds = None

    @property
    def is_up(self) -> bool:
        """Tell whether it runs and was not told to end."""
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
        """End it for good: by SIGTERM, or if that takes too long by SIGKILL."""
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
