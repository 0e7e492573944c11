"""Sheds load: refuses posts early when more come than can be handled, for as long as refusing is all that can be done.

Two limits, for two ways to fall behind. The queue is slow: then requests under way pile up, and those past a fixed
number are refused. The process is slow: then the turns of its event loop grow long, each with all that came during the
one before, and clients wait outside where nobody counts them. So the posts that one turn may take are halved from
turn to turn while turns stay long, and grow again while they are short. A single long turn, of a machine that stood
still or a burst, refuses nobody.
"""

import asyncio

from shared.clock import Clock
from shared.model.errors import Unavailable
from shared.telemetry.catalog import Metrics

_LONG_TURN_MS = 500
_LEAST_A_TURN = 16


class LoadShedder:
    """Lets at most `most` posts be under way, and fewer begin in a turn while turns are long."""

    def __init__(self, clock: Clock, metrics: Metrics, most: int) -> None:
        self._clock = clock
        self._most = most
        self._under_way = 0
        self._a_turn = most
        self._posts = 0  # in this turn
        self._began_ms = 0
        self._was_long = False
        self._past_most = metrics.shed.of("posts")
        self._past_turn = metrics.shed.of("turn")
        metrics.posts_under_way.of().read = lambda: self._under_way

    def enter(self) -> None:
        """Let a post in, to `leave` when it is answered; raise `Unavailable` if there are too many."""
        self._posts += 1
        if self._posts == 1:
            self._began_ms = self._clock.monotonic_ms()
            asyncio.get_running_loop().call_soon(self._end_turn)  # behind all that is waiting now
        if self._under_way >= self._most:
            self._past_most.add()
            raise Unavailable("too many requests are under way")
        if self._posts > self._a_turn:
            self._past_turn.add()
            raise Unavailable("more requests come than can be handled")
        self._under_way += 1

    def leave(self) -> None:
        """Count one that was let in as answered."""
        self._under_way -= 1

    def _end_turn(self) -> None:
        is_long = self._clock.monotonic_ms() - self._began_ms > _LONG_TURN_MS
        if is_long and self._was_long:
            self._a_turn = max(_LEAST_A_TURN, min(self._a_turn, self._posts) // 2)
        elif not is_long:
            self._a_turn = min(self._most, self._a_turn + self._a_turn // 8)
        self._was_long, self._posts = is_long, 0
