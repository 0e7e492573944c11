"""The layout: in how many shards each inbox is stored, over time.

An inbox has one shard unless the layout lists it, with its *epochs*: times and the number of shards from then on. The
time of a position decides its epoch, and thereby its shard, which never changes. So a range is read in as many shards
as the largest epoch that it touches has, and a record at one position is found by its own epoch.

All processes must agree on the epoch of a position before an event is stored there. So a change takes effect a minute
after it was written, and no copy of the layout is used that is older than 45 s (`docs/protocol.md`).
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from shared.clock import Clock
from shared.model.position import shard_of, time_of
from shared.model.records import Place

MAX_SHARDS = 64

MAX_BYTES = 350_000
"""Of an encoded layout: some 3,500 inboxes that have more than one shard. DynamoDB's limit is 400 KB."""


class Timing(NamedTuple):
    """What keeps the copies of a layout consistent, in ms. A change may take `lead_ms - max_age_ms` to be written."""

    refresh_ms: int = 15_000  # the age from which a copy that is used is renewed
    max_age_ms: int = 45_000  # a copy is not used longer, nor for positions later than this after its reading
    lead_ms: int = 60_000  # between a change and its effect, beside the clock skew


class InboxName(NamedTuple):
    """An inbox of a tenant."""

    tenant: str
    inbox: str


class Epoch(NamedTuple):
    """The number of shards of an inbox from a time on, in epoch ms: a power of two, so that all get equal shares."""

    from_ms: int
    shards: int


class Sharding(msgspec.Struct, frozen=True, array_like=True):
    """The epochs of an inbox, in order, and when a worker last reported it as busy. Before the first: one shard."""

    epochs: tuple[Epoch, ...]
    busy_ms: int = 0

    def at(self, time_ms: int) -> Epoch:
        """Return the epoch of positions minted at `time_ms`."""
        index = self._index(time_ms)
        return self.epochs[index] if index >= 0 else Epoch(0, 1)

    def most(self, first_ms: int, last_ms: int) -> int:
        """Return the largest number of shards of any epoch between two times, both inclusive."""
        touched = self.epochs[max(0, self._index(first_ms)) : self._index(last_ms) + 1]
        return max((epoch.shards for epoch in touched), default=1)

    def _index(self, time_ms: int) -> int:
        return bisect_right(self.epochs, time_ms, key=lambda epoch: epoch.from_ms) - 1


class Layout(msgspec.Struct, frozen=True):
    """The sharding of all inboxes that have, or had, more than one shard.

    `version` increases with every change. Epochs are kept for `kept_ms` after their end, the longest time for which any
    worker so far keeps what it stores.
    """

    version: int = 0
    kept_ms: int = 0
    inboxes: Mapping[InboxName, Sharding] = {}

    def shards_at(self, inbox: InboxName, time_ms: int) -> int:
        """Return the number of shards of `inbox` for positions minted at `time_ms`."""
        sharding = self.inboxes.get(inbox)
        return 1 if sharding is None else sharding.at(time_ms).shards

    def shard_of(self, place: Place) -> int:
        """Return the shard that holds what lies at `place`."""
        sharding = self.inboxes.get(InboxName(place.tenant, place.inbox))
        if sharding is None:
            return 0
        return shard_of(place.position, sharding.at(time_of(place.position)).shards)

    def shards_between(self, inbox: Place, before: str) -> int:
        """Return in how many shards to read the range from the position of `inbox` to `before`."""
        sharding = self.inboxes.get(InboxName(inbox.tenant, inbox.inbox))
        if sharding is None:
            return 1
        first_ms = time_of(inbox.position) if inbox.position else 0  # "": from the beginning
        return sharding.most(first_ms, time_of(before))

    def scaled(self, inbox: InboxName, shards: int, effect_ms: int) -> "Layout":
        """Return the layout in which `inbox` has `shards` shards from `effect_ms` on, or later if a change is ahead."""
        sharding = self.inboxes.get(inbox, Sharding(()))
        last = sharding.epochs[-1] if sharding.epochs else Epoch(0, 1)
        if last.shards == shards:
            return self
        epoch = Epoch(max(effect_ms, last.from_ms + 1), shards)
        return self._with({inbox: replace(sharding, epochs=(*sharding.epochs, epoch))})

    def busy(self, inboxes: Iterable[InboxName], now_ms: int) -> "Layout":
        """Return the layout that reports `inboxes` as busy; those that it does not list are left out."""
        listed = {inbox: self.inboxes[inbox] for inbox in inboxes if inbox in self.inboxes}
        return self._with({inbox: replace(sharding, busy_ms=now_ms) for inbox, sharding in listed.items()})

    def quiet(self, quiet_ms: int, now_ms: int) -> list[InboxName]:
        """Return the inboxes with several shards that have neither been busy nor changed for `quiet_ms`."""
        return [
            inbox
            for inbox, sharding in self.inboxes.items()
            if sharding.epochs[-1].shards > 1
            and now_ms - max(sharding.busy_ms, sharding.epochs[-1].from_ms) >= quiet_ms
        ]

    def pruned(self, kept_ms: int, now_ms: int) -> "Layout":
        """Return the layout without the epochs that ended so long ago that nothing of them is left."""
        if not self.inboxes:
            return self
        kept_ms = max(kept_ms, self.kept_ms)
        left: dict[InboxName, Sharding] = {}
        for inbox, sharding in self.inboxes.items():
            epochs = sharding.epochs[max(0, sharding._index(now_ms - kept_ms)) :]  # noqa: SLF001 (its own module)
            if len(epochs) > 1 or epochs[0].shards > 1 or epochs[0].from_ms > now_ms - kept_ms:
                left[inbox] = replace(sharding, epochs=epochs)
        return replace(self, kept_ms=kept_ms, inboxes=left)

    def _with(self, shardings: Mapping[InboxName, Sharding]) -> "Layout":
        return replace(self, inboxes={**self.inboxes, **shardings}) if shardings else self


class Copy(NamedTuple):
    """A layout as a process has read it. The times are from before the reading, `table_ms` is that of the table."""

    layout: Layout
    read_ms: int  # by the monotonic clock
    wall_ms: int
    table_ms: int

    def age_ms(self, clock: Clock) -> int:
        """Return the age of the copy: a wall clock may be set back, a monotonic one stops while a machine sleeps."""
        return max(clock.monotonic_ms() - self.read_ms, clock.wall_ms() - self.wall_ms)

    def covers(self, time_ms: int, timing: Timing) -> bool:
        """Return whether the copy has every epoch that begins up to `time_ms`, however old it is."""
        return time_ms <= self.table_ms + timing.max_age_ms


class _Encoded(msgspec.Struct, array_like=True):
    kept_ms: int
    inboxes: list[tuple[str, str, Sharding]]


_decoder = msgspec.json.Decoder(_Encoded)


def encode(layout: Layout) -> bytes:
    """Return the layout as JSON, without its version."""
    inboxes = [(*inbox, sharding) for inbox, sharding in sorted(layout.inboxes.items())]
    return msgspec.json.encode(_Encoded(layout.kept_ms, inboxes))


def decode(version: int, encoded: bytes | str) -> Layout:
    """Return the layout of `encode`'s result; raise `msgspec.DecodeError` if it is none."""
    content = _decoder.decode(encoded)
    inboxes = {InboxName(tenant, inbox): sharding for tenant, inbox, sharding in content.inboxes}
    return Layout(version, content.kept_ms, inboxes)
