import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import httpx
import pytest
from triggers_client import Accepted, Client, InvalidRequest, TriggersError, Unavailable

from tests.unit.triggers_client.talking import Api, problem

EMPTY = {"events": [], "next": "c", "more": False}


def accepting(request: httpx.Request) -> httpx.Response:
    """Accept a batch; derive missing ids as the service does."""
    key, events = request.headers["idempotency-key"].strip('"'), json.loads(request.content)
    named = [
        {"id": event.get("id", f"{key}:{n}"), "source": "/", "inbox": "default", "receipt": "r"}
        for n, event in enumerate(events)
    ]
    return httpx.Response(202, json={"accepted": len(events), "events": named})


def test_accepted_events_are_returned_in_order() -> None:
    api = Api(accepting)
    accepted = api.client().send([{"type": "t", "id": "a"}, {"type": "t"}], inbox="orders", idempotency_key="k")
    assert accepted == [
        Accepted(id="a", source="/", inbox="default", receipt="r"),
        Accepted(id="k-0:1", source="/", inbox="default", receipt="r"),
    ]
    (asked,) = api.asked
    assert (asked.method, asked.url.raw_path) == ("POST", b"/v1/events?inbox=orders")
    assert asked.headers["authorization"] == "Bearer the-key"
    assert asked.headers["content-type"] == "application/json"


def test_each_request_of_a_send_has_its_own_key_which_a_repeat_reuses() -> None:
    api, events = Api(accepting), [{"type": "t"}] * 1001
    first = api.client().send(iter(events), idempotency_key="k")
    again = api.client().send(events, idempotency_key="k")
    assert len({one.id for one in first}) == 1001
    assert again == first
    assert [asked.headers["idempotency-key"] for asked in api.asked] == ['"k-0"', '"k-1000"'] * 2


def test_without_a_key_no_two_sends_share_one() -> None:
    api = Api(accepting)
    one, two = (api.client().send([{"type": "t"}])[0].id for _ in range(2))
    assert one != two


@pytest.mark.parametrize(
    "failure",
    [
        *(lambda _, status=status: problem(status) for status in (429, 502, 503, 504)),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
    ],
)
def test_a_request_that_fails_is_repeated_under_one_key(failure: Exception | Callable[..., httpx.Response]) -> None:
    api = Api(failure, failure, accepting)
    assert len(api.client().send([{"type": "t"}])) == 1
    assert len({asked.headers["idempotency-key"] for asked in api.asked}) == 1
    assert len({asked.content for asked in api.asked}) == 1
    assert len(api.asked) == 3
    assert len(api.waited) == 2


def test_retry_after_is_waited_for() -> None:
    api = Api(problem(503, retry_after="7"), accepting)
    api.client().send([{"type": "t"}])
    (waited,) = api.waited
    assert 7 <= waited <= 8.4


def test_it_gives_up_after_the_maximum_number_of_attempts() -> None:
    api = Api(problem(503))
    with pytest.raises(Unavailable, match="503: Detail"):
        api.client(attempts=3).page()
    assert len(api.asked) == 3
    with pytest.raises(Unavailable, match="can't be reached: ReadTimeout"):
        Api(httpx.ReadTimeout("")).client(attempts=1).page()


def test_a_429_is_not_counted_as_a_failure() -> None:
    api = Api(*[problem(429, retry_after="1") for _ in range(5)], accepting)
    assert api.client(attempts=1).send([{"type": "t"}])


def test_without_a_limit_it_keeps_retrying() -> None:
    api = Api(*[httpx.ConnectError("refused") for _ in range(50)], httpx.Response(200, json=EMPTY))
    assert api.client(attempts=None).page().cursor == "c"


def test_a_refused_request_points_into_all_events() -> None:
    api = Api(accepting, problem(400, ("Missing.", "/0/type")))
    with pytest.raises(InvalidRequest) as raised:
        api.client().send([{"type": "t"}] * 1000 + [{}])
    assert raised.value.faults[0].pointer == "/1000/type"


