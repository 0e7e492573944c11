import pytest

from shared.model.errors import Fault, InvalidRequest
from shared.web.query import Query


def test_values_are_decoded_and_a_repeatable_parameter_keeps_them_all() -> None:
    query = Query(b"type=a%2Eb&type=&inbox=x", ["type", "inbox", "limit"], repeatable=["type"])
    query.check()
    assert query.all("type") == ["a.b", ""]
    assert query.first("inbox", "default") == "x"
    assert query.first("limit", "100") == "100"
    assert query.all("limit") == []


def test_what_is_unknown_or_repeated_is_told_with_what_was_found_later() -> None:
    query = Query(b"a%2Fb=secret&inbox=1&inbox=2&" + b"x" * 100, ["inbox", "limit"])
    query.fault("limit", "`limit` is too small.")
    query.take(InvalidRequest("The cursor is invalid.", [Fault(detail="It is cut off.", pointer="/after")]))
    with pytest.raises(InvalidRequest, match=r"^The query is invalid\.$") as caught:
        query.check()
    faults = caught.value.faults
    assert [fault.pointer for fault in faults] == ["/a~1b", "/inbox", f"/{'x' * 64}…", "/limit", "/after"]
    assert faults[0].detail == "There is no parameter `a/b`; known: `inbox`, `limit`."
    assert faults[1].detail == "`inbox` may be given only once."
    assert not any("secret" in fault.detail for fault in faults)
