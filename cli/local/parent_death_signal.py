"""Run a command that is told to stop when the process that started it dies, even by SIGKILL.

    python -I -S parent_death_signal.py COMMAND [ARGUMENT ...]

Linux sends the signal (`PR_SET_PDEATHSIG`, kept across exec); elsewhere the command just runs. Imports nothing
but the standard library, so that it costs a few milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(command: list[str]) -> None:
    """Become `command`; does not return."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before it was watched
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 (the point of this file)


if __name__ == "__main__":
    main(sys.argv[1:])
