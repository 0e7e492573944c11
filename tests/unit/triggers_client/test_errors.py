import httpx
import pytest
from triggers_client import (
    Fault,
    Forbidden,
    InvalidRequest,
    NotFound,
    Refused,
    TooLarge,
    TriggersError,
    Unauthorized,
)
from triggers_client.errors import refused

from tests.unit.triggers_client.talking import Api, problem


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (413, TooLarge),
        (415, Refused),
        (500, Refused),
    ],
)
def test_the_status_determines_the_error(status: int, error: type[Refused]) -> None:
    api = Api(problem(status))
    with api.client() as client, pytest.raises(TriggersError) as raised:
        client.page()
    assert type(raised.value) is error
    assert str(raised.value) == f"{status}: Detail."
    assert isinstance(raised.value, Refused)
    assert (raised.value.status, raised.value.title, raised.value.instance) == (status, "Title", "urn:1")
    assert len(api.asked) == 1


def test_faults_point_into_all_events_that_were_given() -> None:
    answer = problem(400, ("`type` is missing.", "/3/type"), ("No.", "/0"), ("Odd.", "/x"))
    pointers = [fault.pointer for fault in refused(answer, first=2000).faults]
    assert pointers == ["/2003/type", "/2000", "/x"]
    assert refused(answer).faults[0] == Fault(detail="`type` is missing.", pointer="/3/type")
    assert str(refused(answer)) == "400: Detail. `type` is missing. No. Odd."


@pytest.mark.parametrize("body", [b"<h1>Bad gateway</h1>", b"[]", b"{}", b'{"errors":1}'])
def test_an_answer_without_problem_details_is_reported_by_its_status(body: bytes) -> None:
    error = refused(httpx.Response(400, content=body))
    assert str(error) == "400: Bad Request"
    assert error.faults == ()
