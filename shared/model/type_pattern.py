"""Event type patterns: a type, or `order.*` for all types that begin with `order.`; `*` alone is every type.

A list of patterns selects what any of them matches; an empty list selects every type.
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
    """Return patterns that select what both select: a key's types and those that a reader requests.

    At most as many as both have together. Sorted, so that equal requests are recognized as equal.
    """
    both = set(_both(("*",) if selects_all(allowed) else allowed, requested or ("*",)))
    if "*" in both:
        return ()
    return tuple(sorted(both)) or NONE


def _both(some: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    # Two patterns are either one within the other, or have nothing in common.
    for one, other in product(some, others):
        if matches(one, other):
            yield other
        elif matches(other, one):
            yield one
