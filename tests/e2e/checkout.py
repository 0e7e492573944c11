"""A small checkout with the real scripts and small locks, whose packages come from a directory."""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_REAL = ("script/lib.sh", "script/server", "script/environments", "cli/local/parent_death_signal.py")
_MARK = "TRIGGERS_E2E_CHECKOUT"
_DEADLINE_SECONDS = 120  # only ends a hang
_KINDS = ("build", "runtime", "emulator")

# Instead of the service: it prints which environment it runs in.
_SERVICE = """
import json, sys, one
print(json.dumps({"prefix": sys.prefix, "one": one.__file__, "project": __import__("project").__file__}))
"""

# A build backend of its own, since the real one would have to be fetched. While the file `hold` exists, it builds.
_BACKEND = """
import pathlib, time, zipfile
root = pathlib.Path(__file__).parent

def build_editable(directory, config_settings=None, metadata_directory=None):
    (root / "building").touch()
    while (root / "hold").exists():
        time.sleep(0.05)
    name = "{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(directory, name), "w") as wheel:
        wheel.writestr("{name}.py", "")
        for file in root.glob("cli/__main__.py"):
            wheel.write(file, "cli/__main__.py")
        wheel.writestr("{name}-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1\\n")
        wheel.writestr("{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("{name}-1.dist-info/RECORD", "")
    return name
"""
_PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


class Checkout:
    """A checkout in `directory`, and the home directory of its user, whose settings name the directory of packages."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "checkout"
        self.home = directory / "home"
        self._wheels = directory / "wheels"
        for made in (self.home, self._wheels):
            made.mkdir(parents=True)
        for name in _REAL:
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (_ROOT / name).is_dir() else shutil.copy)(_ROOT / name, self.path / name)
        self._write("cli/__main__.py", _SERVICE)
        for place, name in (("", "project"), ("clients/python/", "client")):
            self._write(f"{place}pyproject.toml", _PROJECT)
            self._write(f"{place}backend.py", _BACKEND.replace("{name}", name))
        self.lock("one")

    def lock(self, *names: str, hashes: str = "") -> None:
        """Write locks that name these packages, by the hashes of what is there or by `hashes`."""
        lines = [f"{name}==1 --hash=sha256:{hashes or self._wheel(name)}" for name in names]
        for kind in _KINDS:
            self._write(f"requirements/{kind}.txt", "\n".join(lines if kind != "build" else []))

    def environ(self, **more: str) -> dict[str, str]:
        """Return the variables of a user who has set nothing but where packages are."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "XDG_"))}
        reach = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self._wheels)}
        return {**kept, "HOME": str(self.home), _MARK: str(self.path), **reach, **more}

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Start `script/server`, as the leader of a process group."""
        return subprocess.Popen(  # noqa: S603
            [self.path / "script" / "server", *arguments],
            env=self.environ(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, process: "subprocess.Popen[str]") -> tuple[dict[str, str], str]:
        """Return what the service printed, and what the scripts did; both must have succeeded."""
        out, err = process.communicate(timeout=_DEADLINE_SECONDS)
        assert process.returncode == 0, err
        printed: dict[str, str] = json.loads(out)
        return printed, err

    def run(self, *arguments: str, **variables: str) -> tuple[dict[str, str], str]:
        """Run `script/server` to its end."""
        return self.finish(self.start(*arguments, **variables))

    def hold(self) -> None:
        """Make each installation wait while it builds the project."""
        self._write("hold", "")

    def release(self) -> None:
        """End `hold`."""
        (self.path / "hold").unlink()

    def until_building(self) -> None:
        """Wait until an installation builds the project."""
        until((self.path / "building").exists)
        (self.path / "building").unlink()

    def left(self) -> list[str]:
        """Return the names of what installations made in the checkout, but for the lock."""
        return sorted(path.name for path in self.path.glob(".venv*") if path.name != ".venv.lock")

    def processes(self) -> list[str]:
        """Return the command lines of everything that was started here and still runs."""
        return [command for _, command in self._processes()]

    def kill(self, part: str) -> None:
        """Send SIGKILL to the processes here whose command line contains `part`."""
        for number, command in self._processes():
            if part in command:
                os.kill(number, signal.SIGKILL)

    def _processes(self) -> Iterable[tuple[int, str]]:
        mark = f"{_MARK}={self.path}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):  # empty if it has ended
                    yield int(process.name), (process / "cmdline").read_text().replace("\0", " ")
            except OSError:  # it has ended
                continue

    def _wheel(self, name: str) -> str:
        """Make a package with a module and a command; return its hash."""
        path = self._wheels / f"{name}-1-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            info = f"{name}-1.dist-info"
            files = {
                f"{name}.py": "import sys\ndef main(): print(sys.prefix)\n",
                f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
                f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
            }
            for file, text in files.items():
                wheel.writestr(zipfile.ZipInfo(file), text)
            digests = {file: hashlib.sha256(text.encode()).digest() for file, text in files.items()}
            lines = [
                f"{file},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},{len(files[file])}"
                for file, digest in digests.items()
            ]
            wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "\n".join([*lines, f"{info}/RECORD,,"]))
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def until(condition: Callable[[], Any]) -> None:
    """Wait for `condition`."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
