"""API keys: `trg_<keyid>_<secret>`. The key id identifies the record; only a bcrypt hash of the secret is stored."""

import re
import secrets
from collections.abc import Iterable, Sequence

import bcrypt
import msgspec

from shared.model.errors import Fault, InvalidRequest, NotFound
from shared.model.type_pattern import TYPE_PATTERN, matches_any

EVENTS_WRITE = "events:write"
INBOX_READ = "inbox:read"
INBOX_ACK = "inbox:ack"
OPERATE = "operate"
"""For operators of the deployment: shows the queues and dead letters of all tenants, and redrives dead letters."""
DLQ_ADMIN = "dlq:admin"
"""For operators: opens dead letters, which shows the payloads of all tenants, and drops them."""
DEFAULT_SCOPES = (EVENTS_WRITE, INBOX_READ, INBOX_ACK)
SCOPES = (*DEFAULT_SCOPES, OPERATE, DLQ_ADMIN)

DEFAULT_RATE = 1000
"""Events per second."""
DEFAULT_BURST = 2000
"""Events at once."""

MAX_TENANT_LENGTH = 64
MAX_TYPES = 50
"""Per key; bounded because every request is checked against them."""

_KEY_ID_BYTES = 10
_SECRET_BYTES = 32
# Key ids are lowercase base32, so they can be dictated and contain no `_`. bcrypt refuses more than 72 bytes.
_TOKEN = re.compile(r"trg_([a-z2-7]{4,32})_([A-Za-z0-9_-]{16,72})")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a key in the key table, which identifies the sender of a request.

    `types` are the event types that the key may send and read, all if empty. `rate` is in events per second, `burst` in
    events at once. Times are epoch milliseconds; `last_used_at` may lag by an hour.
    """

    key_id: str
    tenant: str
    name: str
    scopes: tuple[str, ...]
    types: tuple[str, ...] = ()
    secret_hash: str
    rate: int = DEFAULT_RATE
    burst: int = DEFAULT_BURST
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None

    def may(self, event_type: str) -> bool:
        """Return whether this key may send and read events of `event_type`."""
        return matches_any(self.types, event_type)

    def lapsed(self, now_ms: int) -> str | None:
        """Return the reason why the key is invalid at `now_ms`, None if it is valid."""
        if self.revoked_at is not None:
            return "The API key was revoked."
        if self.expires_at is not None and now_ms >= self.expires_at:
            return "The API key has expired."
        return None


def create(
    *,
    tenant: str,
    name: str,
    scopes: Sequence[str],
    now_ms: int,
    types: Sequence[str] = (),
    rate: int = DEFAULT_RATE,
    burst: int = DEFAULT_BURST,
    expires_at: int | None = None,
    bcrypt_cost: int = 4,
) -> tuple[ApiKey, str]:
    """Create a key; return its record and its plaintext, which is not stored.

    The secret has 256 random bits, which can't be guessed however fast the hash is: `bcrypt_cost` is low, so that the
    first use of a key takes a process 1 ms instead of 50 (cost 10).

    Raises `InvalidRequest` with every fault of the arguments.
    """
    faults = [*_tenant_faults(tenant), *_grant_faults(scopes, types), *_limit_faults(rate, burst, expires_at, now_ms)]
    if not 1 <= len(name) <= MAX_TENANT_LENGTH or not name.isprintable():
        faults.append(Fault(detail="A name must have 1 to 64 printable characters.", pointer="/name"))
    if faults:
        raise InvalidRequest("The API key can't be created.", faults)
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(_KEY_ID_BYTES))
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    key = ApiKey(
        key_id=key_id,
        tenant=tenant,
        name=name,
        scopes=tuple(scopes),
        types=tuple(types),
        secret_hash=bcrypt.hashpw(secret.encode(), bcrypt.gensalt(bcrypt_cost)).decode(),
        rate=rate,
        burst=burst,
        created_at=now_ms,
        expires_at=expires_at,
    )
    return key, f"trg_{key_id}_{secret}"


def rotate(old: ApiKey, *, now_ms: int, bcrypt_cost: int = 4) -> tuple[ApiKey, str]:
    """Create a key with the tenant, name, grants, limits and lifetime of `old`.

    Raises `InvalidRequest` if `old` is revoked or expired: rotating must not restore access.
    """
    if reason := old.lapsed(now_ms):
        raise InvalidRequest("The API key can't be rotated.", [Fault(detail=reason)])
    return create(
        tenant=old.tenant,
        name=old.name,
        scopes=old.scopes,
        types=old.types,
        now_ms=now_ms,
        rate=old.rate,
        burst=old.burst,
        expires_at=None if old.expires_at is None else now_ms + old.expires_at - old.created_at,
        bcrypt_cost=bcrypt_cost,
    )


def parse(token: str) -> tuple[str, bytes] | None:
    """Return the key id and the secret in `token`, None if it does not have the format of a key."""
    match = _TOKEN.fullmatch(token)
    return (match[1], match[2].encode()) if match else None


def in_order(keys: Iterable[ApiKey], tenant: str | None) -> list[ApiKey]:
    """Return the keys of `tenant`, or all if it is None, oldest first."""
    return sorted((key for key in keys if tenant in (None, key.tenant)), key=lambda key: (key.created_at, key.key_id))


def key_taken(key: ApiKey) -> ValueError:
    """Return the error for a key id that is already in use."""
    return ValueError(f"key {key.key_id} already exists")


def unknown_key(key_id: str) -> NotFound:
    """Return the error for a key id that does not exist."""
    return NotFound(f"Unknown key {key_id}.")


def _tenant_faults(tenant: str) -> list[Fault]:
    # Any printable characters, including `#`, `/` and `%`: the store escapes them.
    if 1 <= len(tenant) <= MAX_TENANT_LENGTH and tenant.isprintable():
        return []
    return [Fault(detail="A tenant must have 1 to 64 printable characters.", pointer="/tenant")]


def _grant_faults(scopes: Sequence[str], types: Sequence[str]) -> list[Fault]:
    faults = [
        Fault(detail=f"Unknown scope {scope!r}. Known scopes: {', '.join(SCOPES)}.", pointer=f"/scopes/{index}")
        for index, scope in enumerate(scopes)
        if scope not in SCOPES
    ]
    if not scopes:
        faults.append(Fault(detail="A key needs at least one scope.", pointer="/scopes"))
    if len(types) > MAX_TYPES:
        faults.append(Fault(detail=f"A key may have at most {MAX_TYPES} event types.", pointer="/types"))
    faults += [
        Fault(detail=f"{pattern!r} is neither an event type nor a prefix followed by `.*`.", pointer=f"/types/{index}")
        for index, pattern in enumerate(types)
        if not TYPE_PATTERN.fullmatch(pattern)
    ]
    return faults


def _limit_faults(rate: int, burst: int, expires_at: int | None, now_ms: int) -> list[Fault]:
    faults = []
    if rate < 1:
        faults.append(Fault(detail="The rate must be at least one event per second.", pointer="/rate"))
    if burst < 1:
        faults.append(Fault(detail="The burst must be at least one event.", pointer="/burst"))
    if expires_at is not None and expires_at <= now_ms:
        faults.append(Fault(detail="The expiry time is in the past.", pointer="/expires_at"))
    return faults
