"""How errors in a command are reported."""

import click
import pytest
from click.testing import CliRunner, Result

from cli.root import Root, error_message
from shared.model.errors import InvalidSettings, NotFound, Unavailable, Unclear
from tests.unit.shared.aws.scripted import client_error


def run(error: BaseException) -> Result:
    @click.command()
    def fail() -> None:
        raise error

    return CliRunner().invoke(Root(sections={"All": [fail]}), ["fail"])


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (NotFound("No key k."), 1, ["Error: No key k."]),
        (InvalidSettings(["A=1: no", "B=2: no"]), 1, ["Invalid setting: A=1: no", "Invalid setting: B=2: no"]),
        (click.ClickException("no"), 1, ["Error: no"]),
        (FileNotFoundError(2, "No such file or directory", b"/a"), 1, ["Error: /a: No such file or directory"]),
        (KeyboardInterrupt(), 130, []),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error: BaseException, code: int, lines: list[str]) -> None:
    done = run(error)
    assert (done.exit_code, done.stderr.splitlines(), done.stdout) == (code, lines, "")


def test_an_aws_error_says_what_to_do() -> None:
    assert run(client_error("ExpiredToken")).stderr.startswith("Error: The AWS session has expired: ")


@pytest.mark.parametrize("error", [Unavailable("failed"), Unclear("failed")])
def test_an_error_caused_by_aws_says_it_too(error: Exception) -> None:
    assert str(error_message(caused(error, by=client_error("ExpiredToken")))).startswith(
        "The AWS session has expired: "
    )


def test_a_message_of_a_command_is_kept() -> None:
    done = run(caused(click.ClickException("The name is taken."), by=client_error("TransactionCanceledException")))
    assert done.stderr == "Error: The name is taken.\n"


def test_an_unrelated_context_is_ignored() -> None:
    assert error_message(caused(NotFound("No key k."), by=client_error("ExpiredToken"))) == "No key k."


def test_a_bug_is_not_hidden() -> None:
    assert isinstance(run(ZeroDivisionError()).exception, ZeroDivisionError)
