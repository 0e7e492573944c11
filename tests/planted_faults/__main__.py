"""Plants each fault in a copy of the repository, and reports which test of the short run catches it.

    python -m tests.planted_faults          all, after a run without a fault
    python -m tests.planted_faults cursor   those with "cursor" in their name

The exit code is 1 if one is not caught.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.planted_faults.faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]
_PYTEST = [sys.executable, "-m", "pytest", "-v", "-x", "--no-cov", "-p", "no:cacheprovider", "-m", "not slow"]
_TESTS_FAILED = 1
_MOST_SECONDS = 300  # a fault may also be an endless loop
_failed = re.compile(r"^FAILED (\S+)", re.MULTILINE)


def copy_to(directory: Path) -> None:
    """Copy the files that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, directory / name)


def run(directory: Path, tests: str) -> tuple[int, str]:
    """Run `tests` in the copy, whose modules precede the installed ones."""
    command = [*_PYTEST, *tests.split()]
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=directory, check=False, capture_output=True, text=True, timeout=_MOST_SECONDS
        )
    except subprocess.TimeoutExpired as endless:
        running = (endless.stdout or b"").decode().splitlines()[-1]
        return _TESTS_FAILED, f"FAILED {running}"
    return done.returncode, done.stdout + done.stderr


def catching(directory: Path, fault: Fault) -> str | None:
    """Return the test that fails with `fault` in place, None if all pass."""
    path = directory / fault.file
    right = path.read_text(encoding="utf-8")
    assert right.count(fault.old) == 1, f"{fault.file} no longer contains once: {fault.old}"
    _write(path, right.replace(fault.old, fault.new))
    try:
        code, printed = run(directory, fault.tests)
    finally:
        _write(path, right)
    if code not in (0, _TESTS_FAILED):
        sys.exit(f"{fault.name}: the tests did not run:\n{printed}")
    found = _failed.search(printed)
    return found[1] if found else None


def _write(path: Path, text: str) -> None:
    """Write a module, with a later time than before: compiled modules are reused within the same second."""
    changed = max(path.stat().st_mtime + 2, time.time())
    path.write_text(text, encoding="utf-8")
    os.utime(path, (changed, changed))


def main(words: list[str]) -> int:
    """Plant the faults whose name contains all `words`; return the number that no test caught."""
    faults = [fault for fault in FAULTS if all(word in fault.name for word in words)]
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        copy_to(directory)
        code, printed = run(directory, " ".join(dict.fromkeys(" ".join(fault.tests for fault in faults).split())))
        if code:
            sys.exit(f"without a fault, the tests must pass:\n{printed}")
        for fault in faults:
            test = catching(directory, fault)
            missed += test is None
            print(f"{'caught' if test else 'MISSED'}  {fault.name}\n        {test or fault.file}", flush=True)  # noqa: T201
    print(f"{len(faults) - missed} of {len(faults)} caught")  # noqa: T201
    return missed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
