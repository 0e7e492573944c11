"""What `triggers dev` keeps in its data directory: a lock, the emulator's state, the API key, and `dev.json`.

`dev.json` (`{"url", "api_key"}`) is there while the server answers, and only then, so that other programs can wait
for it. The key outlives it in a file of its own, and works again after a restart.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from cli.local.data_option import EMULATOR_PORT
from shared.model import api_key as keys
from shared.model.errors import TriggersError
from shared.ports import KeyStore

TENANT = "dev"
_RATE = 100_000
"""Events a second: more than one machine stores. The only user of this key should not meet its limits."""


class InUse(TriggersError):
    """Another `triggers dev` works in the same directory."""


class DevData:
    """One data directory; made if missing."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.emulator = self.directory / "emulator"
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.emulator.mkdir(exist_ok=True)
        self._key = self.directory / "api-key"
        self._dev_json = self.directory / "dev.json"
        self._emulator_port = self.directory / EMULATOR_PORT

    @contextmanager
    def locked(self) -> Iterator["DevData"]:
        """Hold the directory for this process; raises `InUse`. The system lets go of it however the process ends."""
        with (self.directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(f"another `triggers dev` is using {self.directory}; choose another with --data") from None
            self.withdraw()
            try:
                yield self
            finally:
                self.withdraw()

    def announce(self, url: str, api_key: str) -> None:
        """Write `dev.json`, whole or not at all, readable by this user only."""
        _write_private(self._dev_json, msgspec.json.encode({"url": url, "api_key": api_key}).decode())

    def note_emulator(self, port: int) -> None:
        """Write down the emulator's port, for commands that work on its tables."""
        _write_private(self._emulator_port, str(port))

    def withdraw(self) -> None:
        """Remove `dev.json` and the emulator's port."""
        self._dev_json.unlink(missing_ok=True)
        self._emulator_port.unlink(missing_ok=True)

    async def api_key(self, store: KeyStore, *, bcrypt_cost: int) -> str:
        """Return the kept API key if it still works, else make one that may do everything, and keep it."""
        now_ms = time.time_ns() // 1_000_000
        kept = self._key.read_text() if self._key.exists() else ""
        if (parsed := keys.parse(kept)) and (found := await store.get(parsed[0])) and not found.lapsed(now_ms):
            return kept
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
