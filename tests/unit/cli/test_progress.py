"""Progress on a terminal and off it."""

import io

import pytest

from cli.progress import counting, showing


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("total", [100, None])
def test_a_terminal_gets_a_bar_and_notices_above_it(total: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    screen = Terminal()
    with showing(total, screen) as progress:
        progress.notice("line 3 [red] is odd")
        progress.advance(100, 1234)
    assert "line 3 [red] is odd" in screen.getvalue()
    assert "1,234 events" in screen.getvalue()


def test_elsewhere_there_are_only_notices() -> None:
    log = io.StringIO()
    with showing(100, log) as progress:
        progress.notice("line 3 is odd")
        progress.advance(100, 1)
    assert log.getvalue() == "line 3 is odd\n"


def test_long_work_is_reported_in_lines() -> None:
    log = io.StringIO()
    with showing(None, log, seconds_per_line=0) as progress:
        progress.advance(100, 1000)
        progress.advance(100, 234)
    assert log.getvalue() == "1,000 events so far\n1,234 events so far\n"


def test_a_terminal_shows_a_count_even_beyond_the_total() -> None:
    screen = Terminal()
    with counting("Looking", 12, screen) as advance:
        advance(10)
        advance(10)
    assert "Looking" in screen.getvalue()
    assert "12/12" in screen.getvalue()


def test_elsewhere_nothing_is_counted() -> None:
    log = io.StringIO()
    with counting("Looking", 12, log) as advance:
        advance(10)
    assert log.getvalue() == ""
