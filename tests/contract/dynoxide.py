"""dynoxide, one more implementation of DynamoDB to hold the store against: a single static binary, from npm.

    python -m tests.contract.dynoxide

fetches it, once; script/test does that. Where it is unavailable, the store
is tested without it, and the reason is printed.
"""

import base64
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

_VERSION = "1.2.1"
_PACKAGE = f"@dynoxide/linux-x64@{_VERSION}"
_SHA512 = "sBHqlxJ9ANkLluFkYRfd5r8Y0ApFew4FhOrlhgRAgD4XzEoFOukEo1nuBTQ1+jTtofqwn4NWQ2k0Tn5mNTjgUg=="
_MEMBER = "package/dynoxide"
_BINARY = Path(__file__).parents[2] / ".venv-emulator" / f"dynoxide-{_VERSION}"
_FETCH_SECONDS = 60
_START_SECONDS = 30


class Missing(Exception):
    """dynoxide is unavailable; the message gives the reason."""


def why_missing() -> str | None:
    """Return why it can't be run here, None if it can."""
    return None if _BINARY.exists() else f"{_BINARY.name} is not there; script/test fetches it where npm is installed"


def fetch() -> None:
    """Fetch the binary unless it is there; raise `Missing` if that can't be."""
    if _BINARY.exists():
        return
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Missing("it is built for Linux on x86-64")
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not installed")
    with tempfile.TemporaryDirectory() as directory:
        package = _pack(npm, Path(directory))
    if base64.b64encode(hashlib.sha512(package).digest()).decode() != _SHA512:
        raise Missing(f"what npm gave for {_PACKAGE} is not what was recorded")
    _install(package)


def _pack(npm: str, directory: Path) -> bytes:
    command = [npm, "pack", _PACKAGE, "--silent", "--fetch-retries=1", "--pack-destination", str(directory)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_FETCH_SECONDS, cwd=directory)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(f"npm could not fetch {_PACKAGE} ({type(error).__name__})") from None
    (packed,) = directory.glob("*.tgz")
    return packed.read_bytes()


def _install(package: bytes) -> None:
    """Put the binary in its place, whole or not at all."""
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        member = archive.extractfile(_MEMBER)
        if member is None:
            raise Missing(f"{_PACKAGE} does not hold {_MEMBER}")
        unfinished = _BINARY.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(member.read())
    unfinished.chmod(0o755)
    unfinished.replace(_BINARY)


@contextmanager
def running(port: int) -> Iterator[str]:
    """Run it on a loopback port, its tables in memory; gives its URL."""
    url = f"http://127.0.0.1:{port}"
    command = [str(_BINARY), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(url):
            assert process.poll() is None, "dynoxide ended"
            assert time.monotonic() < deadline, "dynoxide does not answer"
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        build_opener(ProxyHandler({})).open(url, timeout=2).close()
    except URLError as error:
        # Any status is an answer.
        return hasattr(error, "code")
    return True


if __name__ == "__main__":
    try:
        fetch()
    except Missing as missing:
        print(f"The store is not tested on dynoxide: {missing}.", file=sys.stderr)  # noqa: T201 (a command)
