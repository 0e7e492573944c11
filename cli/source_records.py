"""Shared by the commands on sources: opening the store, and creating secrets and URLs."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from msgspec.structs import replace

from cli.http import dev_json, url_checked
from cli.local.data_option import DATA
from ingest.sources.secrets import context_of, new_secret, seal
from shared import settings
from shared.backend import connect
from shared.clock import SystemClock
from shared.model.errors import NotFound
from shared.model.source import MAX_SECRET_BYTES, Source

if TYPE_CHECKING:
    from shared.source_ports import SecretBox, SourceStore

_DEV_DIRECTORY = Path(".triggers")


class Opened(NamedTuple):
    """The sources of a deployment, and the encryption of their secrets."""

    store: "SourceStore"
    box: "SecretBox"


@asynccontextmanager
async def opened() -> AsyncIterator[Opened]:
    """Open the sources that the settings name."""
    async with aclosing(connect(settings.load(os.environ), SystemClock())) as backend:
        yield Opened(await backend.sources(), await backend.secret_box())


async def find(store: "SourceStore", name: str, tenant: str | None) -> Source:
    """Return the source of this name; raise `NotFound` if there is none, or several and no `tenant` is given."""
    found = [source for source in await store.sources_of(tenant) if source.name == name]
    if len(found) > 1:
        raise NotFound(f"{len(found)} tenants have a source {name}: use --tenant.")
    if not found:
        raise NotFound(f"No source {name}.")
    return found[0]


async def with_secret(box: "SecretBox", source: Source, given: bytes | None) -> tuple[Source, str | None]:
    """Return `source` with another signing secret, and that secret unless it was `given`."""
    from shared.model import source as sources  # noqa: PLC0415 (the module of that name)

    if source.scheme == "none" and given is None:
        return source, None
    secret = new_secret(source) if given is None else given
    changed = sources.with_secret(source, await seal(box, source, secret, now_ms()))
    return changed, secret.decode() if given is None else None


async def with_token(box: "SecretBox", source: Source, token: str) -> Source:
    """Return `source` with the token of its URL, encrypted."""
    return replace(source, sealed_token=await box.seal(token.encode(), context_of(source)))


async def token_of(box: "SecretBox", source: Source) -> str:
    """Return the token of the source's URL."""
    return (await box.open(source.sealed_token, context_of(source))).decode()


def read_secret(path: str | None) -> bytes | None:
    """Return the secret in a file (`-`: standard input) without its final line break."""
    if path is None:
        return None
    try:
        with click.open_file(path, "rb") as file:
            content: bytes = file.read(2 * MAX_SECRET_BYTES)
    except OSError as error:
        raise click.ClickException(f"{path} can't be read: {error.strerror}") from None
    return content.removesuffix(b"\n").removesuffix(b"\r")


def url_of(base: str | None, token: str) -> str:
    """Return the URL of a source at `base`, PUBLIC_URL or the server on this machine; without these, its path."""
    base = base or settings.load(os.environ).public_url or _local_url()
    if base is None:
        click.echo("The URL of the API is unknown: set PUBLIC_URL or use --url to get a complete URL.", err=True)
        return f"/v1/in/{token}"
    return f"{url_checked(base)}/v1/in/{token}"


def _local_url() -> str | None:
    directory: Path = click.get_current_context().find_root().meta.get(DATA) or _DEV_DIRECTORY
    path = directory / "dev.json"
    return dev_json(path).url if path.exists() else None


def now_ms() -> int:
    """Return the time in epoch milliseconds."""
    return time.time_ns() // 1_000_000
