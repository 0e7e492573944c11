"""The time of the services, as their dates show it."""

import logging

import pytest

from shared.model.errors import ClockWrong, Unavailable, Unclear
from shared.service_time import Reading, ServiceTime

LIMIT_MS = 50
NOON = 1_800_000_000_000


class Services:
    """Services that date their answers, and a process whose clock is `ahead_ms` of theirs."""

    def __init__(self, ahead_ms: int = 0) -> None:
        self.service_time = ServiceTime(LIMIT_MS)
        self.ahead_ms = ahead_ms
        self.now_ms = 0  # since noon
        self.stopped_ms = 0  # by how much the monotonic clock is behind, since it was stopped

    @property
    def reading(self) -> Reading:
        return Reading(NOON + self.now_ms + self.ahead_ms, 5_000 + self.now_ms - self.stopped_ms)

    def error_ms(self) -> float:
        return self.service_time.error_ms(self.reading)

    def is_wrong(self) -> bool:
        return self.service_time.is_wrong(self.reading)

    def confirms(self) -> bool:
        return self.service_time.confirms(self.reading)

    def call(self, *, takes_ms: int = 10, off_ms: int = 0, renewed_ms: int | None = None) -> None:
        """Make a call. The server's clock is `off_ms` wrong, and it renews its date once a second if `renewed_ms`."""
        sent = self.reading
        self.now_ms += takes_ms // 2
        date_ms = NOON + self.now_ms + off_ms
        if renewed_ms is not None:
            date_ms = (date_ms - renewed_ms) // 1000 * 1000 + renewed_ms
        self.now_ms += takes_ms // 2
        self.service_time.observe(date_ms // 1000 * 1000, sent.monotonic_ms, self.reading)

    def call_for(self, seconds: float, *, renewed_ms: int | None = None) -> None:
        """Make a call every 70 ms."""
        for _ in range(int(seconds * 1000 / 70)):
            self.now_ms += 60
            self.call(renewed_ms=renewed_ms)


def test_without_answers_no_clock_is_wrong() -> None:
    service_time = ServiceTime()

    assert service_time.error_ms(Reading(0, 0)) == 0
    assert service_time.confirms(Reading(NOON * 2, 0))


@pytest.mark.parametrize("ahead_ms", [-300_000, -2_500, 2_500, 300_000])
def test_one_answer_shows_a_large_error_and_its_sign(ahead_ms: int) -> None:
    services = Services(ahead_ms)
    services.call()

    assert services.is_wrong()
    assert services.error_ms() * ahead_ms > 0
    assert abs(ahead_ms) - 2_020 <= abs(services.error_ms()) <= abs(ahead_ms)


def test_answers_bound_a_clock_behind_within_the_time_between_them() -> None:
    services = Services(-200)
    services.call_for(3)

    assert -200 <= services.error_ms() <= -100
    assert services.is_wrong()


def test_a_clock_ahead_is_noticed_from_a_second_on() -> None:
    slightly, more = Services(900), Services(1_200)
    slightly.call_for(3)
    more.call_for(3)

    assert not slightly.is_wrong()
    assert more.is_wrong()


@pytest.mark.parametrize("renewed_ms", [None, 0, 1, 400, 999])
@pytest.mark.parametrize("ahead_ms", [-LIMIT_MS, 0, LIMIT_MS])
def test_a_clock_within_the_limit_is_never_wrong(ahead_ms: int, renewed_ms: int | None) -> None:
    services = Services(ahead_ms)
    for _ in range(60):
        services.call(renewed_ms=renewed_ms)
        services.call(takes_ms=480, renewed_ms=renewed_ms)
        services.call_for(1, renewed_ms=renewed_ms)
        services.call(takes_ms=20_000, renewed_ms=renewed_ms)
        assert services.confirms()
        assert not services.is_wrong()


def test_a_step_is_noticed_without_another_answer() -> None:
    services = Services()
    services.call_for(2)
    before = services.reading

    services.ahead_ms = -300_000

    assert services.is_wrong()
    assert services.error_ms() == pytest.approx(-300_000, abs=100)
    assert services.service_time.confirms(before)  # what was read before remains right


def test_a_clock_that_is_set_right_is_right() -> None:
    services = Services(-300_000)
    services.call()
    assert services.is_wrong()

    services.ahead_ms = 0

    assert not services.is_wrong()
    assert services.confirms()


def test_one_odd_answer_leaves_the_clock_in_doubt_until_the_next() -> None:
    services = Services()
    services.call_for(2)

    services.call(off_ms=600_000)
    assert not services.is_wrong()
    assert not services.confirms()

    services.call()
    assert services.confirms()


def test_two_odd_answers_that_agree_count() -> None:
    services = Services()
    services.call_for(2)
    services.call(off_ms=600_000)
    services.call(off_ms=-600_000)
    assert not services.is_wrong()

    services.call(off_ms=-600_000)

    assert services.is_wrong()
    services.call()
    assert services.confirms()


def test_a_process_that_was_frozen_with_its_monotonic_clock_is_right_after_one_answer() -> None:
    services = Services()
    services.call_for(2)
    services.now_ms, services.stopped_ms = services.now_ms + 600_000, 600_000
    services.call()

    assert services.confirms()


def test_a_machine_that_was_suspended_with_both_clocks_commits_nothing_before_two_answers_agree() -> None:
    services = Services()
    services.call_for(2)
    services.now_ms, services.stopped_ms, services.ahead_ms = services.now_ms + 600_000, 600_000, -600_000
    assert services.confirms()  # nothing shows it yet

    services.call()
    assert not services.confirms()
    services.call()

    assert services.is_wrong()


def test_the_bounds_of_an_idle_process_widen() -> None:
    services = Services(-60)
    services.call_for(5)
    noticed = services.error_ms()
    services.now_ms += 3_600_000

    assert noticed < services.error_ms() <= 0


def test_beginning_and_end_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    services = Services()
    with caplog.at_level(logging.INFO):
        services.call_for(1)
        services.ahead_ms = -5_000
        services.call_for(1)
        services.ahead_ms = 0
        services.call_for(1)

    assert [record.levelname for record in caplog.records] == ["CRITICAL", "WARNING"]
    assert caplog.records[0].ahead_seconds == pytest.approx(-5, abs=0.1)  # type: ignore[attr-defined]


async def test_a_check_asks_again_while_the_answers_contradict_each_other() -> None:
    services = Services()
    services.call_for(2)
    services.call(off_ms=600_000)
    asked: list[None] = []

    async def ask() -> None:
        asked.append(None)
        services.call()

    await services.service_time.check(services.reading, ask)
    await services.service_time.check(services.reading, ask)

    assert len(asked) == 1


async def test_a_check_says_by_how_much_the_clock_is_wrong() -> None:
    services = Services(300_000)
    services.call()

    async def ask() -> None:
        services.call()

    with pytest.raises(ClockWrong, match=r"is 29[89]\.\d s ahead"):
        await services.service_time.check(services.reading, ask)


async def test_a_check_without_an_answer_is_unavailable() -> None:
    services = Services(300_000)
    services.call()

    async def ask() -> None:
        raise Unclear("no answer")

    with pytest.raises(Unavailable):
        await services.service_time.check(services.reading, ask)
