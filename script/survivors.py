"""Compare the mutants that survived with those that are known to change nothing: `script/mutate`.

A line of `tests/equivalent_mutants.txt` is a function, the changed line, and the reason, separated by ` | `. mutmut's
numbers would not do, since a change elsewhere in the function shifts them.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_EQUIVALENT = Path("tests/equivalent_mutants.txt")
_MUTMUT = Path(sys.executable).with_name("mutmut")
_NOT_NOTICED = {"survived", "no tests"}
"""A mutant whose tests do not end is noticed."""

_NUMBER = re.compile(r"__mutmut_\d+$")


class Mutant(NamedTuple):
    """A function, and the line that replaces one of its lines."""

    function: str
    line: str


def main() -> int:
    """Print the difference; return the exit code."""
    known = dict(map(_parse, filter(_is_entry, _EQUIVALENT.read_text("utf-8").splitlines())))
    results = [line.strip().split(": ") for line in _run("results", "--all", "true") if ": " in line]
    survived = {_mutant(name) for name, status in results if status in _NOT_NOTICED}
    functions = {_function(name) for name, status in results if status != "not checked"}
    new = sorted(survived - known.keys())
    stale = sorted(mutant for mutant in known.keys() - survived if mutant.function in functions)
    for mutant in new:
        print(f"not noticed by any test: {mutant.function} | {mutant.line}")
    for mutant in stale:
        print(f"noticed by now, or gone: {mutant.function} | {mutant.line}")
    tested = sum(status != "not checked" for _, status in results)
    equivalent = len(survived) - len(new)
    print(f"{tested} mutants: {tested - len(survived)} noticed, {equivalent} equivalent, {len(new)} not noticed")
    return bool(new or stale)


def _run(*arguments: str) -> list[str]:
    command = [_MUTMUT, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()  # noqa: S603


def _mutant(name: str) -> Mutant:
    added = [line[1:].strip() for line in _run("show", name) if line.startswith("+") and not line.startswith("+++")]
    return Mutant(_function(name), " ".join(added))


def _function(name: str) -> str:
    """Return the dotted name of a mutant's function, without mutmut's marks."""
    return _NUMBER.sub("", name).replace(".x\u01c1", ".").replace("\u01c1", ".").replace(".x_", ".")


def _is_entry(line: str) -> bool:
    return bool(line) and not line.startswith("#")


def _parse(line: str) -> tuple[Mutant, str]:
    function, rest = line.split(" | ", maxsplit=1)
    changed, reason = rest.rsplit(" | ", maxsplit=1)  # the line may contain one, as types do
    return Mutant(function, changed), reason


if __name__ == "__main__":
    sys.exit(main())
