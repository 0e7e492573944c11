"""How the page reads a range of time, run by Node against an API with scripted answers."""

from typing import Any
from urllib.parse import parse_qs

from tests.unit.console.node import evaluate

_SCRIPT = """
const { readRange } = await import("FOLDER/history.js");
const asked = [];
const api = {
  async get(path) {
    asked.push(path);
    return { text: JSON.stringify(given.answers.shift()) };
  },
};
const query = { inbox: "orders", types: ["order.*"], delivered: given.delivered, fromMs: 1000, toMs: 5000 };
const { events, next } = await readRange(api, query, given.after, new AbortController().signal);
answer = [asked, events.map((event) => event.id), next];
"""


def event(id_: str, stored_ms: int) -> dict[str, Any]:
    stem = f"{stored_ms:012x}"
    return {"id": id_, "source": "/", "type": "order.x", "position": f"{stem[:8]}-{stem[8:]}-7000-8000-{0:012x}"}


def read(*answers: object, after: str | None = None, delivered: bool = False) -> tuple[list[dict[str, str]], Any, Any]:
    asked, ids, after_these = evaluate(_SCRIPT, {"answers": answers, "after": after, "delivered": delivered})
    queries = [{name: value for name, (value,) in parse_qs(path.partition("?")[2]).items()} for path in asked]
    return queries, ids, after_these


def page(*events: object, more: bool = False, cursor: str = "c1") -> dict[str, object]:
    return {"events": events, "next": cursor, "more": more}


def test_a_range_ends_with_the_last_event_in_it() -> None:
    asked, ids, following = read(page(event("a", 1000), event("b", 5000), event("c", 5001), more=True))
    query = {"inbox": "orders", "type": "order.*", "status": "undelivered", "limit": "300"}
    assert asked == [{**query, "since": "1970-01-01T00:00:01.000Z"}]
    assert (ids, following) == (["a", "b"], None)


def test_a_page_that_is_not_full_is_continued() -> None:
    first = page(*(event(f"e{n}", 2000 + n) for n in range(200)), more=True)
    asked, ids, following = read(first, page(event("z", 3000), cursor="c2"), delivered=True)
    assert [(one.get("after"), one["limit"], one["status"]) for one in asked] == [
        (None, "300", "delivered"),
        ("c1", "100", "delivered"),
    ]
    assert (len(ids), following) == (201, None)


def test_a_full_result_names_the_cursor_of_those_that_follow() -> None:
    full = page(*(event(f"e{n}", 2000 + n) for n in range(300)), more=True)
    asked, ids, following = read(full, after="c0")
    assert (asked[0]["after"], "since" in asked[0]) == ("c0", False)
    assert (len(ids), following) == (300, "c1")
