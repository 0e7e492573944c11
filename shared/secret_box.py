"""A `SecretBox` with a key in a local file, for deployments on one machine: AES-256-GCM.

The result consists of a version byte, a nonce of 96 random bits, and the ciphertext with its tag. One key is good for
four billion secrets (NIST SP 800-38D, 8.3).
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from shared.model.errors import InvalidSettings, Poison, Unavailable

KEY_BYTES = 32
KEY_FILE = "sources.key"
"""The name of the key file in the data directory."""

_VERSION = b"\x01"
_NONCE_BYTES = 12
_MODE = 0o600
_OTHERS = 0o077

_encode = msgspec.json.Encoder(order="sorted").encode


class LocalSecretBox:
    """Encrypts with `key`."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 (loads OpenSSL: 30 ms)

        self._cipher = AESGCM(key)

    async def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Return `secret` encrypted."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, _encode(context))

    async def open(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """Return the secret; raise `Poison` unless it was encrypted with this key and context."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        head, nonce, rest = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if head != _VERSION or len(nonce) < _NONCE_BYTES:
            raise Poison("a secret has an unknown format")
        try:
            return self._cipher.decrypt(nonce, rest, _encode(context))
        except InvalidTag:
            raise Poison("a secret can't be decrypted with this key") from None


class KeyFileBox:
    """Encrypts with the key in a file, which is created for the first secret and read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._box: LocalSecretBox | None = None

    @classmethod
    def in_directory(cls, directory: str | Path) -> "KeyFileBox":
        """Return the box of a data directory."""
        return cls(Path(directory) / KEY_FILE)

    async def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Return `secret` encrypted; raise `InvalidSettings` if the key can't be used."""
        return await self._opened(make=True).seal(secret, context)

    async def open(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """Return the secret; raise `Unavailable` without a key file, `Poison` if it has another key or context."""
        try:
            return await self._opened(make=False).open(sealed, context)
        except InvalidSettings as error:
            raise Unavailable(str(error)) from None

    def _opened(self, *, make: bool) -> LocalSecretBox:
        if self._box is None:
            if not make and not self._path.exists():
                # A new key could decrypt nothing: the secrets were encrypted with that of another directory.
                raise Unavailable(f"{self._path}, the key for the secrets of sources, does not exist")
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._box = LocalSecretBox(load_key(self._path))
            except OSError as error:
                raise Unavailable(f"{self._path}: {error.strerror}") from None
        return self._box


def load_key(path: Path) -> bytes:
    """Return the key in the file at `path`; create it atomically if it does not exist.

    Raises `InvalidSettings` if other users may read the file, or it is not a key.
    """
    if not path.exists():
        _make(path)
    if path.stat().st_mode & _OTHERS:
        raise InvalidSettings([f"{path}: other users may read the key; run: chmod 600 {path}"])
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise InvalidSettings([f"{path}: a key has {KEY_BYTES} bytes, this file has {len(key)}"])
    return key


def _make(path: Path) -> None:
    # Linked only once complete, so that a concurrent process never reads a part.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()