def test_following_goes_from_cursor_to_cursor_and_yields_empty_pages_too() -> None:
    events = [{"id": "1"}]
    pages = [{"events": events, "next": "b", "more": True}, EMPTY]
    api = Api(*(httpx.Response(200, json=page) for page in pages))
    found = list(islice(api.client().follow("orders", cursor="a", types=["x", "y.*"], limit=5, wait=3), 2))
    assert [(page.events, page.cursor, page.more) for page in found] == [(events, "b", True), ([], "c", False)]
    asked = [dict(request.url.params.multi_items()) for request in api.asked]
    assert [one["after"] for one in asked] == ["a", "b"]
    assert api.asked[0].url.params.get_list("type") == ["x", "y.*"]
    assert (asked[0]["inbox"], asked[0]["limit"], asked[0]["wait"]) == ("orders", "5", "3")


def test_the_first_page_has_no_cursor() -> None:
    api = Api(httpx.Response(200, json=EMPTY))
    api.client().page()
    assert "after" not in api.asked[0].url.params


def test_following_without_waiting_is_refused() -> None:
    with pytest.raises(ValueError, match="wait"):
        next(Api(problem(500)).client().follow(wait=0))


def test_acks_are_grouped_by_inbox_with_a_thousand_per_request() -> None:
    api = Api(httpx.Response(202, json={"accepted": 1}))
    events = [{"inbox": "b", "position": "p"}, *({"inbox": "a", "position": f"{n}"} for n in range(1001))]
    api.client().ack(events)
    sent: list[dict[str, Any]] = [json.loads(asked.content) for asked in api.asked]
    assert [(one["inbox"], len(one["positions"])) for one in sent] == [("b", 1), ("a", 1000), ("a", 1)]
    assert {asked.url.path for asked in api.asked} == {"/v1/acks"}


def test_acknowledging_nothing_makes_no_request() -> None:
    api = Api(problem(500))
    api.client().ack([])
    assert api.asked == []


@pytest.mark.parametrize("event_id", ["a/b", "a%2Fb", "?#&", "Zoë 東京", "/", "..", ". +"])
def test_any_id_can_be_looked_up_and_erased(event_id: str) -> None:
    api = Api(httpx.Response(200, json={"id": event_id}), httpx.Response(202, json={"accepted": 1}))
    assert api.client().get(event_id, source="s", inbox="i")["id"] == event_id
    api.client().erase(event_id)
    assert [asked.method for asked in api.asked] == ["GET", "DELETE"]
    assert api.asked[0].url.params == httpx.QueryParams(id=event_id, source="s", inbox="i")
    assert api.asked[1].url.params == httpx.QueryParams(id=event_id, source="/", inbox="default", erase="true")
    assert {asked.url.path for asked in api.asked} == {"/v1/events"}


def test_an_answer_that_is_not_json_is_an_error() -> None:
    with pytest.raises(TriggersError, match="did not return JSON"):
        Api(httpx.Response(200, content=b"<html>")).client().page()


def test_a_url_without_a_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="http"):
        Client("localhost:8000", "k")


def test_a_key_that_no_header_can_carry_is_refused_without_naming_it() -> None:
    with pytest.raises(ValueError, match="invalid characters") as refused:
        Client("http://triggers", "trg_secret\n")
    assert "secret" not in str(refused.value)
    with pytest.raises(ValueError, match="URL is invalid"):
        Client("http://[::1", "k")


def test_the_environment_specifies_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIGGERS_URL", "http://127.0.0.1:1")
    monkeypatch.delenv("TRIGGERS_API_KEY", raising=False)
    with pytest.raises(TriggersError, match=r"Set the environment variable TRIGGERS_API_KEY\."):
        Client.from_environment()
    monkeypatch.setenv("TRIGGERS_API_KEY", "k")
    with Client.from_environment(attempts=1) as client, pytest.raises(Unavailable):
        client.page()
