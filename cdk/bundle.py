"""The bundle that all three functions run: the locked dependencies and our sources, built without Docker.

Wheels are those for Lambda's processor and Python, regardless of this machine. Files that are never loaded are removed.
Everything is compiled beforehand, since Lambda can't write bytecode and would compile at each cold start.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from cdk.prune import prune

ROOT = Path(__file__).parent.parent
_PACKAGES = ("ingest", "shared", "worker")
_LOCK = ROOT / "requirements" / "runtime.txt"
_WHERE_IT_RUNS = "/var/task"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The platform of a bundle."""

    platform: str = "aarch64-manylinux2014"
    """As uv names it; Lambda's Amazon Linux 2023 takes any manylinux2014 wheel."""
    python: str = "3.13"


def build(target: Target, directory: Path, *, compiler: str | None = None) -> Path:
    """Build the bundle below `directory`, unless it exists; return its path, which contains a hash of its inputs.

    `compiler` is a Python of the target's version; without one the bundle holds no bytecode. Raises
    `subprocess.CalledProcessError` if uv can't install what the lock names.
    """
    compiler = compiler or find_python(target.python)
    bundle = directory / f"lambda-{fingerprint(target, compiled=compiler is not None)}"
    if bundle.exists():
        return bundle
    unfinished = bundle.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    install(target, unfinished)
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, unfinished / package, ignore=shutil.ignore_patterns("__pycache__"))
    prune(unfinished, function=True)
    if compiler is None:
        print(f"Python {target.python} not found: the functions will start more slowly.", file=sys.stderr)  # noqa: T201
    else:
        compile_all(compiler, unfinished)
    return unfinished.rename(bundle)


def install(target: Target, directory: Path) -> None:
    """Install the lock's wheels for `target`, each checked by its hash."""
    only = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile-bytecode", "--system-certs")
    where = ("--python-platform", target.platform, "--python-version", target.python, "--target", str(directory))
    command = [_uv(), "pip", "install", "--quiet", *only, *where, "--requirement", str(_LOCK)]
    subprocess.run(command, check=True)  # noqa: S603


def compile_all(compiler: str, directory: Path) -> None:
    """Compile all below `directory`; bytecode is not checked against its source, which never changes."""
    # Some packages contain templates that are not Python: compileall skips them and exits with 1.
    command = [compiler, "-m", "compileall", "-q", "-f", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(directory), "-p", _WHERE_IT_RUNS, str(directory)]
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603


def find_python(version: str) -> str | None:
    """Return a Python of `version` that works, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [f"python{version}", *map(str, sorted(pyenv.glob(f"{version}.*/bin/python{version}")))]
    for candidate in candidates:
        try:
            subprocess.run([candidate, "-c", ""], check=True, capture_output=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    return None


def fingerprint(target: Target, *, compiled: bool) -> str:
    """Return a hash of the inputs of a bundle."""
    digest = hashlib.sha256(f"{target}{compiled}".encode())
    files = (path for package in _PACKAGES for path in sorted((ROOT / package).rglob("*")) if path.is_file())
    sources = (path for path in files if "__pycache__" not in path.parts)
    for path in (_LOCK, Path(__file__), Path(__file__).with_name("prune.py"), *sources):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _uv() -> str:
    return str(Path(sys.executable).with_name("uv"))
