"""Which types a reader gets to see: those it asks for, as far as its key allows.

A pattern is an event type, or `order.*` for all that begin with `order.`; `*` alone is every type.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from shared.model.api_key import matches

NONE = ("",)
"""Matches no event: a type has at least one character."""


def allowed(key_types: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns that match what both sides match; empty sides, and an empty result, mean every type.

    At most as many as both sides have together. Sorted, so that readers who want the same ask the same.
    """
    if "*" in key_types or not key_types:
        key_types = ("*",)
    both = set(_both(key_types, asked or ("*",)))
    if "*" in both:
        return ()
    return tuple(sorted(both)) or NONE


def matches_any(types: Sequence[str], event_type: str) -> bool:
    """Tell whether `types`, every type if empty, match `event_type`."""
    return not types or any(matches(pattern, event_type) for pattern in types)


def _both(some: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    # Two patterns are either one within the other, or have nothing in common.
    for one, other in product(some, others):
        if matches(one, other):
            yield other
        elif matches(other, one):
            yield one
