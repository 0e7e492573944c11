"""Any sequence of posts, repeats, redeliveries, acks, erases and crashes, against a model of what may be listed.

The simulation draws faults at random; hypothesis searches for the shortest sequence that breaks a guarantee. One worker
runs at a time, and dies during any call: before it takes effect, after that, or so that it takes effect later.
"""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.compression import expand
from shared.model.pack import EventPack, Pack
from shared.model.records import StoredEvent
from tests.fakes.scripted import Effect, Step
from tests.unit.worker.commit.rig import SETTINGS, WINDOW_MS, Rig, counts

T = TypeVar("T")

NAMES = st.sampled_from(["a", "b"])
WAITS_MS = st.sampled_from([1, 20, SETTINGS.settle_ms, WINDOW_MS // 2, WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1])
CALLS = st.integers(0, 7)
MOMENTS = st.sampled_from(["before", "after", "later"])


class Killed(BaseException):
    """The worker died here. It cannot catch this."""


class Post(NamedTuple):
    """An accepted event; its body carries its number."""

    number: int
    name: str
    pack: EventPack


class Pipeline(RuleBasedStateMachine):
    """The real core, and a record of what was accepted, acked and erased."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.rig = Rig()
        self.posts: list[Post] = []
        self.acked: set[int] = set()
        self.erased_at: dict[str, int] = {}
        self.in_flight: list[Effect] = []

    @initialize()
    def begin(self) -> None:
        """Start late enough that an event may be older than all others."""
        self.rig.clock.now_ms = 10 * WINDOW_MS

    def teardown(self) -> None:
        """Deliver every message once more; then every accepted event must be accounted for."""
        for post in self.posts:
            self._deliver(post)
        self.arrive_all()
        self.nothing_is_listed_wrongly()
        self._every_accepted_event_is_accounted_for()
        self.loop.close()

    @rule(name=NAMES, data=st.integers(0, 1), age_ms=st.sampled_from([0, 0, 1, WINDOW_MS, 2 * WINDOW_MS]))
    def post(self, name: str, data: int, age_ms: int) -> None:
        """Accept an event, now or in the past. A name is posted repeatedly, as a new event or as a repeat."""
        number = len(self.posts)
        pack = self.rig.pack(self.rig.event(name, data=data, number=number), accepted_ago_ms=age_ms)
        self.posts.append(Post(number=number, name=name, pack=pack))

    @precondition(lambda self: self.posts)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Deliver a message, for the first time or again."""
        self._deliver(data.draw(st.sampled_from(self.posts)))

    @precondition(lambda self: len(self.posts) > 1)
    @rule()
    def deliver_all(self) -> None:
        """Deliver all messages as one batch."""
        dispositions = self._run(self.rig.process(*(post.pack for post in self.posts)))
        for post, count in zip(self.posts, counts(dispositions), strict=True):
            self._check_disposition(post, count)

    @precondition(lambda self: self.posts)
    @rule(data=st.data(), call=CALLS, moment=MOMENTS)
    def deliver_and_die(self, data: st.DataObject, call: int, moment: str) -> None:
        """Deliver a message to a worker that dies during a call; the message must be redelivered."""
        post = data.draw(st.sampled_from(self.posts))
        self._die(call, moment, post.pack)

    @precondition(lambda self: self.rig.listed())
    @rule(data=st.data(), call=CALLS, moment=MOMENTS)
    def ack(self, data: st.DataObject, call: int, moment: str) -> None:
        """Ack an event that a reader has seen; the first worker dies while processing the ack."""
        event = data.draw(st.sampled_from(self.rig.listed()))
        acks = self.rig.acks(event.place.position)
        self._die(call, moment, acks)
        self._run(self.rig.process(acks))
        self.acked.add(self._post_of(event).number)

    @rule(name=NAMES, call=CALLS, moment=MOMENTS)
    def erase(self, name: str, call: int, moment: str) -> None:
        """Erase by identity; the first worker dies while processing the erase."""
        removal = self.rig.removal(name, erase=True)
        self._die(call, moment, removal)
        self._run(self.rig.process(removal))
        self.erased_at[name] = removal.accepted_at

    @rule(wait_ms=WAITS_MS)
    def wait(self, wait_ms: int) -> None:
        """Let time pass."""
        self.rig.clock.advance(wait_ms / 1000)

    @precondition(lambda self: self.in_flight)
    @rule()
    def arrive_all(self) -> None:
        """Let the calls of dead workers take effect."""
        in_flight, self.in_flight = self.in_flight, []
        for effect in in_flight:
            self._run(_await(effect))

    @invariant()
    def nothing_is_listed_wrongly(self) -> None:
        """Events are listed once per identity and window, erased ones never, acked ones only as delivered."""
        inbox, listed = self._listed(delivered=False), self._listed()
        assert len(listed) == len({post.number for post in listed})
        assert not self.acked & {post.number for post in inbox}
        assert not [post for post in listed if self._is_erased(post)]
        assert not [(post, other) for post in listed for other in listed if post != other and _repeats(post, other)]

    def _every_accepted_event_is_accounted_for(self) -> None:
        kept = self._listed() + [post for post in self.posts if self._is_erased(post)]
        assert not [post for post in self.posts if not any(_repeats(post, other) for other in kept)]

    def _listed(self, *, delivered: bool | None = None) -> list[Post]:
        """Return the posts in the inbox or among the delivered events; both if `delivered` is None."""
        which = (False, True) if delivered is None else (delivered,)
        return [self._post_of(event) for each in which for event in self.rig.listed(delivered=each)]

    def _post_of(self, event: StoredEvent) -> Post:
        number: int = json.loads(expand(event.body))["number"]
        return self.posts[number]

    def _is_erased(self, post: Post) -> bool:
        return post.pack.accepted_at <= self.erased_at.get(post.name, -1)

    def _deliver(self, post: Post) -> None:
        [count] = counts(self._run(self.rig.process(post.pack)))
        self._check_disposition(post, count)

    def _check_disposition(self, post: Post, count: dict[str, int]) -> None:
        """Check that the counts of a disposition agree with what is listed."""
        expected = ["stored"] if post in self._listed() else ["duplicate", "conflict", "erased"]
        assert count in [{result: 1} for result in expected]

    def _die(self, call: int, moment: str, pack: Pack) -> None:
        """Process `pack` with a worker that dies during a call, after `call` others; then start another worker."""
        self.rig.store.on_nth(call, self._dies(moment))
        try:
            self._run(self.rig.process(pack))
        except (Killed, BaseExceptionGroup):
            self._run(_cancel_tasks())
        self.rig.store.forget()
        self.rig.start()

    def _dies(self, moment: str) -> Step:
        async def step(effect: Effect) -> None:
            if moment == "after":
                await effect()
            if moment == "later":
                self.in_flight.append(effect)
            raise Killed

        return step

    def _run(self, commit: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(commit)


def _repeats(post: Post, other: Post) -> bool:
    apart_ms = abs(post.pack.accepted_at - other.pack.accepted_at)
    return post.name == other.name and apart_ms < WINDOW_MS


async def _await(effect: Effect) -> None:
    await effect()


async def _cancel_tasks() -> None:
    """Cancel all tasks of a dead worker."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


TestPipeline = Pipeline.TestCase
TestPipeline.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
