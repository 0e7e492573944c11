"""Any sequence of posts, repeats, redeliveries, acks, erases and crashes, against a model of what may be listed.

Where the simulation draws its trouble at random, hypothesis looks for the shortest story that breaks a promise.
One worker works at a time, and dies in the middle of any call: before it took effect, after, or so that the call
takes effect some time later.
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
from tests.unit.worker.commit.rig import SETTINGS, WINDOW_MS, Effect, Rig, Step, counts

T = TypeVar("T")

NAMES = st.sampled_from(["a", "b"])
WAITS_MS = st.sampled_from([1, 20, SETTINGS.settle_ms, WINDOW_MS // 2, WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1])
CALLS = st.integers(0, 7)
MOMENTS = st.sampled_from(["before", "after", "later"])


class Killed(BaseException):
    """The worker died here; nothing that it could catch."""


class Post(NamedTuple):
    """An accepted event; its body carries its number."""

    number: int
    name: str
    pack: EventPack


class Pipeline(RuleBasedStateMachine):
    """The real core, and beside it what was accepted, acked and erased."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.rig = Rig()
        self.posts: list[Post] = []
        self.acked: set[int] = set()
        self.erased_at: dict[str, int] = {}
        self.under_way: list[Effect] = []

    @initialize()
    def begin(self) -> None:
        """Long after the beginning of time, so that an event may be older than all others."""
        self.rig.clock.now_ms = 10 * WINDOW_MS

    def teardown(self) -> None:
        """Deliver what was not delivered yet; then everything accepted must be accounted for."""
        for post in self.posts:
            self._deliver(post)
        self.arrive_all()
        self.nothing_is_listed_twice_or_though_it_must_not_be()
        self._everything_accepted_is_listed_or_a_repeat_or_erased()
        self.loop.close()

    @rule(name=NAMES, data=st.integers(0, 1), age_ms=st.sampled_from([0, 0, 1, WINDOW_MS, 2 * WINDOW_MS]))
    def post(self, name: str, data: int, age_ms: int) -> None:
        """Accept an event, now or a while ago; a name is posted again and again, as a new event or a repeat."""
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
            self._judge(post, count)

    @precondition(lambda self: self.posts)
    @rule(data=st.data(), call=CALLS, moment=MOMENTS)
    def deliver_and_die(self, data: st.DataObject, call: int, moment: str) -> None:
        """Deliver a message to a worker that dies in the middle of a call; it will have to come again."""
        post = data.draw(st.sampled_from(self.posts))
        self._die(call, moment, post.pack)

    @precondition(lambda self: self.rig.listed())
    @rule(data=st.data(), call=CALLS, moment=MOMENTS)
    def ack(self, data: st.DataObject, call: int, moment: str) -> None:
        """Ack an event that a reader has seen; the first worker dies over it."""
        event = data.draw(st.sampled_from(self.rig.listed()))
        acks = self.rig.acks(event.place.position)
        self._die(call, moment, acks)
        self._run(self.rig.process(acks))
        self.acked.add(self._post_of(event).number)

    @rule(name=NAMES, call=CALLS, moment=MOMENTS)
    def erase(self, name: str, call: int, moment: str) -> None:
        """Erase by identity; the first worker dies over it."""
        removal = self.rig.removal(name, erase=True)
        self._die(call, moment, removal)
        self._run(self.rig.process(removal))
        self.erased_at[name] = removal.accepted_at

    @rule(wait_ms=WAITS_MS)
    def wait(self, wait_ms: int) -> None:
        """Let time pass."""
        self.rig.clock.now_ms += wait_ms

    @precondition(lambda self: self.under_way)
    @rule()
    def arrive_all(self) -> None:
        """Let the calls of dead workers take effect at last."""
        under_way, self.under_way = self.under_way, []
        for effect in under_way:
            self._run(_await(effect))

    @invariant()
    def nothing_is_listed_twice_or_though_it_must_not_be(self) -> None:
        """Listed once per identity and window; not what was erased; what was acked, among the delivered alone."""
        inbox, listed = self._listed(delivered=False), self._listed()
        assert len(listed) == len({post.number for post in listed})
        assert not self.acked & {post.number for post in inbox}
        assert not [post for post in listed if self._is_erased(post)]
        assert not [(post, other) for post in listed for other in listed if post != other and _repeats(post, other)]

    def _everything_accepted_is_listed_or_a_repeat_or_erased(self) -> None:
        kept = self._listed() + [post for post in self.posts if self._is_erased(post)]
        assert not [post for post in self.posts if not any(_repeats(post, other) for other in kept)]

    def _listed(self, *, delivered: bool | None = None) -> list[Post]:
        """The posts that lie in the inbox, or among the delivered; all of them unless told which."""
        which = (False, True) if delivered is None else (delivered,)
        return [self._post_of(event) for each in which for event in self.rig.listed(delivered=each)]

    def _post_of(self, event: StoredEvent) -> Post:
        number: int = json.loads(expand(event.body))["number"]
        return self.posts[number]

    def _is_erased(self, post: Post) -> bool:
        return post.pack.accepted_at <= self.erased_at.get(post.name, -1)

    def _deliver(self, post: Post) -> None:
        [count] = counts(self._run(self.rig.process(post.pack)))
        self._judge(post, count)

    def _judge(self, post: Post, count: dict[str, int]) -> None:
        """A verdict agrees with what is there."""
        expected = ["stored"] if post in self._listed() else ["duplicate", "conflict", "erased"]
        assert count in [{result: 1} for result in expected]

    def _die(self, call: int, moment: str, pack: Pack) -> None:
        """Process `pack` with a worker that dies in the middle of a call, after `call` others; start another."""
        self.rig.store.on_nth(call, self._dies(moment))
        try:
            self._run(self.rig.process(pack))
        except (Killed, BaseExceptionGroup):
            self._run(_bury_tasks())
        self.rig.store.forget()
        self.rig.start()

    def _dies(self, moment: str) -> Step:
        async def step(effect: Effect) -> None:
            if moment == "after":
                await effect()
            if moment == "later":
                self.under_way.append(effect)
            raise Killed

        return step

    def _run(self, commit: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(commit)


def _repeats(post: Post, other: Post) -> bool:
    apart_ms = abs(post.pack.accepted_at - other.pack.accepted_at)
    return post.name == other.name and apart_ms < WINDOW_MS


async def _await(effect: Effect) -> None:
    await effect()


async def _bury_tasks() -> None:
    """Nothing of a dead worker goes on."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


TestPipeline = Pipeline.TestCase
TestPipeline.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
