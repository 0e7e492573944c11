from typing import Annotated, Literal

import pytest
from msgspec import Meta

from shared.model.errors import Fault, InvalidRequest
from shared.web.query import Query, parse_query


def test_values_are_decoded_and_a_repeatable_parameter_keeps_them_all() -> None:
    query = Query(b"type=a%2Eb&type=&inbox=x", ["type", "inbox", "limit"], repeatable=["type"])
    query.check()
    assert query.all("type") == ["a.b", ""]
    assert query.first("inbox", "default") == "x"
    assert query.first("limit", "100") == "100"
    assert query.all("limit") == []


def test_unknown_and_repeated_parameters_are_listed_with_faults_found_later() -> None:
    query = Query(b"a%2Fb=secret&inbox=1&inbox=2&" + b"x" * 100, ["inbox", "limit"])
    query.fault("limit", "`limit` is too small.")
    query.take(InvalidRequest("The cursor is invalid.", [Fault(detail="It is cut off.", pointer="/after")]))
    with pytest.raises(InvalidRequest, match=r"^The query is invalid\.$") as caught:
        query.check()
    faults = caught.value.faults
    assert [fault.pointer for fault in faults] == ["/a~1b", "/inbox", f"/{'x' * 64}…", "/limit", "/after"]
    assert faults[0].detail == "Unknown parameter `a/b`. Known parameters: `inbox`, `limit`."
    assert faults[1].detail == "`inbox` may be specified only once."
    assert not any("secret" in fault.detail for fault in faults)


TYPES = {
    "inbox": Annotated[str, Meta(min_length=1)],
    "source": Annotated[str, Meta(pattern=r"\A[!-~]+\Z")],
    "erase": Literal["true", "false"],
}
RULES = {name: f"`{name}` is wrong." for name in TYPES}


def test_typed_parameters_are_decoded() -> None:
    assert parse_query(b"source=%2Fa%3Fb&inbox=x", TYPES, RULES) == {"source": "/a?b", "inbox": "x"}
    assert parse_query(b"", TYPES, RULES) == {}


def test_every_fault_is_listed_by_its_rule_and_no_value_is_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_query(b"inbox=&source=%FF&erase=secret&erase=true&a%2Fb=secret", TYPES, RULES)
    faults = [(fault.pointer, fault.detail) for fault in caught.value.faults]
    assert [pointer for pointer, _ in faults] == ["/erase", "/a~1b", "/inbox", "/source", "/erase"]
    assert [detail for _, detail in faults][2:] == [RULES["inbox"], RULES["source"], RULES["erase"]]
    assert not any("secret" in detail for _, detail in faults)
