"""Make the environments that the scripts run in from the locks in `requirements/`; uses the standard library only.

    python -I -S script/environments SCRIPT KIND

SCRIPT is the name of the caller, for messages. KIND is one of

    runtime    what `triggers` needs, in `.venv`
    dev        the same and the tools, in `.venv`, and the emulator, which the tests need
    emulator   the emulator of AWS, in `.venv-emulator`
    bench      the runtime and the libraries it is compared with, in `.venv-bench`
    mutate     the runtime, the tests' libraries and mutmut, in `.venv-mutate`
    cdk        the CDK, and node to run it, in `.venv-cdk`
    cdk-npm    the same, and the cdk command in `.npm-cdk`

What is complete and current is used as it is, so every start but the first is quick. Otherwise one process at a time
installs; `install.py` describes how.
"""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from kinds import ROOT, SetupError, missing

_NO_VENV = 69
"""Exit code: this Python can't make environments, since its distribution keeps that in another package."""


def main(script: str, kind: str) -> int:
    """Make what is missing; return the exit code."""
    caller = os.getppid()

    def say(message: str) -> None:
        print(f"script/{script}: {message}", file=sys.stderr, flush=True)

    if not missing(kind):
        return 0
    if not all(map(find_spec, ("ensurepip", "venv"))):
        return _NO_VENV
    try:
        with _locked(say) as lock:
            work = missing(kind)  # another start may have made it meanwhile
            if not work:
                return 0
            from install import install  # noqa: PLC0415 (loads asyncio)

            say("installing what is needed, once; this takes about a minute.")
            return install(work, lock, caller, say)
    except SetupError as error:
        say(str(error))
    except OSError as error:
        say(f"the environments can't be made: {error.strerror}: {error.filename or ROOT}")
    return 1


@contextmanager
def _locked(say: Callable[[str], None]) -> Iterator[int]:
    """Hold the lock of this checkout. The kernel releases it once all processes that inherit it have ended."""
    lock = os.open(ROOT / ".venv.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another script is installing; waiting for it to finish.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
