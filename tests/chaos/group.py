"""What the members of the group have logged: which events were in which lease, from when until when."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import msgspec

from tests.chaos.member import Step

_decoder = msgspec.json.Decoder(Step)


class Held(msgspec.Struct, kw_only=True):
    """One event in one lease, from `start` to `end`, in seconds: its end, or when its member began to end it."""

    lease: str
    start: float
    end: float


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """What a group has done. `overlaps` names events that were in two live leases."""

    leases: int = 0
    lost: int = 0
    handled: Counter[str] = Counter()
    overlaps: Sequence[str] = ()

    @property
    def twice(self) -> int:
        """The number of events that were handled more than once."""
        return sum(times > 1 for times in self.handled.values())


def handling_in(logs: Iterable[Path]) -> Handling:
    """Return what the members have done whose logs these are; a line may be cut off by a kill."""
    held: defaultdict[str, list[Held]] = defaultdict(list)
    handled: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for log in logs:
        leases: dict[str, dict[str, Held]] = {}
        for step in _steps(log):
            counts[step.what] += 1
            if step.what == "leased":
                until = datetime.fromisoformat(step.until).timestamp()
                leases[step.lease] = {at: Held(lease=step.lease, start=step.at, end=until) for at in step.positions}
                for at, one in leases[step.lease].items():
                    held[at].append(one)
            elif step.what == "handled":
                handled.update(step.positions)
            elif step.what == "extended":
                _extend(leases[step.lease].values(), datetime.fromisoformat(step.until).timestamp(), step.at)
            elif step.what == "ending":
                for at in step.positions:
                    leases[step.lease][at].end = min(leases[step.lease][at].end, step.at)
    return Handling(leases=counts["leased"], lost=counts["lost"], handled=handled, overlaps=list(_overlaps(held)))


def _steps(log: Path) -> Iterator[Step]:
    for line in log.read_bytes().splitlines():
        if line.endswith(b"}"):
            yield _decoder.decode(line)


def _extend(held: Iterable[Held], until: float, now: float) -> None:
    for one in held:
        if one.end > now:
            one.end = until


def _overlaps(held: dict[str, list[Held]]) -> Iterator[str]:
    for position, times in held.items():
        for early, late in pairwise(sorted(times, key=lambda one: one.start)):
            if late.start < early.end:
                yield f"{position}: in {early.lease} until {early.end:.3f}, in {late.lease} from {late.start:.3f}"
