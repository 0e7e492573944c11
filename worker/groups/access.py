"""Which keys may use groups: those that may read and ack, and whose types cover those of the group."""

from litestar.types import Scope

from shared.model.api_key import INBOX_ACK, INBOX_READ, ApiKey
from shared.model.errors import Forbidden
from shared.model.groups import GroupConfig
from shared.model.type_pattern import matches_any
from shared.web.auth import access_of
from shared.web.context import context_of


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


async def charge_more(scope: Scope, key: ApiKey, cost: int) -> None:
    """Charge an admitted request `cost` in addition; its response states the limits after that."""
    context = context_of(scope)
    others = [header for header in context.response_headers if not header[0].startswith(b"ratelimit")]
    context.response_headers[:] = others
    await access_of(scope).charge(scope, key, cost)


def check_types(key: ApiKey, config: GroupConfig) -> None:
    """Raise `Forbidden` if a group has events that `key` may not read: it would keep them from other members."""
    if not all(matches_any(key.types, pattern) for pattern in config.types or ("*",)):
        raise Forbidden("The API key may not read all event types of the group.")
