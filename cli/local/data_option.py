"""The option `--data DIR`: run a command on the data directory of a server on this machine."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.local import emulator
from shared.model.errors import TriggersError

_F = TypeVar("_F", bound=Callable[..., Any])

DATA = "triggers.data"
"""The key in `ctx.meta` under which a command finds the directory."""

EMULATOR_PORT = "emulator-port"
"""The file that holds the emulator's port. It exists only while a server runs there with `--emulator`."""


def data_option(text: str) -> Callable[[_F], _F]:
    """Return a decorator that adds the option `--data` to a command; `text` begins its help."""
    kind = click.Path(file_okay=False, readable=False, path_type=Path)  # `usable` says what to do
    help_text = (
        f"{text} The default is SQLite, in files in this directory; while `triggers dev --emulator` runs there,"
        " its emulator of AWS is used instead. script/server uses .triggers unless another directory is given."
    )
    return click.option("--data", type=kind, help=help_text, callback=_use, expose_value=False)


def environment_of(directory: Path) -> dict[str, str]:
    """Return the variables that select the backend of a data directory: its emulator if one runs, else SQLite.

    Raises `TriggersError` if the directory does not exist or can't be read.
    """
    with usable(directory):
        if not directory.is_dir():
            raise TriggersError(f"{directory} does not exist; `triggers dev --data {directory}` creates it")
        try:
            port = (directory / EMULATOR_PORT).read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return sqlite_environment(directory)
    if not port.isdecimal():
        raise TriggersError(f"{directory / EMULATOR_PORT} holds no port; start `triggers dev` there again")
    return {"BACKEND": "aws", "DATA_DIR": str(directory.absolute()), **emulator.client_environment(int(port))}


@contextmanager
def usable(directory: Path) -> Iterator[None]:
    """Report an `OSError` inside as a `TriggersError` that says which file of the data directory, and what to do."""
    try:
        yield
    except OSError as error:
        remedy = "run this as its owner" if isinstance(error, PermissionError) else "check this path"
        raise TriggersError(
            f"the data directory {directory} can't be used: {error.strerror} ({error.filename or directory});"
            f" {remedy}, or choose another with --data"
        ) from None


def sqlite_environment(directory: Path) -> dict[str, str]:
    """Return the variables that select the SQLite files in `directory`."""
    return {"BACKEND": "sqlite", "DATA_DIR": str(directory.absolute())}


def without_endpoint_overrides(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without the variables that would direct the SDK to another endpoint or account."""
    return {name: value for name, value in environ.items() if name not in emulator.MISLEADING}


def use(ctx: click.Context, data: Path) -> Path:
    """Let the environment select `data`, and `ctx.meta` name it; return it."""
    selected = environment_of(data)
    ctx.meta[DATA] = data
    for name in emulator.MISLEADING:
        os.environ.pop(name, None)
    os.environ.update(selected)
    return data


def _use(ctx: click.Context, __: click.Parameter, data: Path | None) -> None:
    if data is not None:
        use(ctx, data)
