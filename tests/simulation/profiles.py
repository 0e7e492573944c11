"""The profiles: which kinds of faults a run has."""

import msgspec


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The kinds of faults in a run. Throttling, slow calls, outages and tight partitions are part of every profile."""

    name: str
    crashes: bool = False  # workers are killed
    lost: bool = False  # answers of the table and the queue are lost
    stalls: bool = False  # workers stall for seconds
    late: bool = False  # calls are cut off, and take effect seconds later
    deploys: bool = False  # workers are stopped and drain, also during long outages
    on_lambda: bool = False  # workers are Lambda functions, which time out and are frozen between invocations
    bucket: bool = False  # calls to the bucket fail, lose their answers and come late
    clocks: bool = False  # clocks are set and drift, and one cursor is read by processes with different clocks
    expiry: bool = False  # days pass; what has expired is deleted at once, or days later
    queries: bool = False  # queries stop early, and say so although nothing remains
    conflicts: bool = False  # writes are refused while a transaction changes the same item
    queue: bool = False  # receives lose their answers, deletes fail in part or are forgotten, messages are too old
    versions: bool = False  # older and newer processes run side by side
    refusals: bool = False  # the table refuses some events until a deploy
    clients: bool = False  # long polls, filters, counts, newest first, lookups

    @property
    def may_repeat(self) -> bool:
        """Whether a follower may see an event twice (docs/protocol.md)."""
        return self.lost or self.stalls or self.late

    @property
    def may_miss(self) -> bool:
        """Whether a follower may miss an event until it reads from the beginning."""
        return self.crashes and (self.stalls or self.late)

    @property
    def keeps_dlq_empty(self) -> bool:
        """Whether no message uses up its deliveries: nothing but deploys and outages interrupts the workers."""
        return (self.deploys or self.on_lambda) and not (self.crashes or self.stalls or self.late or self.queue)

    @property
    def switches(self) -> list[str]:
        """The names of its kinds of faults."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is True]


CALL_PROFILES = (
    Profile(name="crashes", crashes=True),
    Profile(name="crashes and lost answers", crashes=True, lost=True),
    Profile(name="stalls", lost=True, stalls=True),
    Profile(name="late calls", lost=True, late=True),
    Profile(name="all calls", crashes=True, lost=True, stalls=True, late=True),
)
"""Workers that fail, and calls that do."""

PROFILES = (
    *CALL_PROFILES,
    Profile(name="deploys", deploys=True),
    Profile(name="Lambda", on_lambda=True),
    Profile(name="bucket", bucket=True, crashes=True),
    Profile(name="clocks", clocks=True, clients=True),
    Profile(name="clocks, stalls and late calls", clocks=True, lost=True, stalls=True, late=True),
    Profile(name="expiry", expiry=True, clients=True),
    Profile(name="expiry and late calls", expiry=True, lost=True, late=True),
    Profile(name="queries", queries=True, clients=True),
    Profile(name="conflicts", conflicts=True, crashes=True),
    Profile(name="queue", queue=True, crashes=True),
    Profile(name="versions", versions=True, deploys=True, crashes=True, bucket=True),
    Profile(name="refusals", refusals=True, deploys=True, crashes=True),
    Profile(
        name="everything",
        crashes=True,
        lost=True,
        stalls=True,
        late=True,
        deploys=True,
        bucket=True,
        clocks=True,
        expiry=True,
        queries=True,
        conflicts=True,
        queue=True,
        versions=True,
        refusals=True,
        clients=True,
    ),
    Profile(
        name="everything on Lambda",
        on_lambda=True,
        crashes=True,
        lost=True,
        stalls=True,
        late=True,
        bucket=True,
        clocks=True,
        expiry=True,
        conflicts=True,
        queue=True,
        refusals=True,
    ),
)

_BY_NAME = {profile.name: profile for profile in PROFILES}


def profile_named(name: str) -> Profile:
    """Return a profile by its name; raise `KeyError` if there is none."""
    return _BY_NAME[name]
