import time

import pytest

from cli.dead_letter_table import print_dead_letter, print_dead_letters, print_raw
from shared.dead_letters import DeadLetter, Subject

UNREADABLE = DeadLetter(id="m2", reason="unreadable: unknown pack version 'x'", receives=6)
ACKS = DeadLetter(
    id="m3", reason="gave up", kind="acks", tenant="a", key_id="k", accepted_at=1000, events=1, first=None, receives=1
)


def dead_letter(*, age_seconds: int = 0, event_id: str = "e1") -> DeadLetter:
    return DeadLetter(
        id="m1",
        reason="the store refuses the event",
        kind="events",
        tenant="[red]",
        key_id="k1",
        accepted_at=time.time_ns() // 1_000_000 - age_seconds * 1000,
        events=1000,
        first=Subject(inbox="i", source="/s", id=event_id, type="t"),
        receives=2,
    )


def test_a_row_describes_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    print_dead_letters([dead_letter(age_seconds=2 * 86_400 + 5), UNREADABLE])

    _, first, second = capsys.readouterr().out.splitlines()
    assert " ".join(first.split()) == "m1 the store refuses the event [red] events: 1,000 2d /s e1"
    assert " ".join(second.split()) == "m2 unreadable: unknown pack version 'x'"


def test_ages_have_one_unit(capsys: pytest.CaptureFixture[str]) -> None:
    # A second may pass until they are printed, so none is near an edge; the last is from a clock ahead of ours.
    for seconds in (30, 90, 7200 + 60, -60):
        print_dead_letters([dead_letter(age_seconds=seconds)])

    ages = [line.split()[-3] for line in capsys.readouterr().out.splitlines() if " m1 " in line]
    assert ages[1:] == ["1m", "2h", "0s"]
    assert ages[0].endswith("s")


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_dead_letters([dead_letter(event_id="\x1b[2Je\n1")])

    assert "/s \N{REPLACEMENT CHARACTER}[2Je\N{REPLACEMENT CHARACTER}1" in capsys.readouterr().out


def test_one_message_is_printed_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_dead_letter(dead_letter())

    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    names = ["message", "reason", "receives", "tenant", "key", "accepted", "holds", "inbox", "first", "type"]
    assert [name for name, _ in lines] == names
    assert [value.strip() for name, value in lines if name in ("holds", "first")] == ["events: 1,000", "/s e1"]


def test_unknown_fields_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_dead_letter(UNREADABLE)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["message", "reason", "receives"]
    print_dead_letter(ACKS)
    assert capsys.readouterr().out.splitlines()[-1].split() == ["holds", "acks:", "1"]


def test_raw_text_is_escaped_and_reversible(capsys: pytest.CaptureFixture[str]) -> None:
    body = "\x1b]0;owned\x07 \x9b2J \r\n\t\x7f \u202e\u200b\U000e0041\ud800 \\x1b Zoë \U0001f600"
    print_raw(body)
    (line,) = capsys.readouterr().out.splitlines()[2:]
    assert line == r"\x1b]0;owned\x07 \x9b2J \r\n\t\x7f \u202e\u200b\U000e0041\ud800 \\x1b Zoë " + "\U0001f600"
    assert line.isprintable()
    assert line.encode("ascii", "backslashreplace").decode("unicode_escape") == body


def test_long_raw_text_is_cut_and_its_length_given(capsys: pytest.CaptureFixture[str]) -> None:
    print_raw("x" * 4096)
    print_raw("y" * 4097)
    out = capsys.readouterr().out
    assert "raw text:\n" + "x" * 4096 + "\n" in out
    assert "raw text (the first 4,096 of 4,097 characters; --json prints all):\n" + "y" * 4096 + "\n" in out
