import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.depth import deeper_than


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def depth_of(value: object) -> int:
    match value:
        case dict():
            return 1 + max(map(depth_of, value.values()), default=0)
        case list():
            return 1 + max(map(depth_of, value), default=0)
        case _:
            return 0


@pytest.mark.parametrize(("levels", "deeper"), [(0, False), (500, False), (501, True), (100_000, True)])
def test_the_limit_is_exact(levels: int, deeper: bool) -> None:  # noqa: FBT001
    assert deeper_than(500, nested(levels)) is deeper


def test_many_openings_side_by_side_are_not_deep() -> None:
    assert not deeper_than(500, b"[" + b",".join([b'{"a":[]}'] * 1000) + b"]")


def test_brackets_in_strings_do_not_count() -> None:
    assert not deeper_than(500, b'["' + b"[" * 1000 + b'","\\"' + b"{" * 1000 + b'\\\\",[]]')


names = st.text(st.sampled_from('[]{}"\\a\n'), max_size=4)
values = st.recursive(
    names | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)


@given(values, st.integers(0, 4))
def test_it_agrees_with_counting_the_levels_of_the_value(value: object, limit: int) -> None:
    assert deeper_than(limit, msgspec.json.encode(value)) is (depth_of(value) > limit)
