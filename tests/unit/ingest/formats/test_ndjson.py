import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.ndjson import read_ndjson
from shared.model.errors import InvalidRequest
from tests.unit.ingest.formats.reading import body_of, defaults, faults_of


def ndjson_faults(body: bytes) -> dict[str | None, str]:
    return faults_of(lambda: read_ndjson(body, defaults()))


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n", b"\n \t\r\n"])
@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"\n\n"])
def test_each_line_is_an_event_and_blank_lines_are_ignored(between: bytes, end: bytes) -> None:
    batch = read_ndjson(
        b'{"type":"a","inbox":"x"}' + between + b' {"type":"b","data": 1.10 }' + end, defaults(inbox="y")
    )
    assert not batch.single
    assert [(event.type, event.inbox) for event in batch.events] == [("a", "x"), ("b", "y")]
    assert bytes(batch.events[1].body).endswith(b'"data":1.10}')


def test_an_idempotency_key_gives_ids_by_index() -> None:
    batch = read_ndjson(b'{"type":"a"}\n\n{"type":"b"}', defaults(idempotency_key="k"))
    assert [event.id for event in batch.events] == ["k:0", "k:1"]
    with pytest.raises(InvalidRequest):
        read_ndjson(b'{"type":"a"}', defaults(idempotency_key="k" * 254))


def test_every_fault_is_listed_with_its_line_and_its_event() -> None:
    body = b'{"type":"a"}\n\n{"typ":"a"}\n{"type"\n3\n{"type":"a","id":"1","id":"1"}\n[{"type":"a"}]\n{"type":"\x7f"}'
    assert ndjson_faults(body) == {
        "/1/type": "Line 3: `type` is missing.",
        "/1/typ": "Line 3: Unknown field `typ`.",
        "/2": "Line 4: The JSON ends unexpectedly, or escapes half of a surrogate pair (byte 7).",
        "/3": "Line 5: An event must be a JSON object.",
        "/4/id": "Line 6: `id` is given more than once.",
        "/5": "Line 7: An event must be a JSON object.",
        "/6/type": "Line 8: `type` must be a string of 1 to 255 characters without control characters,"
        " noncharacters or halves of surrogate pairs.",
    }


@pytest.mark.parametrize("line", [b'{"type":"a","type":"a"}', b'{"type":"a","data":1,"data":2}', b'{"type":"\x7f"}'])
def test_faults_that_the_decoder_ignores_are_found(line: bytes) -> None:
    assert len(ndjson_faults(b'{"type":"a"}\n' + line)) == 1


@pytest.mark.parametrize("levels", [501, 5000])
def test_data_too_deep_is_found_in_its_line(levels: int) -> None:
    deep = b'{"type":"a","data":' + b"[" * levels + b"]" * levels + b"}"
    ((pointer, detail),) = ndjson_faults(b'{"type":"a"}\n' + deep).items()
    assert (pointer or "").startswith("/1")
    assert detail.startswith("Line 2: ")
    assert "deeper than 500 levels" in detail


def test_a_body_that_is_not_utf_8_is_refused_with_its_byte_offset() -> None:
    assert ndjson_faults(b'{"type":"a"}\n\xff') == {None: "The body is not valid UTF-8 (byte 13)."}


@pytest.mark.parametrize(("count", "fine"), [(0, False), (1, True), (1000, True), (1001, False)])
def test_there_are_1_to_1000_lines(count: int, fine: bool) -> None:  # noqa: FBT001
    body = b'{"type":"a"}\n' * count
    if fine:
        assert len(read_ndjson(body, defaults()).events) == count
    else:
        assert ndjson_faults(body).keys() == {""}


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.dictionaries(texts, texts), min_size=1, max_size=5))
def test_any_data_is_kept(payloads: list[dict[str, str]]) -> None:
    body = b"\n".join(json.dumps({"type": "a", "data": data}, ensure_ascii=False).encode() for data in payloads)
    assert [body_of(event)["data"] for event in read_ndjson(body, defaults()).events] == payloads
