"""What a member asks for, and what it is given."""

from collections.abc import Sequence

import msgspec

from shared.model.groups import GroupConfig, GroupName, Ledger

LAPSED = "The lease ran out."
"""The reason of a retry whose member did not give one."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to lease up to `limit` events until `until_ms`, with the ledger read at its beginning."""

    group: GroupName
    ledger: Ledger
    limit: int
    now_ms: int
    until_ms: int

    @property
    def config(self) -> GroupConfig:
        """The configuration of the group."""
        return self.ledger.config


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Events that are a member's until `until_ms`, as finished JSON objects. `key` names the window."""

    key: str
    until_ms: int
    attempt: int
    events: Sequence[bytes]
    more: bool
