import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.raw_json import deeper_than, duplicates, fields_of


def twice(item: bytes) -> list[str]:
    return duplicates(item, fields_of(item))


def test_values_are_raw() -> None:
    assert fields_of(b'{"a" : [1 , 2] ,"\\u0062":1e999}') == {"a": b"[1 , 2]", "b": b"1e999"}


@pytest.mark.parametrize("item", [b"[]", b"1", b"null"])
def test_fields_of_anything_but_an_object_raise(item: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        fields_of(item)


@pytest.mark.parametrize(
    ("item", "names"),
    [
        (b"{}", []),
        (b'{"a":1,"A":2,"b":{"a":1,"a":2}}', []),
        (b'{"a":1,"a":1}', ["a"]),
        (b'{"a":"x","b":1,"\\u0061":null,"b":2,"b":3}', ["a", "b"]),
        (b'{"a\\"":1,"b":"\\""}', []),
        (b'{"a\\"":1,"a\\"":2}', ['a"']),
        (b'{"a":' + b"7" * 5000 + b',"a":1.5}', ["a"]),
        (b'{"a":' + b"[" * 800 + b"]" * 800 + b',"b\\"":1}', []),
    ],
)
def test_duplicate_names_are_found(item: bytes, names: list[str]) -> None:
    assert twice(item) == names


texts = st.text(st.sampled_from('ab"\\:{}[],'), max_size=4)
values = st.recursive(texts | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@given(st.lists(st.tuples(texts, values), max_size=5))
def test_duplicates_agree_with_counting_the_names(pairs: list[tuple[str, object]]) -> None:
    item = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}"
    names = [name for name, _ in pairs]
    assert twice(item.encode()) == [name for name in dict.fromkeys(names) if names.count(name) > 1]


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
def test_the_depth_limit_is_exact(levels: int, deeper: bool) -> None:  # noqa: FBT001
    assert deeper_than(500, nested(levels)) is deeper


def test_many_openings_side_by_side_are_not_deep() -> None:
    assert not deeper_than(500, b"[" + b",".join([b'{"a":[]}'] * 1000) + b"]")


def test_brackets_in_strings_do_not_count() -> None:
    assert not deeper_than(500, b'["' + b"[" * 1000 + b'","\\"' + b"{" * 1000 + b'\\\\",[]]')


deep_names = st.text(st.sampled_from('[]{}"\\a\n'), max_size=4)
deep_values = st.recursive(
    deep_names | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(deep_names, inner, max_size=3)
)


@given(deep_values, st.integers(0, 4))
def test_depth_agrees_with_counting_the_levels_of_the_value(value: object, limit: int) -> None:
    assert deeper_than(limit, msgspec.json.encode(value)) is (depth_of(value) > limit)
