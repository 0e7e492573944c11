"""The environments: what each is made from, and whether it can be used as it is."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = (".", "clients/python")
NPM = ".npm-cdk"


class SetupError(Exception):
    """An environment can't be made; the message gives the reason in one line."""


class Made(NamedTuple):
    """A directory that is made from locks: a virtual environment, or one of npm packages.

    `stamps` maps the name of a file in it, which is written last, to the sources that the file is a copy of.
    """

    directory: str
    locks: tuple[str, ...]
    stamps: dict[str, tuple[str, ...]]

    @property
    def path(self) -> Path:
        """Its final place."""
        return ROOT / self.directory

    def stamp(self, name: str) -> bytes:
        """Return what the stamp `name` says if it was made here (scripts hold absolute paths) from these sources."""
        return b"\n".join([os.fsencode(ROOT), *((ROOT / source).read_bytes() for source in self.stamps[name])])

    def is_current(self, stamp: str) -> bool:
        """Return whether it is complete and made from the present sources, and its interpreter is its own."""
        try:
            complete = (self.path / stamp).read_bytes() == self.stamp(stamp)
        except OSError:
            return False
        return complete and (self.directory == NPM or self._is_isolated())

    def _is_isolated(self) -> bool:
        """Without `pyvenv.cfg`, the interpreter in it uses and changes the packages of the user's own Python."""
        command = [self.path / "bin" / "python", "-I", "-c", "import sys; print(sys.prefix)"]
        try:
            prefix = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rstrip("\n")  # noqa: S603
            return Path(prefix).samefile(self.path)
        except (OSError, subprocess.CalledProcessError):
            return False


def _main(kind: str) -> Made:
    """Return `.venv`. The lock of the tools contains all of the runtime's."""
    sources = ("pyproject.toml", "clients/python/pyproject.toml", "requirements/build.txt")
    stamps = {f"made-for-{name}": (*sources, f"requirements/{name}.txt") for name in ("runtime", kind)}
    return Made(".venv", ("requirements/build.txt", f"requirements/{kind}.txt"), stamps)


def _extra(name: str) -> Made:
    lock = f"requirements/{name}.txt"
    return Made(f".venv-{name}", (lock,), {f"made-for-{name}": (lock,)})


_NPM_LOCKS = ("cdk/package.json", "cdk/package-lock.json")

_KINDS = {
    "runtime": {"made-for-runtime": _main("runtime")},
    "dev": {"made-for-dev": _main("dev"), "made-for-emulator": _extra("emulator")},
    **{name: {f"made-for-{name}": _extra(name)} for name in ("bench", "emulator", "mutate", "cdk")},
    "cdk-npm": {"made-for-cdk": _extra("cdk"), "made-for-npm": Made(NPM, _NPM_LOCKS, {"made-for-npm": _NPM_LOCKS})},
}


def missing(kind: str) -> list[Made]:
    """Return what must be made before a script that needs `kind` can run, in order."""
    return [made for stamp, made in _KINDS[kind].items() if not made.is_current(stamp)]
