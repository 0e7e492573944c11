"""The option `--data DIR`: makes a command work on the data directory of a server on this machine."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.local import emulator
from shared.model.errors import TriggersError

_F = TypeVar("_F", bound=Callable[..., Any])

DATA = "triggers.data"
"""The key of the directory in a command's `ctx.meta`."""

EMULATOR_PORT = "emulator-port"
"""The file with the emulator's port, which exists while a server runs there with `--emulator`."""


def data_option(text: str) -> Callable[[_F], _F]:
    """Give a command the option `--data`; `text` begins its help."""
    kind = click.Path(file_okay=False, path_type=Path)
    help_text = f"{text} script/server uses .triggers unless it is given another."
    return click.option("--data", type=kind, help=help_text, callback=_use, expose_value=False)


def environment_of(directory: Path) -> dict[str, str]:
    """Return the variables that select the backend of a data directory: its emulator while one runs, else SQLite.

    Raises `TriggersError` if there is no such directory.
    """
    if not directory.is_dir():
        raise TriggersError(f"{directory} does not exist; `triggers dev --data {directory}` creates it")
    try:
        port = int((directory / EMULATOR_PORT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return sqlite_environment(directory)
    return {"BACKEND": "aws", **emulator.client_environment(port)}


def sqlite_environment(directory: Path) -> dict[str, str]:
    """Return the variables that select the SQLite files in `directory`."""
    return {"BACKEND": "sqlite", "DATA_DIR": str(directory.absolute())}


def without_misleading(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without what would lead the SDK away from an emulator."""
    return {name: value for name, value in environ.items() if name not in emulator.MISLEADING}


def _use(ctx: click.Context, __: click.Parameter, data: Path | None) -> None:
    if data is not None:
        selected = environment_of(data)
        ctx.meta[DATA] = data
        for name in emulator.MISLEADING:
            os.environ.pop(name, None)
        os.environ.update(selected)
