"""How long and how often to measure."""

import msgspec

from bench.builds import Stage


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The stage and durations of a run."""

    stage: Stage
    quick: bool

    @property
    def rounds(self) -> int:
        """How often each side is measured; odd, so that the median is a measured value."""
        return 1 if self.quick else 5

    @property
    def seconds(self) -> float:
        """How long each measurement takes."""
        return 0.4 if self.quick else 4.0

    @property
    def warm_seconds(self) -> float:
        """How long a side runs before it is measured."""
        return 0.2 if self.quick else 1.0
