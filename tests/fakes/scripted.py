"""Calls that tests script: errors, lost answers, other answers, and effects in between."""

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

from shared.memory.event_store import MemoryStore
from shared.model.errors import Unclear
from shared.model.records import Outcome
from tests.fakes.clock import FakeClock

Effect = Callable[[], Awaitable[Any]]
Step = Callable[[Effect], Awaitable[Any]]


class Scripted:
    """Passes calls to `target`, except those that the test scripts."""

    def __init__(self, target: object) -> None:
        self._target = target
        self._steps: dict[str, deque[Step]] = defaultdict(deque)
        self._nth: dict[int, Step] = {}
        self.calls: list[str] = []

    def on_nth(self, number: int, step: Step) -> None:
        """Use `step` for the call after `number` others, of any method."""
        self._nth[len(self.calls) + number] = step

    def on(self, method: str, *steps: Step) -> None:
        """Use `steps` for the next calls of `method`, one each."""
        self._steps[method].extend(steps)

    def forget(self) -> None:
        """Remove all scripted steps."""
        self._steps.clear()
        self._nth.clear()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._target, name)
        if name == "prepare" and not self._steps[name]:
            return cast("Callable[..., Awaitable[Any]]", method)  # makes no call, so none is recorded

        async def call(*args: object, **kwargs: object) -> Any:
            step = self._nth.pop(len(self.calls), None)
            self.calls.append(name)

            async def effect() -> Any:
                return await method(*args, **kwargs)

            if step is None and self._steps[name]:
                step = self._steps[name].popleft()
            return await (effect() if step is None else step(effect))

        return call


def fails(error: Exception) -> Step:
    """The call has no effect and raises."""

    async def step(_: Effect) -> None:
        raise error

    return step


async def loses_its_answer(effect: Effect) -> None:
    """The call takes effect; its answer is lost."""
    await effect()
    raise Unclear("scripted")


def answers(*outcomes: Outcome) -> Step:
    """The call has no effect and gives this answer."""

    async def step(_: Effect) -> list[Outcome]:
        return list(outcomes)

    return step


def reports(*outcomes: Outcome) -> Step:
    """The call takes effect and gives this answer."""

    async def step(effect: Effect) -> list[Outcome]:
        await effect()
        return list(outcomes)

    return step


def answers_after(clock: FakeClock, wait_ms: int) -> Step:
    """The call takes effect; its answer takes a while."""

    async def step(effect: Effect) -> Any:
        answer = await effect()
        clock.advance(wait_ms / 1000)
        return answer

    return step


def refuses(index: int, memory: MemoryStore) -> Step:
    """The statement at `index` is refused; the others take effect."""

    async def step(effect: Effect) -> Any:
        before = set(memory.records)
        outcomes = await effect()
        added = sorted(set(memory.records) - before)
        await memory.remove_events([added[index]])
        outcomes[index] = Outcome.REFUSED
        return outcomes

    return step


def meanwhile(happen: Effect, *, then: Step | None = None) -> Step:
    """`happen` runs first; then the call runs as usual, or as `then` says."""

    async def step(effect: Effect) -> Any:
        await happen()
        return await (effect() if then is None else then(effect))

    return step


class Late:
    """A call that is cut off and takes effect on `arrive`."""

    def __init__(self) -> None:
        self._effect: Effect | None = None

    async def __call__(self, effect: Effect) -> None:
        self._effect = effect
        raise Unclear("scripted")

    async def arrive(self) -> Any:
        assert self._effect is not None
        return await self._effect()
