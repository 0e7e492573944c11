"""A member of the group `chaos`, as a process that is killed: leases, handles and acks events of all inboxes.

`python -m tests.chaos.member LOG INBOX...`. Each step is a line of its log, written before its effect could show.
"""

import os
import random
import sys
import time
from collections.abc import Sequence

import msgspec
from triggers_client import Client, Lease, LeaseLost

GROUP = "chaos"
SECONDS = 3
"""How long a lease lasts: short, since the leases of killed members have to run out."""

_LIMIT = 20
_NEAR_SHARE = 0.8
_IDLE_SECONDS = 0.05


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a log. `at` is in seconds of the machine's clock.

    `leased` has the positions and the end; before the events at some positions end, there is `handled` or `released`.
    """

    what: str
    at: float
    lease: str
    positions: Sequence[str] = ()
    until: str = ""


class Log:
    """Appends lines that survive the process."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, what: str, lease: Lease, positions: Sequence[str] = ()) -> None:
        """Append one step."""
        until = lease.until if what in ("leased", "extended") else ""
        step = Step(what=what, at=time.time(), lease=lease.id, positions=positions, until=until)
        os.write(self._file, msgspec.json.encode(step) + b"\n")


def main(arguments: Sequence[str]) -> None:
    """Handle events until killed."""
    path, *inboxes = arguments
    log, rng, near = Log(path), random.Random(os.getpid()), 0  # noqa: S311 (kills make the run unrepeatable anyway)
    with Client.from_environment(attempts=None) as client:
        while True:
            # Inboxes fill one after another, so the next events are mostly close to the last ones.
            index = near + rng.randint(-1, 1) if rng.random() < _NEAR_SHARE else rng.randrange(len(inboxes))
            index = min(max(index, 0), len(inboxes) - 1)
            lease = client.lease(GROUP, inboxes[index], limit=rng.randint(1, _LIMIT), seconds=SECONDS)
            if lease is None:
                time.sleep(_IDLE_SECONDS * rng.random())
                continue
            near = index
            log.add("leased", lease, [event["position"] for event in lease.events])
            try:
                _handle(lease, log, rng)
            except LeaseLost:
                log.add("lost", lease)


def _handle(lease: Lease, log: Log, rng: random.Random) -> None:
    for event in lease.events:
        time.sleep(0.002 * rng.random())
        log.add("handled", lease, [event["position"]])
    match rng.choices(("ack", "parts", "release", "extend", "late"), (80, 8, 6, 3, 1))[0]:
        case "parts":
            for event in lease.events:
                log.add("ending", lease, [event["position"]])
                lease.ack([event])
            return
        case "release":
            some = rng.sample(lease.events, rng.randint(1, len(lease.events)))
            log.add("ending", lease, [event["position"] for event in some])
            lease.release(some, delay=0, reason="chaos")
            if len(some) == len(lease.events):
                return
        case "extend":
            lease.extend(SECONDS)
            log.add("extended", lease)
        case "late":
            time.sleep(SECONDS * rng.uniform(0.9, 1.5))
    log.add("ending", lease, [event["position"] for event in lease.events])
    lease.ack()


if __name__ == "__main__":
    main(sys.argv[1:])
