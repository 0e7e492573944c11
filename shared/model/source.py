"""Webhook sources. The last part of their URL is a token, `src_<id>_<secret>`.

The id finds the record. The secret has 256 random bits and is verified by its SHA-256. Signing secrets can't be hashed,
since signatures are computed with them: they are encrypted, as is a copy of the token.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from shared.model.errors import Fault, InvalidRequest, NotFound, Unavailable
from shared.model.event import DEFAULT_INBOX, INBOX_PATTERN
from shared.model.source_rules import Rules, rule_faults
from shared.model.source_scheme import HEADER, SchemeName, SchemeOptions, scheme_faults

DEFAULT_WINDOW_SECONDS = 7 * 86_400
"""Longer than any provider retries: Stripe does for three days."""
MAX_WINDOW_SECONDS = 30 * 86_400
MAX_SECRETS = 5
"""A rotation needs two; each delivery is checked with all."""
MAX_SECRET_BYTES = 1024
MAX_KEPT_HEADERS = 20

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""A name is part of the events' `source`, so it contains only characters that need no escaping in a URI."""

_MAX_TENANT_LENGTH = 64
_ID_LENGTH = 10
_SECRET_BYTES = 32
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_TOKEN = re.compile(r"src_([a-z2-7]{4,32})_([A-Za-z0-9_-]{43})")
_CREDENTIAL = re.compile(r"auth|cookie|signature|hmac|secret|token|passw|api-?key", re.IGNORECASE)


class SealedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """An encrypted signing secret. `secret_id` identifies it to operators; `created_at` is in epoch milliseconds."""

    secret_id: str
    sealed: bytes
    created_at: int

    def __repr__(self) -> str:
        """Omit the ciphertext."""
        return f"SealedSecret(secret_id={self.secret_id!r}, created_at={self.created_at})"


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of a source. `secrets` are ordered from newest to oldest. Times are epoch milliseconds.

    `sealed_token` is the encrypted token of the URL; ingest does not use it. `rules` and `keep_headers` add to the
    presets of the scheme. `version` increases with every change.
    """

    source_id: str
    tenant: str
    name: str
    inbox: str = DEFAULT_INBOX
    scheme: SchemeName
    options: SchemeOptions = SchemeOptions()
    rules: Rules = Rules()
    keep_headers: tuple[str, ...] = ()
    secrets: tuple[SealedSecret, ...] = ()
    window_seconds: int = DEFAULT_WINDOW_SECONDS
    url_hash: str
    sealed_token: bytes = b""
    created_at: int
    disabled_at: int | None = None
    version: int = 1

    @property
    def uri(self) -> str:
        """The `source` attribute of its events."""
        return f"/sources/{self.name}"

    def has_url_secret(self, secret: bytes) -> bool:
        """Return, in constant time, whether `secret` is the one in this source's URL."""
        return hmac.compare_digest(_hash(secret), self.url_hash)


def create(
    *,
    tenant: str,
    name: str,
    scheme: str,
    now_ms: int,
    inbox: str = DEFAULT_INBOX,
    options: SchemeOptions | None = None,
    rules: Rules | None = None,
    keep_headers: Sequence[str] = (),
    window_seconds: int = DEFAULT_WINDOW_SECONDS,
) -> tuple[Source, str]:
    """Return a new source without signing secrets, and the token of its URL, which the record does not contain.

    Raises `InvalidRequest` with every fault of the arguments.
    """
    options, rules = options or SchemeOptions(), rules or Rules()
    faults = [
        *_name_faults(tenant, name, inbox),
        *scheme_faults(scheme, options),
        *rule_faults(rules),
        *_header_faults(keep_headers),
    ]
    if not 1 <= window_seconds <= MAX_WINDOW_SECONDS:
        faults.append(
            Fault(detail=f"A window is 1 second to {MAX_WINDOW_SECONDS // 86_400} days.", pointer="/window_seconds")
        )
    if faults:
        raise InvalidRequest("The source can't be created.", faults)
    source_id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    source = Source(
        source_id=source_id,
        tenant=tenant,
        name=name,
        inbox=inbox,
        scheme=scheme,  # type: ignore[arg-type] # checked above
        options=options,
        rules=rules,
        keep_headers=tuple(header.lower() for header in keep_headers),
        window_seconds=window_seconds,
        url_hash="",
        created_at=now_ms,
    )
    return _with_new_url(source)


