"""What members were given and have done with it, checked while it happens. Times are true milliseconds."""

from collections import Counter
from collections.abc import Iterable

import msgspec


class Grant(msgspec.Struct, kw_only=True, eq=False):
    """A lease as its member knows it.

    `live` are the positions that it has neither acked nor released, `left` those of which it knows no end.
    """

    token: str
    positions: frozenset[str]
    live: set[str]
    left: set[str]
    until: int
    seeks: int  # before the lease: an ack that took effect before a seek may be answered after it
    during_seek: bool
    pardons: int = 0  # before its last release: the same applies to its delay, and to releases from quarantine


class History:
    """One run of one group."""

    def __init__(self, *, late: bool) -> None:
        # Calls may take effect late, so that a row that is gone comes back.
        self._is_loose = late
        self._seeks = 0
        self._pardons = 0  # releases from quarantine
        self.violations: list[str] = []
        self.admitted: Counter[str] = Counter()
        self.acked: set[str] = set()  # by a call that may have taken effect
        self._acked_anew: set[str] = set()  # while a seek took effect, and by leases since it began
        self.is_seeking = False
        self.skipped_to = ""  # by a seek
        self.handed: Counter[str] = Counter()
        self._confirmed: set[str] = set()
        self._not_before: dict[str, int] = {}
        self._doubtful: set[str] = set()  # released by a call without an answer: leased once more
        self._grants: list[Grant] = []

    def grant(self, token: str, positions: Iterable[str], *, now: int, until: int, is_open: bool) -> Grant:
        """Record a lease, and check it. A seek may have ended it before its member learned of it (`is_open`)."""
        given = frozenset(positions)
        grant = Grant(
            token=token,
            positions=given,
            live=set(given) if is_open else set(),
            left=set(given),
            until=until,
            seeks=self._seeks,
            during_seek=self.is_seeking,
        )
        self._grants = [other for other in self._grants if other.until > now and other.live]
        for position in sorted(given):
            self.handed[position] += 1
            if not self.is_seeking and any(position in other.live for other in self._grants):
                self.violations.append(f"in two live leases: {position}")
            self._check(position, "leased before its delay", is_broken=now < self._not_before.get(position, 0))
            self._check(position, "leased after its ack", is_broken=position in self._confirmed)
        self._grants.append(grant)
        return grant

    def ack_sent(self, grant: Grant, positions: Iterable[str]) -> set[str]:
        """The member sends an ack; return the positions that no ack named before."""
        sent = set(positions)
        new = sent - self.acked
        grant.live -= sent
        self.acked |= sent
        if grant.during_seek:
            self._acked_anew |= sent
        return new

    def ack_refused(self, new: set[str]) -> None:
        """The lease of the ack had ended, so the ack had no effect."""
        self.acked -= new

    def ack_confirmed(self, grant: Grant, positions: Iterable[str]) -> None:
        """The ack was answered with success."""
        if grant.seeks == self._seeks:
            self._confirmed.update(positions)
        grant.left.difference_update(positions)

    def release_sent(self, grant: Grant, positions: Iterable[str]) -> None:
        """The member releases events; until that is confirmed, both may hold: the release and the lease."""
        sent = set(positions)
        grant.live -= sent
        grant.pardons = self._pardons
        self._doubtful |= sent

    def release_confirmed(
        self, grant: Grant, positions: Iterable[str], *, not_before: int, was_doubtful: set[str]
    ) -> None:
        """The release was answered with success."""
        grant.left.difference_update(positions)
        for position in positions:
            if position not in was_doubtful:
                self._doubtful.discard(position)
            if (grant.seeks, grant.pardons) == (self._seeks, self._pardons):
                self._not_before[position] = not_before

    def doubtful(self) -> set[str]:
        """Return the positions of releases without an answer."""
        return set(self._doubtful)

    def quarantine_released(self) -> None:
        """What was in quarantine may be leased at once, and after a seek in addition to what the seek leases."""
        self._pardons += 1
        self._not_before.clear()
        self._is_loose |= self._seeks > 0

    def seek(self, after: str) -> None:
        """Everything after a position is leased anew."""
        for grant in self._grants:
            grant.live.clear()
        self.acked = self._acked_anew | {position for position in self.acked if position <= after}
        self.skipped_to = after
        self._seeks += 1
        self._confirmed.clear()
        self._not_before.clear()

    def _check(self, position: str, what: str, *, is_broken: bool) -> None:
        if not is_broken or self.is_seeking:
            return
        if position in self._doubtful or self._is_loose:
            self.admitted[what] += 1
        else:
            self.violations.append(f"{what}: {position}")
