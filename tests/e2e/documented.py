"""The commands in the fenced shell blocks of README.md and docs/: which there are, and which can't be run here."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# By how they begin. What is in neither list fails a test.
RUN = ("KEY=", "METRICS_PORT=", "curl -sS ", "triggers ", ".venv/bin/triggers ")
ELSEWHERE = {
    "script/server": "test_server.py runs it",
    "script/test": "it runs these tests",
    "script/check": "it asks nothing of the stack",
    "script/bench": "it takes minutes of an idle machine",
    "script/load": "it takes ten minutes; test_load.py runs a short one",
    "script/audit": "it needs the internet",
    "script/cdk ": "it needs an AWS account",
    "aws ": "it needs an AWS account",
    "export AWS_": "it leads to an AWS account",
    "docker compose ": "it needs Docker",
}

_SHELL_BLOCK = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s+)#.*$", re.MULTILINE)


class Command(msgspec.Struct, frozen=True):
    """One command, without its comment. `earlier` are the variables that its page has set by then."""

    text: str
    earlier: tuple[str, ...] = ()

    @property
    def is_run(self) -> bool:
        """Tell whether it can be run against the embedded stack."""
        return self.text.startswith(RUN)

    @property
    def elsewhere(self) -> str | None:
        """Return the beginning by which it is known as one that can't be run here."""
        return next((start for start in ELSEWHERE if f"{self.text} ".startswith(start)), None)


def once(pages: Mapping[str, Sequence[Command]]) -> dict[str, list[Command]]:
    """Return the commands of each page that can be run, each where it is met first: a second time shows no more.

    `--data .triggers` leads to the server whose variables are set here anyway.
    """
    met: dict[str, str] = {}
    for name, commands in pages.items():
        for command in commands:
            if command.is_run:
                met.setdefault(command.text.replace("--data .triggers ", ""), name)
    return {
        name: [one for one in commands if met.get(one.text.replace("--data .triggers ", "")) == name]
        for name, commands in pages.items()
    }


def commands_in(page: str) -> list[Command]:
    """Return the commands of a page's shell blocks, in order."""
    found: list[Command] = []
    earlier: tuple[str, ...] = ()
    for block in _SHELL_BLOCK.findall(page):
        for line in _COMMENT.sub("", block.replace("\\\n", " ")).splitlines():
            if text := " ".join(line.split()):
                found.append(Command(text, earlier))
                earlier += (text,) if re.fullmatch(r"[A-Z]+=\S.*", text) and "triggers " not in text else ()
    return found
