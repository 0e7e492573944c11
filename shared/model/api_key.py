"""API keys: `trg_<keyid>_<secret>`. The key id finds the record; of the secret only a bcrypt hash is kept."""

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
"""Of whoever runs the deployment: it shows the queues and the dead letters of all tenants, and redrives those."""
DEFAULT_SCOPES = (EVENTS_WRITE, INBOX_READ, INBOX_ACK)
SCOPES = (*DEFAULT_SCOPES, OPERATE)

DEFAULT_RATE = 1000
"""Events a second."""
DEFAULT_BURST = 2000
"""Events at once."""

MAX_TENANT_LENGTH = 64
MAX_TYPES = 50
"""Of one key; each request is held against them."""

_KEY_ID_BYTES = 10
_SECRET_BYTES = 32
# Lowercase base32, so that a key id can be read out loud and holds no `_`. bcrypt refuses more than 72 bytes.
_TOKEN = re.compile(r"trg_([a-z2-7]{4,32})_([A-Za-z0-9_-]{16,72})")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the key table holds of a key, and whom a request comes from.

    `types` are the event types it may send and read, all if empty. `rate` is events a second, `burst` events at
    once. Times are epoch milliseconds; `last_used_at` may lag an hour behind.
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
        """Tell whether this key may send or read events of `event_type`."""
        return matches_any(self.types, event_type)

    def lapsed(self, now_ms: int) -> str | None:
        """Return why the key no longer works at `now_ms`, None if it does."""
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
    bcrypt_cost: int = 10,
) -> tuple[ApiKey, str]:
    """Make a key; return its record and its plaintext, which is nowhere else. Blocks for 70 ms and up (bcrypt).

    Raises `InvalidRequest` with every fault of the arguments.
    """
    faults = [*_tenant_faults(tenant), *_grant_faults(scopes, types), *_limit_faults(rate, burst, expires_at, now_ms)]
    if not 1 <= len(name) <= MAX_TENANT_LENGTH or not name.isprintable():
        faults.append(Fault(detail="A name has 1..64 printable characters.", pointer="/name"))
    if faults:
        raise InvalidRequest("The API key can't be made.", faults)
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


def rotate(old: ApiKey, *, now_ms: int, bcrypt_cost: int = 10) -> tuple[ApiKey, str]:
    """Make a key with the tenant, name, grants and limits of `old`, that lasts as long as `old` was made to.

    Raises `InvalidRequest` if `old` no longer works: a key that was taken away is not to come back.
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
    """Return the key id and the secret of `token`, None if it has not the form of a key."""
    match = _TOKEN.fullmatch(token)
    return (match[1], match[2].encode()) if match else None


def in_order(keys: Iterable[ApiKey], tenant: str | None) -> list[ApiKey]:
    """Return one tenant's keys, or all, oldest first."""
    return sorted((key for key in keys if tenant in (None, key.tenant)), key=lambda key: (key.created_at, key.key_id))


def key_taken(key: ApiKey) -> ValueError:
    """Return the error of a key whose id is taken."""
    return ValueError(f"there is a key {key.key_id} already")


def unknown_key(key_id: str) -> NotFound:
    """Return the error of a key id that no key has."""
    return NotFound(f"There is no key {key_id}.")


def _tenant_faults(tenant: str) -> list[Fault]:
    # Any characters that print, also `#`, `/` and `%`: the store escapes them.
    if 1 <= len(tenant) <= MAX_TENANT_LENGTH and tenant.isprintable():
        return []
    return [Fault(detail="A tenant has 1..64 printable characters.", pointer="/tenant")]


def _grant_faults(scopes: Sequence[str], types: Sequence[str]) -> list[Fault]:
    faults = [
        Fault(detail=f"{scope!r} is no scope; there are {', '.join(SCOPES)}.", pointer=f"/scopes/{index}")
        for index, scope in enumerate(scopes)
        if scope not in SCOPES
    ]
    if not scopes:
        faults.append(Fault(detail="A key needs at least one scope.", pointer="/scopes"))
    if len(types) > MAX_TYPES:
        faults.append(Fault(detail=f"A key has at most {MAX_TYPES} event types.", pointer="/types"))
    faults += [
        Fault(detail=f"{pattern!r} is neither an event type nor one with `.*` behind.", pointer=f"/types/{index}")
        for index, pattern in enumerate(types)
        if not TYPE_PATTERN.fullmatch(pattern)
    ]
    return faults


def _limit_faults(rate: int, burst: int, expires_at: int | None, now_ms: int) -> list[Fault]:
    faults = []
    if rate < 1:
        faults.append(Fault(detail="A rate is at least one event a second.", pointer="/rate"))
    if burst < 1:
        faults.append(Fault(detail="A burst is at least one event.", pointer="/burst"))
    if expires_at is not None and expires_at <= now_ms:
        faults.append(Fault(detail="The time of expiry has passed.", pointer="/expires_at"))
    return faults
