"""How the page follows an inbox, run by Node against an API with scripted answers."""

from typing import Any

import msgspec

from tests.unit.console.node import evaluate

_SCRIPT = """\
const [{ Feed }, { RequestError }] = await Promise.all(["feed", "api"].map((name) => import(`FOLDER/${name}.js`)));
const answers = given;
const stop = new AbortController();
const log = [];
const api = {
  async get(path) {
    log.push(["asked", path]);
    const next = answers.shift();
    if (next === undefined) {
      stop.abort();
      throw new RequestError("the end");
    }
    if (next.status) throw new RequestError(next.detail, next);
    return { text: JSON.stringify(next), serverMs: Date.parse("2026-11-22T17:00:30Z") };
  },
};
const listener = {
  events: (found, { live }) => found.length && log.push([live ? "live" : "newest", found.map((event) => event.id)]),
  state: (feed) => log.push(["state", feed.state]),
  skipped: () => log.push(["skipped"]),
};
await new Feed("orders", api, TYPES, listener).run(stop.signal);
answer = log;
"""
POSITION = "019aac9b-2e80-7000-8000-000000000000"  # its time is 2025-11-22T17:27:22.496Z
NEWEST = {"id": POSITION, "eventid": "e1", "type": "t", "source": "/", "position": POSITION, "data": 1}


def event(event_id: str) -> dict[str, Any]:
    return {"id": event_id, "type": "t", "source": "/", "position": POSITION}


def page(*ids: str, after: str = "c1", more: bool = False) -> dict[str, Any]:
    return {"events": [event(one) for one in ids], "next": after, "more": more}


def follow(*answers: object, types: tuple[str, ...] = ()) -> list[list[Any]]:
    """Return the requests and the notifications of the feed until the answers run out."""
    script = _SCRIPT.replace("TYPES", msgspec.json.encode(types).decode())
    reported: list[list[Any]] = evaluate(script, answers)
    return reported


def asked(reported: list[list[Any]]) -> list[str]:
    return [path.partition("?")[2] for what, path in (one for one in reported if one[0] == "asked") if what]


def test_a_feed_starts_with_the_newest_events_and_continues_by_cursor() -> None:
    reported = follow([NEWEST], page("e1", "e2"), page("e3", after="c2"))
    newest, since, after, last = asked(reported)
    assert newest == "inbox=orders&format=zapier&limit=50"
    assert since == "inbox=orders&limit=500&wait=20&early=true&since=2025-11-22T17%3A27%3A22.496Z"
    assert after == "inbox=orders&limit=500&wait=20&early=true&after=c1"
    assert last.endswith("after=c2")
    # The first page holds the newest event again: the list knows it by its position.
    assert [one[1] for one in reported if one[0] in {"newest", "live"}] == [["e1"], ["e1", "e2"], ["e3"]]


def test_in_an_empty_inbox_it_starts_slightly_before_the_servers_time() -> None:
    reported = follow([], page())
    assert asked(reported)[1].endswith("&since=2026-11-22T17%3A00%3A20.000Z")


def test_every_request_contains_the_types() -> None:
    reported = follow([NEWEST], page(), types=("order.*",))
    assert all(query.endswith("&type=order.*") for query in asked(reported))


def test_a_feed_that_can_not_keep_up_skips_to_the_newest_and_reports_it() -> None:
    reported = follow([NEWEST], *(page("e", more=True) for _ in range(11)), [NEWEST], page())
    states = [one[1] for one in reported if one[0] == "state"]
    assert states[:4] == ["live", "live", "behind", "behind"]
    at = reported.index(["skipped"])
    assert reported[at + 1] == ["asked", "/v1/inbox?inbox=orders&format=zapier&limit=50"]
    assert "since=" in asked(reported)[-2]


def test_after_an_error_it_polls_without_waiting_for_events() -> None:
    reported = follow([NEWEST], {"status": 503, "detail": "full"}, page())
    assert ["state", "waiting"] in reported
    queries = asked(reported)
    assert "wait=20" in queries[1]
    assert "wait=0" in queries[2]
    assert "wait=20" in queries[3]


def test_a_forbidden_request_is_not_repeated() -> None:
    reported = follow({"status": 403, "detail": "no"}, [NEWEST])
    assert reported == [["asked", "/v1/inbox?inbox=orders&format=zapier&limit=50"], ["state", "refused"]]
