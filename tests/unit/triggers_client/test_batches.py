import json
from typing import Any

from triggers_client.batches import MAX_BYTES, MAX_EVENTS, batches


def test_no_events_make_no_request() -> None:
    assert list(batches([])) == []


def test_a_request_holds_a_thousand_events() -> None:
    events = [{"type": "t", "id": str(n)} for n in range(MAX_EVENTS * 2 + 1)]
    made = list(batches(json.dumps(event).encode() for event in events))
    assert [batch.first for batch in made] == [0, 1000, 2000]
    assert [one for batch in made for one in json.loads(batch.body)] == events


def test_a_request_is_filled_to_the_last_byte_and_no_further() -> None:
    half = MAX_BYTES // 2 - 1  # two brackets and a comma: one byte short of fitting twice
    fits = [b'"%b"' % (b"x" * (size - 2)) for size in (half, half - 1, half)]
    one, two = batches(fits)
    assert len(one.body) == MAX_BYTES
    assert (one.first, two.first, len(two.body)) == (0, 2, half + 2)


def test_an_event_too_large_for_any_request_is_sent_alone() -> None:
    large: dict[str, Any] = {"type": "t", "data": "x" * MAX_BYTES}
    events = [{"type": "a"}, large, {"type": "b"}]
    bodies = [json.loads(batch.body) for batch in batches(json.dumps(event).encode() for event in events)]
    assert [len(body) for body in bodies] == [1, 1, 1]
    assert bodies[1] == [large]
