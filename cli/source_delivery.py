"""Signs a delivery as a source's provider would, and posts it."""

from http import HTTPStatus
from typing import TYPE_CHECKING

import click
import msgspec

from cli.http import describe, is_near
from cli.source_records import now_ms
from ingest.sources.schemes.registry import scheme_of
from ingest.sources.secrets import context_of
from ingest.sources.webhook import Webhook
from shared.model.source import Source

if TYPE_CHECKING:
    from shared.source_ports import SecretBox

_TIMEOUT_SECONDS = 30.0
_DEFAULT_TYPE = (b"content-type", b"application/json")


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a delivery."""

    accepted: bool
    status: int
    detail: str


def read(path: str, headers: tuple[str, ...]) -> Webhook:
    """Return the unsigned delivery in a file; its type is JSON unless `headers` contain a Content-Type."""
    try:
        with click.open_file(path, "rb") as file:
            body: bytes = file.read()
    except OSError as error:
        raise click.ClickException(f"{path} can't be read: {error.strerror}") from None
    named = [_header(text) for text in headers]
    return Webhook(body, named if any(name == b"content-type" for name, _ in named) else [_DEFAULT_TYPE, *named])


async def signed(box: "SecretBox", source: Source, webhook: Webhook, url: str) -> Webhook:
    """Return `webhook` to `url`, signed with the source's newest secret."""
    if not url.startswith("http"):
        raise click.ClickException("The URL of the API is unknown: use --url or set PUBLIC_URL.")
    secrets = [await box.open(one.sealed, context_of(source)) for one in source.secrets[:1]]
    scheme = scheme_of(source.scheme, secrets, source.options)
    return scheme.sign(Webhook(webhook.body, webhook.headers, url=url), now_ms())


async def post(webhook: Webhook) -> Delivered:
    """Post a delivery, once."""
    import httpx  # noqa: PLC0415 (slow to load)

    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=not is_near(webhook.url)) as client:
        try:
            answer = await client.post(webhook.url, content=webhook.body, headers=list(webhook.headers))
        except httpx.HTTPError as error:
            # The URL is a secret.
            raise click.ClickException(f"The API can't be reached: {type(error).__name__}.") from None
    if answer.status_code == HTTPStatus.OK:
        return Delivered(accepted=True, status=answer.status_code, detail=answer.text or "accepted")
    return Delivered(
        accepted=False, status=answer.status_code, detail=describe(answer).removeprefix(f"{answer.status_code}: ")
    )


def _header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.ClickException(f"{text!r} is not a header such as 'X-GitHub-Event: push'.")
    return name.strip().lower().encode(), value.strip().encode()
