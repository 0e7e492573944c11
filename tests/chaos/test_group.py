from pathlib import Path
from typing import Any

import msgspec

from tests.chaos.group import handling_in
from tests.chaos.member import Step

UNTIL = "1970-01-01T00:01:40.000Z"


def steps(path: Path, *lines: tuple[str, float, str, dict[str, Any]]) -> Path:
    encoded = [msgspec.json.encode(Step(what=what, at=at, lease=lease, **more)) for what, at, lease, more in lines]
    path.write_bytes(b"\n".join(encoded) + b'\n{"what":"han')
    return path


def leased(at: float, lease: str, *positions: str, until: str = UNTIL) -> tuple[str, float, str, dict[str, Any]]:
    return "leased", at, lease, {"positions": positions, "until": until}


def test_an_event_in_two_leases_at_once_is_found(tmp_path: Path) -> None:
    one = steps(tmp_path / "1", leased(50, "a", "p", "q"))
    two = steps(tmp_path / "2", leased(99.9, "b", "p"), leased(100, "c", "q"))
    [overlap] = handling_in([one, two]).overlaps
    assert overlap.startswith("p: in a until 100.000, in b from 99.900")


def test_a_lease_may_follow_an_ack_a_release_or_the_end(tmp_path: Path) -> None:
    one = steps(tmp_path / "1", leased(50, "a", "p", "q"), ("ending", 60, "a", {"positions": ["p"]}))
    two = steps(tmp_path / "2", leased(60.1, "b", "p"), leased(100, "c", "q"))
    assert handling_in([one, two]).overlaps == []


def test_an_extension_counts(tmp_path: Path) -> None:
    extended = ("extended", 90.0, "a", {"until": "1970-01-01T00:02:00.000Z"})
    one = steps(tmp_path / "1", leased(50, "a", "p"), extended)
    two = steps(tmp_path / "2", leased(101, "b", "p"))
    assert len(handling_in([one, two]).overlaps) == 1


def test_what_was_handled_is_counted(tmp_path: Path) -> None:
    one = steps(tmp_path / "1", leased(1, "a", "p"), ("handled", 2, "a", {"positions": ["p"]}))
    two = steps(
        tmp_path / "2", leased(101, "b", "p"), ("handled", 102, "b", {"positions": ["p"]}), ("lost", 103, "b", {})
    )
    done = handling_in([one, two])
    assert (done.leases, done.lost, done.handled, done.twice) == (2, 1, {"p": 2}, 1)
