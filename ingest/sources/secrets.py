"""Generates, checks and encrypts the signing secrets of a source."""

import base64
import secrets as random
from collections.abc import Mapping

from ingest.sources.schemes.registry import scheme_of
from ingest.sources.schemes.standard import PREFIX
from shared.model.errors import Fault, InvalidRequest
from shared.model.source import MAX_SECRET_BYTES, SealedSecret, Source
from shared.source_ports import SecretBox

_SECRET_BYTES = 32
_ID_BYTES = 4


def context_of(source: Source) -> Mapping[str, str]:
    """Return the encryption context of a source's secrets: a ciphertext copied to another source can't be decrypted."""
    return {"tenant": source.tenant, "source": source.source_id}


def new_secret(source: Source) -> bytes:
    """Return a secret of 256 random bits in the format of the source's scheme."""
    match source.scheme:
        case "standard" | "gitlab":
            return PREFIX.encode() + base64.b64encode(random.token_bytes(_SECRET_BYTES))
        case "basic":
            return f"{source.name}:{random.token_urlsafe(_SECRET_BYTES)}".encode()
        case _:
            return random.token_urlsafe(_SECRET_BYTES).encode()


async def seal(box: SecretBox, source: Source, secret: bytes, now_ms: int) -> SealedSecret:
    """Return `secret` encrypted for `source`.

    Raises `InvalidRequest` if the scheme can't use it; the error does not contain the secret.
    """
    _check(source, secret)
    return SealedSecret(
        secret_id=random.token_hex(_ID_BYTES), sealed=await box.seal(secret, context_of(source)), created_at=now_ms
    )


def _check(source: Source, secret: bytes) -> None:
    detail = None
    if source.scheme == "none":
        detail = "The scheme none has no signing secret."
    elif not 1 <= len(secret) <= MAX_SECRET_BYTES:
        detail = f"A signing secret must have 1 to {MAX_SECRET_BYTES:,} bytes."
    elif source.scheme == "basic" and b":" not in secret:
        detail = "The secret of the scheme basic must be user:password."
    elif source.scheme in ("header", "gitlab") and not _is_header_value(secret):
        detail = "A secret that is sent in a header may contain only printable ASCII characters without spaces."
    if detail:
        raise InvalidRequest("The signing secret is invalid.", [Fault(detail=detail)])
    scheme_of(source.scheme, [secret], source.options)


def _is_header_value(secret: bytes) -> bool:
    return all(0x20 < byte < 0x7F for byte in secret)  # noqa: PLR2004 - printable ASCII
