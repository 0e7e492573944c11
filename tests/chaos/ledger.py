"""The producers' record: which events were answered with 202, and a count of all other answers."""

from collections import Counter

from tests.chaos.events import Identity


class Ledger:
    """Written by the producers, read by all others."""

    def __init__(self) -> None:
        self.accepted: set[Identity] = set()
        self.repeats = 0
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []

    def accept(self, identity: Identity) -> None:
        """Record one 202 for one event."""
        self.repeats += identity in self.accepted
        self.accepted.add(identity)
