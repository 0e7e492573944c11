"""Progress on a terminal and off it."""

import io

import pytest

from cli.progress import RetryLine, counting, showing


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


def test_retries_are_one_line_that_changes_on_a_terminal() -> None:
    screen = Terminal()
    line = RetryLine(screen)
    line.show("down; retrying in 1 s")
    line.show("down; retrying in 2 s")
    line.clear()
    assert screen.getvalue() == "\r\x1b[2Kdown; retrying in 1 s\r\x1b[2Kdown; retrying in 2 s\r\x1b[2K"


def test_elsewhere_retries_are_said_once_and_their_end() -> None:
    log = io.StringIO()
    line = RetryLine(log)
    line.clear()
    for _ in range(3):
        line.show("down; retrying")
    line.clear()
    assert log.getvalue() == "down; retrying\nConnected again.\n"


def test_long_work_is_reported_in_lines() -> None:
    log = io.StringIO()
    with showing(None, log, seconds_per_line=0) as progress:
        progress.advance(100, 1000)
        progress.advance(100, 234)
    assert log.getvalue() == "1,000 events so far\n1,234 events so far\n"


def test_a_terminal_shows_a_count_even_beyond_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
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
