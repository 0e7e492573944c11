"""Settings: read from the environment, all checked at once."""

import pytest

from shared import settings
from shared.model.errors import InvalidSettings
from shared.model.position import Minter
from shared.settings import Settings
from tests.fakes.clock import FakeClock
from worker.commit.event_commit import CommitRules


def faults(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as invalid:
        settings.load(environ)
    return invalid.value.faults


def test_an_empty_environment_means_the_defaults() -> None:
    assert settings.load({}) == Settings()
    assert settings.load(dict.fromkeys(settings.variable_names(), " ")) == Settings()


def test_variables_are_the_fields_in_capitals() -> None:
    given = {"QUEUE_NAME": "q", "EVENT_TTL_DAYS": "8", "FAIR_QUEUES": "true", "LOG_LEVEL": "DEBUG", "OTHER": "x"}
    assert settings.load(given) == Settings(queue_name="q", event_ttl_days=8, fair_queues=True, log_level="DEBUG")
    assert {"QUEUE_NAME", "SETTLE_MS", "EVENT_TTL_DAYS"} <= set(settings.variable_names())


def test_every_fault_is_listed_at_once() -> None:
    found = faults({"EVENT_TTL_DAYS": "0", "LOG_LEVEL": "LOUD", "POLL_SECONDS": "soon", "QUEUE_NAME": "q"})
    assert [fault.split("=")[0] for fault in found] == ["LOG_LEVEL", "EVENT_TTL_DAYS", "POLL_SECONDS"]
    assert "'LOUD'" in found[0]


@pytest.mark.parametrize(
    "environ",
    [
        {"SETTLE_MS": "900"},
        {"COMMIT_DEADLINE_MS": "400"},
        {"STORE_TIMEOUT_MS": "600"},
        {"CLOCK_SKEW_MS": "200"},
    ],
)
def test_times_that_let_a_commit_land_behind_a_cursor_are_rejected(environ: dict[str, str]) -> None:
    [fault] = faults(environ)
    assert "could land behind a cursor" in fault


def test_times_just_below_settle_are_accepted() -> None:
    assert settings.load({"SETTLE_MS": "901"}).settle_ms == 901


def test_the_deduplication_window_is_bounded_by_the_ttl() -> None:
    longest = settings.load({"DEDUPLICATION_WINDOW_SECONDS": "2592000"})
    assert CommitRules(clock=FakeClock(), minter=Minter(FakeClock()), settings=longest).guard_ttl_seconds >= (
        # A repeat at the end of the window, processed when it is about to expire.
        longest.deduplication_window_seconds + longest.event_ttl_days * 86_400
    )
    week = {"EVENT_TTL_DAYS": "7", "DEDUPLICATION_WINDOW_SECONDS": "604800"}
    assert settings.load(week).deduplication_window_seconds == 604_800
    for wrong in (week | {"DEDUPLICATION_WINDOW_SECONDS": "604801"}, {"DEDUPLICATION_WINDOW_SECONDS": "2592001"}):
        with pytest.raises(InvalidSettings, match="DEDUPLICATION_WINDOW_SECONDS"):
            settings.load(wrong)
