"""Load shedding: refuses posts early when more arrive than can be handled.

There are two ways to fall behind, and a limit for each. If the queue is slow, posts pile up, so those beyond a fixed
number in progress are refused. A key may hold as many of these places as are free, so that no key shuts out the others.
If the process is slow, each iteration of its event loop takes long and handles all that arrived during the one before,
while clients wait where they can't be counted. So while iterations stay long, each one halves the number of posts that
the next may start; short ones raise it again. A single long iteration, after a burst or a stall of the machine, causes
no refusals.
"""

import asyncio

from shared.clock import Clock
from shared.fairness import FairPlaces
from shared.model.errors import Unavailable
from shared.telemetry.catalog import Metrics

_LONG_ITERATION_MS = 500
_MIN_PER_ITERATION = 16


class LoadShedder:
    """Limits the posts in progress to `max_posts`, and those per event-loop iteration while iterations are long."""

    def __init__(self, clock: Clock, metrics: Metrics, max_posts: int) -> None:
        self._clock = clock
        self._max_posts = max_posts
        self._places = FairPlaces(max_posts)
        self._max_per_iteration = max_posts
        self._arrived = 0  # in this iteration, including refused posts
        self._iteration_began_ms = 0
        self._was_long = False
        self._refused_posts = metrics.shed.of("posts")
        self._refused_event_loop = metrics.shed.of("event_loop")
        metrics.posts_under_way.of().read = lambda: self._places.taken

    def arrive(self) -> None:
        """Count a post that has arrived; raise `Unavailable` if this iteration has started enough of them."""
        self._arrived += 1
        if self._arrived == 1:
            self._iteration_began_ms = self._clock.monotonic_ms()
            asyncio.get_running_loop().call_soon(self._end_iteration)  # after all callbacks that are ready now
        if self._arrived > self._max_per_iteration:
            self._refused_event_loop.add()
            raise Unavailable("the event loop is falling behind")

    def enter(self, key_id: str) -> None:
        """Give a post of a key a place, which it must `leave` once it is answered; raise `Unavailable` without one."""
        if not self._places.take(key_id):
            self._refused_posts.add()
            raise Unavailable("too many requests in progress")

    def leave(self, key_id: str) -> None:
        """Release the place of an admitted post."""
        self._places.leave(key_id)

    def _end_iteration(self) -> None:
        is_long = self._clock.monotonic_ms() - self._iteration_began_ms > _LONG_ITERATION_MS
        if is_long and self._was_long:
            self._max_per_iteration = max(_MIN_PER_ITERATION, min(self._max_per_iteration, self._arrived) // 2)
        elif not is_long:
            self._max_per_iteration = min(self._max_posts, self._max_per_iteration + self._max_per_iteration // 8)
        self._was_long, self._arrived = is_long, 0
