"""Lease tokens: opaque to members, in the path of `POST /v1/leases/{lease}/ack`.

A token names the inbox, the group and the window, whose key is a secret of 72 random bits. The tenant is that of the
API key.
"""

import base64
import binascii
from typing import NamedTuple

import msgspec

from shared.model.errors import LeaseLost
from shared.model.groups import GroupName


class LeaseName(NamedTuple):
    """The group and the key of a window."""

    group: GroupName
    key: str


_decoder = msgspec.msgpack.Decoder(tuple[str, str, str])


def encode(name: LeaseName) -> str:
    """Return the token of a lease."""
    raw = msgspec.msgpack.encode((name.group.inbox, name.group.group, name.key))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(token: str, tenant: str) -> LeaseName:
    """Return what `token` names in `tenant`; raise `LeaseLost` if it is no token, which is no different from lost."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        inbox, group, key = _decoder.decode(raw)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise LeaseLost from None
    return LeaseName(GroupName(tenant, inbox, group), key)
