"""Fail if a file of code is longer than 300 lines: a file is one idea."""

import subprocess
import sys
from pathlib import Path

_MAX_LINES = 300
_ROOT = Path(__file__).parent.parent


def main() -> int:
    """Print every file that is too long."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", "*.sh", "script/*", ".ci/*"]
    names = subprocess.run(listed, cwd=_ROOT, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603
    lengths = {name: len((_ROOT / name).read_bytes().splitlines()) for name in names if (_ROOT / name).exists()}
    for name, length in lengths.items():
        if length > _MAX_LINES:
            print(f"{name} has {length} lines; the maximum is {_MAX_LINES}")
    return int(any(length > _MAX_LINES for length in lengths.values()))


if __name__ == "__main__":
    sys.exit(main())
