"""Event type patterns: a type, `order.*` for all types that begin with `order.`, or `*` for every type.

A list of patterns selects the types that any of them matches; an empty list selects every type.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import product

TYPE_PATTERN = re.compile(r"\*|[^*]{1,255}|[^*]{1,253}\.\*")

NONE = ("",)
"""Matches no event: a type has at least one character."""


def prefix_of(pattern: str) -> str | None:
    """Return the prefix that `pattern` matches, None if it matches one type exactly."""
    return pattern[:-1] if pattern.endswith("*") else None


def matches(pattern: str, event_type: str) -> bool:
    """Return whether `pattern` matches `event_type`."""
    prefix = prefix_of(pattern)
    return event_type == pattern if prefix is None else event_type.startswith(prefix)


def matches_any(patterns: Sequence[str], event_type: str) -> bool:
    """Return whether `patterns` select `event_type`."""
    return not patterns or any(matches(pattern, event_type) for pattern in patterns)


def selects_all(patterns: Sequence[str]) -> bool:
    """Return whether `patterns` select every type."""
    return not patterns or "*" in patterns


def intersection(allowed: Sequence[str], requested: Sequence[str]) -> tuple[str, ...]:
    """Return patterns for the types that both `allowed` (by the key) and `requested` (by the reader) select.

    There are at most as many as in both lists together. They are sorted, so that equivalent requests compare equal.
    """
    both = set(_both(("*",) if selects_all(allowed) else allowed, requested or ("*",)))
    if "*" in both:
        return ()
    return tuple(sorted(both)) or NONE


def _both(some: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    # Of two patterns, either one contains the other, or they are disjoint.
    for one, other in product(some, others):
        if matches(one, other):
            yield other
        elif matches(other, one):
            yield one
