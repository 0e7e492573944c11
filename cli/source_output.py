"""The output of `triggers sources`."""

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from cli.output import print_json, print_table, span
from shared.clock import rfc3339
from shared.model.source import Source

_COLUMNS = "name", "tenant", "inbox", "scheme", "secrets", "window", "status"
_HIDDEN = ("secrets", "url_hash", "sealed_token")


def shown(source: Source, **more: str | None) -> dict[str, Any]:
    """Return the fields of a source that are not secret, and those of `more` that are not None."""
    fields = {name: getattr(source, name) for name in Source.__struct_fields__ if name not in _HIDDEN}
    return {
        **msgspec.to_builtins(fields),
        "secrets": [{"secret_id": one.secret_id, "created_at": one.created_at} for one in source.secrets],
        "status": _status(source),
        **{name: value for name, value in more.items() if value is not None},
    }


def print_created(source: Source, url: str | None, secret: str | None, *, as_json: bool) -> None:
    """Print a new URL, a generated secret, or both; everything else goes to standard error."""
    if as_json:
        print_json(shown(source, url=url, secret=secret))
        return
    if url is not None:
        click.echo(f"URL of source {source.name} of tenant {source.tenant}; treat it as a secret:", err=True)
        click.echo(url)
    if secret is not None:
        click.echo("Signing secret; it can't be shown again:", err=True)
        click.echo(secret)
    if url is secret is None:
        click.echo(f"Signing secrets of source {source.name}: {len(source.secrets)}", err=True)


def print_change(source: Source, change: str, *, as_json: bool) -> None:
    """Print that a source was changed."""
    if as_json:
        print_json(shown(source))
    else:
        click.echo(f"Source {source.name} of tenant {source.tenant} is {change}.", err=True)


def print_source(source: Source, url: str | None) -> None:
    """Print the fields of a source that have a value, one per line."""
    fields = shown(source, url=url) | {
        "created_at": rfc3339(source.created_at),
        "disabled_at": None if source.disabled_at is None else rfc3339(source.disabled_at),
        "secrets": [f"{secret.secret_id} ({rfc3339(secret.created_at)})" for secret in source.secrets],
        "window_seconds": span(source.window_seconds),
    }
    for name, value in fields.items():
        if value:
            text = ", ".join(value) if isinstance(value, list) else str(value)
            click.echo(f"{name.removesuffix('_seconds'):<14} {text}")


def print_sources(sources: Sequence[Source]) -> None:
    """Print a table of sources."""
    from rich.table import Table  # noqa: PLC0415 (slow to load)
    from rich.text import Text  # noqa: PLC0415 (the same)

    table = Table(*_COLUMNS, box=None)
    for source in sources:
        row = (
            source.name,
            source.tenant,
            source.inbox,
            source.scheme,
            str(len(source.secrets)),
            span(source.window_seconds),
            _status(source),
        )
        table.add_row(*map(Text, row))
    print_table(table)


def _status(source: Source) -> str:
    return "active" if source.disabled_at is None else "disabled"
