"""What a key allows and a reader asks for, together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.type_pattern import NONE, intersection, matches_any, selects_all


@pytest.mark.parametrize(
    ("key_types", "asked", "expected"),
    [
        ((), (), ()),
        ((), ("a", "b.*"), ("a", "b.*")),
        (("*", "a"), (), ()),
        (("order.*",), (), ("order.*",)),
        (("order.*",), ("*",), ("order.*",)),
        (("order.*",), ("order.paid", "refund"), ("order.paid",)),
        (("order.*",), ("order.item.*", "order.*"), ("order.*", "order.item.*")),
        (("order.item.*",), ("order.*",), ("order.item.*",)),
        (("order.paid",), ("order.*",), ("order.paid",)),
        (("order.*",), ("orders", "order", "ord.*"), NONE),
    ],
)
def test_the_intersection_selects_what_both_select(
    key_types: tuple[str, ...], asked: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert intersection(key_types, asked) == expected


PATTERNS = st.lists(st.sampled_from(["*", "a", "a.*", "a.b", "a.b.*", "a.b.c", "b", "b.*"]), max_size=4)


@given(PATTERNS, PATTERNS, st.sampled_from(["a", "a.", "a.b", "a.b.c", "a.c", "b", "b.x", "c"]))
def test_a_type_passes_if_it_passes_both(key_types: list[str], asked: list[str], event_type: str) -> None:
    both = matches_any(key_types, event_type) and matches_any(asked, event_type)
    assert matches_any(intersection(key_types, asked), event_type) == both
    assert len(intersection(key_types, asked)) <= max(1, len(key_types) + len(asked))


@pytest.mark.parametrize(("patterns", "all_types"), [((), True), (("a", "*"), True), (("a.*",), False), (NONE, False)])
def test_patterns_that_select_every_type(patterns: tuple[str, ...], all_types: bool) -> None:  # noqa: FBT001
    assert selects_all(patterns) is all_types
