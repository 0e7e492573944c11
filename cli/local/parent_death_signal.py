"""Run a command that receives SIGTERM when the process that started it ends, even if that was killed.

    python -I -S parent_death_signal.py COMMAND [ARGUMENT ...]

Linux sends the signal (`PR_SET_PDEATHSIG`, which survives exec); on other systems this only runs the command. It
imports only the standard library, so that it starts in a few milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Have this process receive SIGTERM when its parent ends; exit if that has already happened."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the call
            sys.exit(1)


def main(command: list[str]) -> None:
    """Replace this process with `command`; does not return."""
    end_with_parent()
    os.execvp(command[0], command)  # noqa: S606 (the point of this file)


if __name__ == "__main__":
    main(sys.argv[1:])
