from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from triggers_client.retries import pause_seconds


def test_retry_after_in_seconds_is_kept_and_spread() -> None:
    pauses = {pause_seconds(1, "3") for _ in range(100)}
    assert all(3 <= pause <= 3.6 for pause in pauses)
    assert len(pauses) > 1


def test_retry_after_may_be_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=20)
    assert 0 < pause_seconds(1, format_datetime(soon, usegmt=True)) <= 24
    assert pause_seconds(1, "Sun, 06 Nov 1994 08:49:37 GMT") == 0


@pytest.mark.parametrize("failures", [10, 10_000])
@pytest.mark.parametrize("retry_after", ["99999999999999999999", "", "soon", "-1"])
def test_no_pause_is_longer_than_36_seconds(failures: int, retry_after: str) -> None:
    assert 15 <= pause_seconds(failures, retry_after) <= 36


def test_without_retry_after_pauses_double() -> None:
    for failures in range(7):
        longest = 0.25 * 2**failures
        assert longest / 2 <= pause_seconds(failures) <= longest
