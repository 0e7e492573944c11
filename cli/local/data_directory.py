"""The data directory of `triggers dev`: a lock, the API key, `dev.json`, and the state of the emulator if it is used.

`dev.json` (`{"url", "api_key"}`) exists only while the server answers, so that other programs can wait for it. The key
is also kept in a file that outlives the server, and works again after a restart.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from cli.local.data_option import EMULATOR_PORT
from shared.key_ports import KeyStore
from shared.model import api_key as keys
from shared.model.errors import TriggersError

TENANT = "dev"
_RATE = 100_000
"""Events per second: more than one machine stores, so that the only user of this key never exceeds the limit."""


class InUse(TriggersError):
    """Another `triggers dev` uses the directory."""


class DataDirectory:
    """One data directory, created if it does not exist. Only its owner can read what this class creates in it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = self.path / "lock"
        self._key = self.path / "api-key"
        self._dev_json = self.path / "dev.json"
        self._emulator_port = self.path / EMULATOR_PORT

    @contextmanager
    def locked(self) -> Iterator["DataDirectory"]:
        """Lock the directory for this process; raise `InUse` if another process holds the lock.

        The kernel releases the lock however the process ends.
        """
        descriptor = os.open(self._lock, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as lock:
            os.fchmod(lock.fileno(), 0o600)  # an earlier version created it readable by all
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(f"another `triggers dev` is using {self.path}; choose another with --data") from None
            self.withdraw()
            try:
                yield self
            finally:
                self.withdraw()

    def create_emulator_state(self) -> Path:
        """Return the directory for the emulator's state, created if it does not exist."""
        directory = self.path / "emulator"
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)  # an earlier version created it readable by all
        return directory

    def announce(self, url: str, api_key: str) -> None:
        """Write `dev.json` atomically, readable only by this user."""
        _write_private(self._dev_json, msgspec.json.encode({"url": url, "api_key": api_key}).decode())

    def record_emulator_port(self, port: int) -> None:
        """Record the emulator's port, for commands that work on its queues and tables."""
        _write_private(self._emulator_port, str(port))

    def withdraw(self) -> None:
        """Remove `dev.json` and the emulator's port."""
        self._dev_json.unlink(missing_ok=True)
        self._emulator_port.unlink(missing_ok=True)

    async def api_key(self, store: KeyStore, *, bcrypt_cost: int) -> str:
        """Return the saved API key if it is still valid; otherwise create and save one with every scope."""
        now_ms = time.time_ns() // 1_000_000
        saved = self._key.read_text() if self._key.exists() else ""
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
        _write_private(self._key, token)
        return token


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)
