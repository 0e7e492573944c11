"""`triggers groups` and `triggers tail --group`: their requests and their output."""

from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from cli.main import triggers
from shared.model import position
from tests.unit.cli.fake_api import Answer, FakeApi, problem

GROUP: dict[str, Any] = {
    "group": "billing",
    "inbox": "orders",
    "types": ["order.*", "x"],
    "max_attempts": 5,
    "backoff": {"min": 5, "max": 600},
    "next": "CURSOR",
    "lag": "10000+",
    "oldest": "2026-11-22T17:03:11.042Z",
    "leases": 2,
    "leased": 103,
    "retries": 1,
    "quarantined": 3,
}
EVENT = {"specversion": "1.0", "id": "order-17", "source": "/shop", "type": "order.paid"}


def run(api: FakeApi, *arguments: str) -> Result:
    return CliRunner().invoke(triggers, [*arguments, "--url", api.url, "--api-key", "trg_k_s"])


def answer(content: object) -> Answer:
    return Answer(200, msgspec.json.encode(content))


def asked(api: FakeApi) -> list[tuple[str, str, dict[str, list[str]], Any]]:
    return [(one.method, one.path, one.query, msgspec.json.decode(one.body) if one.body else None) for one in api.asked]


def test_groups_are_listed(api: FakeApi) -> None:
    api.answers = [answer({"groups": [GROUP, {**GROUP, "group": "idle", "types": [], "oldest": None, "lag": 0}]})]
    done = run(api, "groups", "list", "--inbox", "orders")
    header, billing, idle = done.stdout.splitlines()
    assert header.split() == ["group", "types", "lag", "leased", "leases", "retries", "quarantined", "oldest"]
    assert billing.split() == [
        *("billing", "order.*,", "x", "10000+", "103", "2", "1", "3"),
        "2026-11-22T17:03:11.042Z",
    ]
    assert idle.split()[:3] == ["idle", "all", "0"]
    assert asked(api) == [("GET", "/v1/groups", {"inbox": ["orders"]}, None)]


def test_an_inbox_without_groups_says_how_to_make_one(api: FakeApi) -> None:
    api.answers = [answer({"groups": []})]
    assert run(api, "groups", "list").stdout == "The inbox default has no groups: the first lease creates one.\n"


def test_a_group_is_shown(api: FakeApi) -> None:
    api.otherwise = lambda _: answer(GROUP)
    assert "Attempts: 5; backoff: 5 to 600 s; cursor: CURSOR" in run(api, "groups", "show", "billing").stdout
    assert msgspec.json.decode(run(api, "groups", "show", "billing", "--json").stdout) == GROUP
    assert asked(api)[0] == ("GET", "/v1/groups/billing", {"inbox": ["default"]}, None)


def test_a_group_that_does_not_exist_is_one_line(api: FakeApi) -> None:
    api.answers = [problem(404, "The inbox 'default' has no group 'x'.")]
    done = run(api, "groups", "show", "x")
    assert (done.exit_code, done.stderr) == (1, "Error: 404: The inbox 'default' has no group 'x'.\n")


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (["--start"], {"start": True}),
        (["--end"], {"end": True}),
        (["--since", "2026-11-22T00:00:00Z"], {"since": "2026-11-22T00:00:00Z"}),
        (["--after", "CURSOR"], {"after": "CURSOR"}),
    ],
)
def test_a_seek(api: FakeApi, options: list[str], body: dict[str, Any]) -> None:
    api.answers = [answer({**GROUP, "lag": 7})]
    assert run(api, "groups", "seek", "billing", *options).stdout == "7 events are to be leased.\n"
    assert asked(api) == [("POST", "/v1/groups/billing/seek", {"inbox": ["default"]}, body)]


@pytest.mark.parametrize("options", [[], ["--start", "--end"]])
def test_a_seek_needs_one_target(api: FakeApi, options: list[str]) -> None:
    assert run(api, "groups", "seek", "billing", *options).exit_code == 2
    assert api.asked == []


def test_the_quarantine_is_read_page_by_page(api: FakeApi) -> None:
    def event(content: object, at: str, reason: str = "no stock") -> dict[str, Any]:
        return {"position": at, "attempts": 5, "quarantinedat": "2026", "reason": reason, "event": content}

    api.answers = [
        answer({"events": [event(EVENT, position.FIRST)], "more": True}),
        answer({"events": [event(None, position.LAST, "[red]gone")], "more": False}),
    ]
    _, first, second = run(api, "groups", "quarantine", "billing").stdout.splitlines()
    assert first.split() == [position.FIRST, "order.paid", "/shop", "order-17", "5", "2026", "no", "stock"]
    assert second.split() == [
        position.LAST,
        "-",
        "-",
        *["no", "longer", "in", "the", "inbox", "5", "2026", "[red]gone"],
    ]
    assert [query.get("after") for _, _, query, _ in asked(api)] == [None, [position.FIRST]]


def test_an_empty_quarantine(api: FakeApi) -> None:
    api.answers = [answer({"events": [], "more": False})]
    assert run(api, "groups", "quarantine", "billing").stdout == "The quarantine is empty.\n"


@pytest.mark.parametrize(
    ("options", "body"), [(["--release-all"], {}), (["--release", "a", "--release", "b"], {"positions": ["a", "b"]})]
)
def test_events_are_released_from_quarantine(api: FakeApi, options: list[str], body: dict[str, Any]) -> None:
    api.answers = [answer({"released": 2})]
    assert run(api, "groups", "quarantine", "billing", *options).stdout == "2 released.\n"
    assert asked(api) == [("POST", "/v1/groups/billing/quarantine/release", {"inbox": ["default"]}, body)]


def test_a_member_prints_what_it_leases_and_acks_it(api: FakeApi) -> None:
    lease = b'{"lease":"L","until":"2026","attempt":1,"events":[{"data": 1e999 }, {"a":\n1}],"more":true}'
    api.answers = [
        Answer(200, lease),
        answer({"done": 2, "left": 0}),
        Answer(200, lease),
        problem(409, "The lease has ended."),
        answer({"lease": None, "events": [], "more": False}),
    ]
    done = run(api, "tail", "--group", "billing", "--inbox", "orders", "--once")
    assert (done.exit_code, done.stdout) == (0, '{"data": 1e999 }\n{"a": 1}\n' * 2)
    leased = {"group": "billing", "inbox": "orders", "limit": 100, "seconds": 60, "wait": 0}
    assert [one[1:] for one in asked(api)[:2]] == [("/v1/leases", {}, leased), ("/v1/leases/L/ack", {}, None)]


def test_a_member_stops_at_a_refusal(api: FakeApi) -> None:
    api.answers = [problem(403, "The API key lacks the scope inbox:ack.")]
    done = run(api, "tail", "--group", "billing", "--once")
    assert (done.exit_code, done.stderr) == (1, "Error: 403: The API key lacks the scope inbox:ack.\n")


def test_a_group_has_no_cursor(api: FakeApi) -> None:
    done = run(api, "tail", "--group", "billing", "--after", "c")
    assert done.exit_code == 2
    assert "triggers groups seek" in done.stderr
