import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.objects import duplicates, fields_of


def twice(item: bytes) -> list[str]:
    return duplicates(item, fields_of(item))


def test_values_are_as_they_are_written() -> None:
    assert fields_of(b'{"a" : [1 , 2] ,"\\u0062":1e999}') == {"a": b"[1 , 2]", "b": b"1e999"}


@pytest.mark.parametrize("item", [b"[]", b"1", b"null"])
def test_what_is_no_object_has_no_fields(item: bytes) -> None:
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
def test_names_given_twice_are_found_wherever_they_are(item: bytes, names: list[str]) -> None:
    assert twice(item) == names


texts = st.text(st.sampled_from('ab"\\:{}[],'), max_size=4)
values = st.recursive(texts | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@given(st.lists(st.tuples(texts, values), max_size=5))
def test_they_are_those_that_counting_finds(pairs: list[tuple[str, object]]) -> None:
    item = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}"
    names = [name for name, _ in pairs]
    assert twice(item.encode()) == [name for name in dict.fromkeys(names) if names.count(name) > 1]
