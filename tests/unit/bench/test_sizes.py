import base64
from typing import Any

import pytest

from bench.sizes import item_bytes, write_units


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "é"}, 2),
        ({"N": "0"}, 1),
        ({"N": "1200"}, 2),
        ({"N": "-12.345"}, 5),
        ({"B": base64.b64encode(bytes(10)).decode()}, 10),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"L": [{"S": "ab"}, {"NULL": True}]}, 3 + 1 + 2 + 1 + 1),
        ({"M": {"ab": {"S": "c"}}}, 3 + 1 + 2 + 1),
    ],
)
def test_a_value_counts_its_bytes_and_its_name(value: dict[str, Any], size: int) -> None:
    assert item_bytes({"name": value}) == 4 + size


def test_units_are_whole_kilobytes() -> None:
    assert write_units({"a": {"S": ""}}) == 1
    assert write_units({"a": {"S": "x" * 1023}}) == 1
    assert write_units({"a": {"S": "x" * 1024}}) == 2


def test_an_unknown_type_has_no_size() -> None:
    with pytest.raises(ValueError, match="SS"):
        item_bytes({"a": {"SS": ["x"]}})
