from typing import Any

import msgspec

from tests.chaos.events import event_of, identity_of, inboxes_of
from tests.chaos.promises import Evidence, Followed, summary, violations

POSITIONS = ["0-a", "0-b", "0-c"]


def _listed(number: int, position: str) -> dict[str, Any]:
    return {**event_of(number), "position": position}


LISTED = [_listed(number, position) for number, position in enumerate(POSITIONS)]
SEEN = {identity_of(number): [position] for number, position in enumerate(POSITIONS)}
GOOD = Evidence(accepted=frozenset(SEEN), listed=LISTED, dead=frozenset(), followers={"steady": Followed(seen=SEEN)})


def _broken_by(**changes: Any) -> set[str]:
    return set(violations(msgspec.structs.replace(GOOD, **changes)))


def test_evidence_without_a_flaw_shows_no_violation() -> None:
    assert violations(GOOD) == {}


def test_an_accepted_event_that_is_nowhere_is_lost() -> None:
    lost = identity_of(3)
    assert _broken_by(accepted=GOOD.accepted | {lost}) == {"lost"}
    assert _broken_by(accepted=GOOD.accepted | {lost}, dead=frozenset({lost})) == set()


def test_an_event_in_two_places_is_named() -> None:
    assert _broken_by(listed=[*LISTED, _listed(0, "0-d")]) == {"listed twice"}


def test_a_listed_event_whose_repeat_is_dead_is_fine() -> None:
    assert _broken_by(dead=frozenset({identity_of(0)})) == set()


def test_an_event_that_was_never_posted_is_named() -> None:
    followers = {"steady": Followed(seen={**SEEN, identity_of(3): ["0-d"]})}
    assert _broken_by(listed=[*LISTED, _listed(3, "0-d")], followers=followers) == {"listed but never accepted"}


def test_content_and_order_are_checked() -> None:
    changed = {**_listed(2, "0-c"), "data": event_of(1)["data"]}
    assert _broken_by(listed=[*LISTED[:2], changed]) == {"listed with other content"}
    assert _broken_by(listed=[*LISTED[:2], {**_listed(2, "0-c"), "data": "gone"}]) == {"listed with other content"}
    assert _broken_by(listed=[LISTED[1], LISTED[0], LISTED[2]]) == {"listed out of order"}


def test_positions_are_compared_within_an_inbox_only() -> None:
    number = 200
    assert identity_of(number).inbox == inboxes_of(number)[1] != identity_of(0).inbox
    evidence = msgspec.structs.replace(
        GOOD,
        accepted=GOOD.accepted | {identity_of(number)},
        listed=[*LISTED, _listed(number, "0-a")],
        followers={"steady": Followed(seen={**SEEN, identity_of(number): ["0-a"]})},
    )
    assert violations(evidence) == {}


def test_what_a_follower_missed_or_saw_wrongly_is_named() -> None:
    def following(**changes: Any) -> set[str]:
        return _broken_by(followers={"steady": msgspec.structs.replace(GOOD.followers["steady"], **changes)})

    assert following(seen={identity_of(0): ["0-a"]}) == {"missed by the steady follower"}
    assert following(seen={**SEEN, identity_of(3): ["0-d"]}) == {"seen by the steady follower, then gone"}
    assert following(falling=["0-a after 0-b"]) == {"positions that fell for the steady follower"}
    assert following(broken=[identity_of(0)]) == {"broken for the steady follower"}


def test_an_event_that_a_follower_saw_twice_is_counted_but_no_violation() -> None:
    moved = Followed(seen={**SEEN, identity_of(0): ["0-0", "0-a"]})
    assert moved.twice == [identity_of(0)]
    assert _broken_by(followers={"steady": moved}) == set()


def test_the_summary_names_promise_number_and_events() -> None:
    found = violations(msgspec.structs.replace(GOOD, faults=["a POST was answered 500"], listed=LISTED[:2]))
    assert summary(found).splitlines() == [
        "lost: 1: chaos-0000/left#event-000001",
        "wrong answers: 1: a POST was answered 500",
        "seen by the steady follower, then gone: 1: chaos-0000/left#event-000001",
    ]
