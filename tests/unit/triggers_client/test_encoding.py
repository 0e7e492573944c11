"""What `send` accepts besides JSON's own types, and how it names what it can't encode."""

import json
from collections import UserDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import httpx
import pytest
from triggers_client import Event, InvalidEvent
from triggers_client.encoding import encode

from tests.unit.triggers_client.talking import Api

HALF = "\ud83d"
EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00Z"),
        (
            datetime(2026, 1, 31, 9, 30, 0, 5, tzinfo=EAST),
            "2026-01-31T04:00:00.000005Z",
        ),
        (datetime(1900, 1, 1, tzinfo=timezone(timedelta(minutes=17, seconds=30))), "1899-12-31T23:42:30Z"),
        (date(2026, 1, 31), "2026-01-31"),
        (UUID("{12345678-1234-5678-1234-567812345678}"), "12345678-1234-5678-1234-567812345678"),
        (Decimal("99.50"), "99.50"),
        (Decimal("0.1000000000000000055511151231257827"), "0.1000000000000000055511151231257827"),
        (Decimal("1E+400000"), "1E+400000"),
        (MappingProxyType({"a": UserDict(b=1)}), {"a": {"b": 1}}),
        ((1, [2, None]), [1, [2, None]]),
        ("Zoë \U0001f600 \u2028", "Zoë \U0001f600 \u2028"),
    ],
)
def test_a_value_is_sent_in_its_usual_form(value: object, sent: object) -> None:
    assert json.loads(encode({"type": "t", "data": value}, 0)) == {"type": "t", "data": sent}


def _cycle() -> dict[str, Any]:
    value: dict[str, Any] = {"list": []}
    value["list"].append(value)
    return value


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(200_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "place", "detail"),
    [
        ({"total": float("nan")}, "/data/total", "is nan; JSON has only finite numbers"),
        ([1, float("-inf")], "/data/1", "is -inf; JSON has only finite numbers"),
        (Decimal("NaN"), "/data", "is NaN; JSON has only finite numbers"),
        (Decimal("Infinity"), "/data", "is Infinity; JSON has only finite numbers"),
        (datetime(2026, 1, 31), "/data", "is a datetime without a time zone; add one"),  # noqa: DTZ001 (the point)
        (time(9, 30), "/data", "is of type time, which JSON does not have"),
        ({"a/b": {"c~d": {1}}}, "/data/a~1b/c~0d", "is a set, which has no order; convert it to a list"),
        (b"raw", "/data", "is bytes; encode them as text, for example with base64"),
        (object, "/data", "is of type type, which JSON does not have"),
        ((one for one in [1]), "/data", "is of type generator, which JSON does not have"),
        (f"cut {HALF}", "/data", "contains half of a surrogate pair, which is no character"),
        ({f"cut {HALF}": 1}, r"/data/cut \ud83d", "has a name that contains half of a surrogate pair"),
        ({(1, 2): 1}, "/data/(1, 2)", "has a name of type tuple; names are text"),
        ({float("nan"): 1}, "/data/nan", "has the name nan; names are text"),
        (UserDict(a=UserDict(b=float("inf"))), "/data/a/b", "is inf; JSON has only finite numbers"),
        (_cycle(), "/data/list/0", "contains itself"),
        (_deep(), "", "is nested too deeply"),
        ([10**5000], "/data/0", "Exceeds the limit"),
        (datetime.min.replace(tzinfo=EAST), "/data", "date value out of range"),
    ],
)
def test_a_value_outside_of_json_is_named_before_anything_is_sent(data: object, place: str, detail: str) -> None:
    api = Api(httpx.Response(202, json={"events": []}))
    events: list[Event] = [*([{"type": "t"}] * 1500), {"type": "t", "data": data}]
    with pytest.raises(InvalidEvent) as caught:
        api.client().send(events)
    assert api.asked == []
    assert (caught.value.index, caught.value.pointer) == (1500, f"/1500{place}")
    assert caught.value.detail.startswith(detail)
    assert str(caught.value) == f"Event 1500 can't be sent: /1500{place} {caught.value.detail}."
    str(caught.value).encode()  # it can be printed


@pytest.mark.parametrize("event", [None, "text", ["type"], 1])
def test_anything_but_a_mapping_or_bytes_is_refused(event: Any) -> None:
    with pytest.raises(InvalidEvent, match="Event 3 can't be sent: /3 is neither a mapping nor bytes"):
        encode(event, 3)


def test_bytes_are_sent_unchanged_and_mappings_as_utf8() -> None:
    assert encode(b'{"type":"t","data":1.10}', 0) == b'{"type":"t","data":1.10}'
    assert encode({"type": "Zoë"}, 0) == '{"type":"Zoë"}'.encode()
