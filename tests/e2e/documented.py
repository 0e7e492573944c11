"""Find the commands in the shell blocks of README.md, CONTRIBUTING.md and docs/, and those that cannot run here."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

# By prefix. A command in neither list fails a test.
RUN = ("KEY=", "METRICS_PORT=", "curl -sS ", "triggers ", ".venv/bin/triggers ")
ELSEWHERE = {
    "script/server": "test_server.py runs it",
    "script/test": "it runs these tests",
    "script/check": "it does not use the stack",
    "script/generate": "it does not use the stack",
    "script/lock": "it does not use the stack",
    "script/mutate": "it does not use the stack",
    "script/simulate": "it does not use the stack",
    "script/bench": "it takes minutes of an idle machine",
    "script/chaos": "it takes minutes; test_chaos.py runs a short one",
    "script/load": "it takes ten minutes; test_load.py runs a short one",
    "script/screenshots": "it needs Chromium; test_page.py drives the same states",
    "script/rehearse": "it takes minutes and an emulator of its own",
    "script/audit": "it needs the internet",
    "script/cdk-test": "it needs the environment of the CDK",
    "script/cdk ": "it needs an AWS account",
    "aws ": "it needs an AWS account",
    "export AWS_": "it selects an AWS account",
    "docker compose ": "it needs Docker",
    "umask 077; mkdir -p backup": "test_single_machine.py makes and restores a backup",
    "for name in queue groups events keys; do sqlite3 ": "test_single_machine.py makes and restores a backup",
    "cp -r .triggers/bodies ": "test_single_machine.py makes and restores a backup",
    "triggers inboxes scale ": "on SQLite every inbox has one shard; tests of the command have a table",
    "triggers groups seek ": "it needs a group; tests of the command have one",
    "triggers groups quarantine ": "it needs a group; tests of the command have one",
    "triggers tail --group billing": "it runs until it is stopped; tests of the command follow a group",
    "triggers tail --forward-to ": "it runs until it is stopped; tests of the command have an endpoint",
    ". .venv/bin/activate": "the commands of this checkout are on the path already",
    "triggers tail --once --inbox default | TRIGGERS_URL=": "it needs a second server; test_single_machine.py has one",
}

_SHELL_BLOCK = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s+)#.*$", re.MULTILINE)


class Command(msgspec.Struct, frozen=True):
    """One command, without its comment. `earlier` are the variables that its page has set before it."""

    text: str
    earlier: tuple[str, ...] = ()

    @property
    def is_run(self) -> bool:
        """Return whether it can run against the embedded stack."""
        return self.text.startswith(RUN) and self.elsewhere is None

    @property
    def elsewhere(self) -> str | None:
        """Return the prefix in `ELSEWHERE` that matches it."""
        return next((start for start in ELSEWHERE if f"{self.text} ".startswith(start)), None)


def once(pages: Mapping[str, Sequence[Command]]) -> dict[str, list[Command]]:
    """Return the commands of each page that can run here, each on the first page that has it.

    `--data .triggers` selects the server whose variables are set here anyway, so it makes no difference.
    """
    first: dict[str, str] = {}
    for name, commands in pages.items():
        for command in commands:
            if command.is_run:
                first.setdefault(command.text.replace("--data .triggers ", ""), name)
    return {
        name: [one for one in commands if first.get(one.text.replace("--data .triggers ", "")) == name]
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
