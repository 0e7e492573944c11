"""Which keys may use groups: those that may read and ack, and whose types cover those of the group."""

from litestar.types import Scope

from shared.model.api_key import INBOX_ACK, INBOX_READ, ApiKey
from shared.model.errors import Forbidden
from shared.model.groups import GroupConfig
from shared.model.type_pattern import matches_any
from shared.web.auth import access_of


async def admit(scope: Scope, *, acks: bool = True) -> ApiKey:
    """Authenticate a request that reads and, with `acks`, also acks; charge it one and return its key.

    Raises what `Access.authenticate` and `Access.charge` do.
    """
    access = access_of(scope)
    key = await access.authenticate(scope, INBOX_READ)
    await access.charge(scope, key, 1)
    if acks and INBOX_ACK not in key.scopes:
        raise Forbidden(f"The API key lacks the scope {INBOX_ACK}.")
    return key


def covers(key: ApiKey, config: GroupConfig) -> bool:
    """Return whether `key` may read all event types of a group."""
    return all(matches_any(key.types, pattern) for pattern in config.types or ("*",))


def check_types(key: ApiKey, config: GroupConfig) -> None:
    """Raise `Forbidden` if a group has events that `key` may not read: it would keep them from other members."""
    if not covers(key, config):
        raise Forbidden("The API key may not read all event types of the group.")
