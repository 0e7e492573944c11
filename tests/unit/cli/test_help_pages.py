"""`--help` is complete, and its examples and variables are valid."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli.help_pages import PAGES, Page, attach
from cli.main import triggers
from shared import settings

OF_OTHERS = re.compile("AWS_PROFILE|AWS_ENDPOINT_URL|TRIGGERS_(URL|API_KEY)|\\.\\.\\.")


def commands(group: click.Group, *words: str) -> Iterator[str]:
    for name, command in group.commands.items():
        yield " ".join([*words, name])
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)


def test_every_command_has_a_page() -> None:
    assert sorted(commands(triggers)) == sorted(PAGES)


@pytest.mark.parametrize("words", PAGES)
def test_help_ends_with_examples_that_are_not_broken_up(words: str) -> None:
    done = CliRunner().invoke(triggers, [*words.split(), "--help"], terminal_width=80)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert 1 <= len(PAGES[words].examples) <= 3
    assert [f"    {example}" in lines for example in PAGES[words].examples] == [True] * len(PAGES[words].examples)
    for name, meaning in [*PAGES[words].variables.items(), *PAGES[words].exits.items()]:
        assert any(line.startswith(f"    {name} ") and line.endswith(f" {meaning}") for line in lines)


@pytest.mark.parametrize("words", PAGES)
def test_examples_are_of_commands_and_options_that_exist(words: str) -> None:
    for example in PAGES[words].examples:
        [arguments] = re.findall(r"\btriggers ((?:'[^']*'|[^|>)'])+)", example)
        command: click.Command = triggers
        rest = shlex.split(arguments)
        path = []
        while True:
            _, rest, _ = command.make_parser(click.Context(command)).parse_args(rest)  # raises for an unknown option
            if not isinstance(command, click.Group):
                break
            command, rest = command.commands[rest[0]], rest[1:]
            path.append(command.name)
        assert " ".join(map(str, path)).startswith(words)


@pytest.mark.parametrize("words", PAGES)
def test_variables_are_read(words: str) -> None:
    named = [name for names in PAGES[words].variables for name in names.split(", ")]
    assert [name for name in named if name not in settings.variable_names() and not OF_OTHERS.fullmatch(name)] == []


def test_a_page_without_a_command_is_an_error() -> None:
    assert Page(summary="s", examples=["e"]).exits == {}
    with pytest.raises(KeyError):
        attach(click.Group("other"))
