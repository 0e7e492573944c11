"""The guarantees, checked against the evidence of a run."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from tests.chaos.events import Identity, identity_in, is_intact
from tests.chaos.group import Handling

_SHOWN = 5


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What one follower saw: the positions of each event in order, and the errors in its pages."""

    seen: Mapping[Identity, Sequence[str]]
    falling: Sequence[str] = ()
    broken: Sequence[Identity] = ()

    @property
    def twice(self) -> list[Identity]:
        """What it saw more than once."""
        return [identity for identity, positions in self.seen.items() if len(positions) > 1]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence of a run. `listed` is a full read of each inbox in the quiet phase."""

    accepted: frozenset[Identity]
    listed: Sequence[Mapping[str, Any]]
    dead: frozenset[Identity]
    followers: Mapping[str, Followed]
    faults: Sequence[str] = ()
    handling: Handling | None = None  # None: there was no group


def positions_of(listed: Sequence[Mapping[str, Any]]) -> dict[Identity, list[str]]:
    """Return where each event is listed."""
    places: dict[Identity, list[str]] = {}
    for event in listed:
        places.setdefault(identity_in(event), []).append(event["position"])
    return places


def violations(evidence: Evidence) -> dict[str, list[str]]:
    """Return every broken promise by name, each with what it concerns; empty if all were kept."""
    places = positions_of(evidence.listed)
    found: dict[str, list[str]] = {
        "lost": _named(evidence.accepted - places.keys() - evidence.dead),
        "listed twice": [f"{_name(one)} at {', '.join(at)}" for one, at in places.items() if len(at) > 1],
        "listed but never accepted": _named(places.keys() - evidence.accepted),
        "listed with other content": [_name(identity_in(one)) for one in evidence.listed if not is_intact(one)],
        "listed out of order": [
            f"{_name(identity_in(late))} at {late['position']}, after {early['position']}"
            for early, late in pairwise(evidence.listed)
            if early["inbox"] == late["inbox"] and late["position"] <= early["position"]
        ],
        "wrong answers": list(evidence.faults),
    }
    if evidence.handling is not None:
        handled = evidence.handling.handled.keys()
        found["not handled by the group"] = sorted(_name(one) for one, at in places.items() if not handled & set(at))
        found["in two live leases"] = list(evidence.handling.overlaps)
    for name, follower in evidence.followers.items():
        found[f"missed by the {name} follower"] = _named(places.keys() - follower.seen.keys())
        found[f"seen by the {name} follower, then gone"] = _named(follower.seen.keys() - places.keys())
        found[f"positions that fell for the {name} follower"] = list(follower.falling)
        found[f"broken for the {name} follower"] = _named(follower.broken)
    return {promise: what for promise, what in found.items() if what}


def summary(found: Mapping[str, Sequence[str]]) -> str:
    """Return violations as lines of text, each shortened."""
    return "\n".join(f"{promise}: {len(what)}: {'; '.join(what[:_SHOWN])}" for promise, what in found.items())


def _name(identity: Identity) -> str:
    return f"{identity.inbox}{identity.source}#{identity.id}"


def _named(identities: Iterable[Identity]) -> list[str]:
    return sorted(_name(identity) for identity in identities)
