"""The size of a run."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from tests.chaos import plan as chaos

_Positive = Annotated[int, Meta(ge=1)]
_REST_SECONDS = 300  # for the backlog after the last post
_OUTSTANDING = 5_000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run: `rate` events a second for `seconds`, or longer if the stack can't take them so fast."""

    seconds: _Positive = 600
    producers: _Positive = 100
    pollers: Annotated[int, Meta(ge=2)] = 50
    rate: Annotated[float, Meta(gt=0)] = 50
    seed: int = 0

    @property
    def events(self) -> int:
        """The number of posted events."""
        return math.ceil(self.seconds * self.rate)

    @property
    def deadline_seconds(self) -> int:
        """The time after which an unfinished run has failed."""
        return 3 * self.seconds + _REST_SECONDS

    @property
    def load(self) -> chaos.Plan:
        """The same for the producers."""
        return chaos.Plan(events=self.events, producers=self.producers, outstanding=_OUTSTANDING)