def with_secret(source: Source, secret: SealedSecret) -> Source:
    """Return `source` with one more signing secret, the newest; raise `InvalidRequest` if it has `MAX_SECRETS`."""
    if len(source.secrets) >= MAX_SECRETS:
        detail = f"A source has at most {MAX_SECRETS} signing secrets; remove one first."
        raise InvalidRequest("The signing secret can't be added.", [Fault(detail=detail)])
    return _changed(source, secrets=(secret, *source.secrets))


def without_secret(source: Source, secret_id: str) -> Source:
    """Return `source` without one of its signing secrets; raise `NotFound` if it has no such secret.

    Raises `InvalidRequest` for the last one: without a secret every delivery would be refused.
    """
    kept = tuple(secret for secret in source.secrets if secret.secret_id != secret_id)
    if len(kept) == len(source.secrets):
        raise NotFound(f"Source {source.name} has no signing secret {secret_id}.")
    if not kept:
        detail = "This is the only signing secret; add another first, or disable the source."
        raise InvalidRequest("The signing secret can't be removed.", [Fault(detail=detail)])
    return _changed(source, secrets=kept)


def with_newest_secret(source: Source) -> Source:
    """Return `source` with only its newest signing secret; unchanged if it has no other."""
    return source if len(source.secrets) <= 1 else _changed(source, secrets=source.secrets[:1])


def with_new_url(source: Source) -> tuple[Source, str]:
    """Return `source` with a new URL, and the token of that URL; the old one stops working."""
    return _with_new_url(_changed(source))


def disabled(source: Source, now_ms: int) -> Source:
    """Return `source` disabled; unchanged if it was."""
    return source if source.disabled_at is not None else _changed(source, disabled_at=now_ms)


def enabled(source: Source) -> Source:
    """Return `source` enabled; unchanged if it was."""
    return source if source.disabled_at is None else _changed(source, disabled_at=None)


def parse(token: str) -> tuple[str, bytes] | None:
    """Return the id and the secret in `token`, None if it is malformed."""
    match = _TOKEN.fullmatch(token)
    return (match[1], match[2].encode()) if match else None


def may_hold_credential(header: str) -> bool:
    """Return whether a header of this name may contain a credential."""
    return _CREDENTIAL.search(header) is not None


def in_order(sources: Iterable[Source], tenant: str | None) -> list[Source]:
    """Return one tenant's sources, or all, by tenant and name."""
    found = (source for source in sources if tenant in (None, source.tenant))
    return sorted(found, key=lambda source: (source.tenant, source.name))


def name_taken(source: Source) -> InvalidRequest:
    """Return the error for a name that the tenant has already used."""
    fault = Fault(detail=f"The tenant already has a source {source.name!r}.", pointer="/name")
    return InvalidRequest("The source can't be created.", [fault])


def unknown_source(name: str) -> NotFound:
    """Return the error for a name or id without a source."""
    return NotFound(f"No source {name}.")


def changed_meanwhile(source: Source) -> Unavailable:
    """Return the error for a change based on an old version of `source`."""
    return Unavailable(f"source {source.name} was changed concurrently; try again")


def _changed(source: Source, **changes: object) -> Source:
    return replace(source, version=source.version + 1, **changes)


def _with_new_url(source: Source) -> tuple[Source, str]:
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return replace(source, url_hash=_hash(secret.encode())), f"src_{source.source_id}_{secret}"


def _hash(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def _name_faults(tenant: str, name: str, inbox: str) -> list[Fault]:
    faults = []
    if not (1 <= len(tenant) <= _MAX_TENANT_LENGTH and tenant.isprintable()):
        faults.append(Fault(detail="A tenant has 1 to 64 printable characters.", pointer="/tenant"))
    form = "has 1 to 64 of a-z, 0-9, dot, hyphen and underscore, and starts with a letter or digit."
    if not NAME_PATTERN.fullmatch(name):
        faults.append(Fault(detail=f"A name {form}", pointer="/name"))
    if not INBOX_PATTERN.fullmatch(inbox):
        faults.append(Fault(detail=f"An inbox {form}", pointer="/inbox"))
    return faults


def _header_faults(headers: Sequence[str]) -> list[Fault]:
    faults = []
    if len(headers) > MAX_KEPT_HEADERS:
        faults.append(Fault(detail=f"A source can keep at most {MAX_KEPT_HEADERS} headers.", pointer="/keep_headers"))
    for index, header in enumerate(headers):
        if not HEADER.fullmatch(header):
            faults.append(Fault(detail=f"{header!r} is not a header name.", pointer=f"/keep_headers/{index}"))
        elif may_hold_credential(header):
            detail = f"{header} may contain a credential, which must not become part of an event."
            faults.append(Fault(detail=detail, pointer=f"/keep_headers/{index}"))
    return faults
