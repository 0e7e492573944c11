"""The data directory of `triggers dev`: a lock, the API key, `dev.json`, and the state of the emulator if it is used.

`dev.json` (`{"url", "api_key"}`) exists only while the server answers, so that other programs can wait for it. The key
is also kept in a file that outlives the server, and works again after a restart.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import msgspec

from cli.local.data_option import EMULATOR_PORT, usable
from shared.key_ports import KeyStore
from shared.model import api_key as keys
from shared.model.errors import TriggersError

TENANT = "dev"
_RATE = 100_000
"""Events per second: more than one machine stores, so that the only user of this key never exceeds the limit."""
_RETRY_SECONDS = 0.05


class InUse(TriggersError):
    """Another `triggers dev` uses the directory."""


class DataDirectory:
    """One data directory, created if it does not exist. Only its owner can read what this class creates in it.

    All methods raise `TriggersError` if the files can't be made, read or written.
    """

    def __init__(self, path: Path) -> None:
        with usable(path):
            self.path = path.absolute()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = self.path / "api-key"
        self._dev_json = self.path / "dev.json"
        self._emulator_port = self.path / EMULATOR_PORT

    @contextmanager
    def locked(self) -> Iterator["DataDirectory"]:
        """Lock the directory for this process; raise `InUse` if another process holds the lock.

        The kernel releases the lock however the process ends.
        """
        with self._open_lock(self.path / "lock") as lock:
            if not _acquire(lock):
                raise InUse(f"another `triggers dev` is using {self.path}; choose another with --data")
            self.withdraw()
            try:
                yield self
            finally:
                self.withdraw()

    async def lock_emulator_state(
        self, *, wait_seconds: float, on_wait: Callable[[], None] = lambda: None
    ) -> tuple[Path, IO[bytes]]:
        """Return the directory of the emulator's state, created if it does not exist, and its open, locked lock file.

        The emulator must inherit the file: then it holds the lock until it has saved its state, even if the process
        that started it is killed. Calls `on_wait` once if an earlier emulator holds it, and raises `InUse` if that
        still holds it after `wait_seconds`.
        """
        directory = self.path / "emulator"
        with usable(self.path):
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)  # an earlier version created it readable by all
        with ExitStack() as closing:
            lock = closing.enter_context(self._open_lock(directory / "lock"))
            if not _acquire(lock):
                on_wait()
                deadline = time.monotonic() + wait_seconds
                while not _acquire(lock):
                    if time.monotonic() > deadline:
                        raise InUse(f"an emulator still uses {directory}; stop it, or choose another with --data")
                    await asyncio.sleep(_RETRY_SECONDS)
            closing.pop_all()
        return directory, lock

    def announce(self, url: str, api_key: str) -> None:
        """Write `dev.json` atomically, readable only by this user."""
        self._write_private(self._dev_json, msgspec.json.encode({"url": url, "api_key": api_key}).decode())

    def record_emulator_port(self, port: int) -> None:
        """Record the emulator's port, for commands that work on its queues and tables."""
        self._write_private(self._emulator_port, str(port))

    def withdraw(self) -> None:
        """Remove `dev.json` and the emulator's port."""
        self._dev_json.unlink(missing_ok=True)
        self._emulator_port.unlink(missing_ok=True)

    async def api_key(self, store: KeyStore, *, bcrypt_cost: int) -> str:
        """Return the saved API key if it is still valid; otherwise create and save one with every scope."""
        now_ms = time.time_ns() // 1_000_000
        with usable(self.path):
            saved = self._key.read_text(encoding="ascii", errors="replace") if self._key.exists() else ""
        if (parsed := keys.parse(saved)) and (found := await store.get(parsed[0])) and not found.lapsed(now_ms):
            return saved
        key, token = keys.create(
            tenant=TENANT,
            name="development",
            scopes=keys.SCOPES,
            rate=_RATE,
            burst=2 * _RATE,
            now_ms=now_ms,
            bcrypt_cost=bcrypt_cost,
        )
        await store.put(key)
        self._write_private(self._key, token)
        return token

    def _open_lock(self, path: Path) -> IO[bytes]:
        with usable(self.path):
            lock = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb")
            os.fchmod(lock.fileno(), 0o600)  # an earlier version created it readable by all
        return lock

    def _write_private(self, path: Path, text: str) -> None:
        temporary = path.with_suffix(".new")
        with usable(self.path):
            temporary.unlink(missing_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            temporary.replace(path)


def _acquire(lock: IO[bytes]) -> bool:
    """Lock an open file, unless another process holds its lock; return whether it is locked."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
