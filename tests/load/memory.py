"""Memory of the processes of an embedded stack over time (Linux)."""

import asyncio
import os
import time
from collections import defaultdict
from pathlib import Path
from statistics import fmean

_SAMPLE_SECONDS = 1.0
_MIB = 1024 * 1024
_LONGEST_WINDOW_SECONDS = 60
EMULATOR = "emulator"
"""It keeps everything in memory, so it grows with what is stored."""
_NAMES = {"ministack": EMULATOR, "worker": "worker", "serve": "api"}


class Memory:
    """Samples of each process of the server on the directory `data`, in MiB."""

    def __init__(self, data: Path) -> None:
        self._processes = processes(data)
        self._samples: dict[str, list[tuple[float, float]]] = defaultdict(list)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            for name, pid in self._processes.items():
                self._samples[name].append((time.monotonic(), resident_mib(pid)))
            await asyncio.sleep(_SAMPLE_SECONDS)

    def windows(self) -> dict[str, tuple[float, float, float]]:
        """Return of each process the mean of the first minute after a minute's warm-up, of the last, and the most.

        A minute, or a fifth of a run that is shorter than five.
        """
        return {name: windows_of(samples) for name, samples in self._samples.items()}


def windows_of(samples: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the mean of the first window after warm-up, of the last, and the most."""
    start, end = samples[0][0], samples[-1][0]
    window = min(_LONGEST_WINDOW_SECONDS, (end - start) / 5)
    first = [mib for at, mib in samples if start + window <= at <= start + 2 * window]
    last = [mib for at, mib in samples if at >= end - window]
    return fmean(first or [samples[0][1]]), fmean(last), max(mib for _, mib in samples)


def processes(data: Path) -> dict[str, int]:
    """Return the processes of the server on the directory `data`, by name."""
    found: dict[str, int] = {}
    mark = f"DATA_DIR={data.absolute()}"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environ = (process / "environ").read_text(errors="replace").split("\0")
            command = (process / "cmdline").read_text(errors="replace").split("\0")
        except OSError:  # it has ended, or belongs to another user
            continue
        name = next((_NAMES[word] for word in command if word in _NAMES), None)
        if name is not None and mark in environ:
            found[name] = int(process.name)
    return found


def resident_mib(pid: int) -> float:
    """Return the memory of a process; raises `OSError` if it has ended."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB
