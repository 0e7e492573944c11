"""What the producers know: which events were answered with 202, and every other answer counted."""

from collections import Counter

from tests.chaos.events import Identity


class Ledger:
    """Filled in by the producers, read by everybody else."""

    def __init__(self) -> None:
        self.accepted: set[Identity] = set()
        self.repeats = 0
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []

    def accept(self, identity: Identity) -> None:
        """Note one 202 for one event."""
        self.repeats += identity in self.accepted
        self.accepted.add(identity)
