"""Lines into requests: nothing lost, nothing changed, nothing too big."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import event_file
from cli.event_file import MAX_LINE_BYTES, BadLine, Batch
from shared.model.event import MAX_REQUEST_BYTES

events = st.integers(0, 400).map(lambda size: b'{"type":"t","data":"%b"}' % (b"x" * size))
ends = st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n \t\n"])


@given(st.lists(st.tuples(events, ends), max_size=40), st.integers(1, 7))
def test_every_line_is_in_one_batch_unchanged_and_in_order(rows: list[tuple[bytes, bytes]], size: int) -> None:
    found = good(b"".join(line + end for line, end in rows), size)
    assert all(1 <= len(batch.lines) <= size for batch in found)
    assert b",".join(batch.body[1:-1] for batch in found) == b",".join(line for line, _ in rows)
    assert all(batch.body[:1] + batch.body[-1:] == b"[]" for batch in found)


def test_lines_are_counted_as_an_editor_does() -> None:
    [batch] = good(b'\n{"a":1}\n\r\n  {"a":2}  \n{"a":3}', 10)
    assert batch.lines == (2, 4, 5)


def test_a_byte_order_mark_begins_the_file_and_no_line() -> None:
    [batch] = good(b'\xef\xbb\xbf{"a":1}\n{"a":2}', 10)
    assert batch.body == b'[{"a":1},{"a":2}]'
    found = event_file.read(io.BytesIO(b'{"a":1}\n\xef\xbb\xbf{"a":2}'), 10)
    assert [item.line for item in found if isinstance(item, BadLine)] == [2]


def test_a_body_may_fill_a_request_but_never_exceeds_it() -> None:
    half = line_of(MAX_REQUEST_BYTES // 2 - 2)
    [full] = good(half + b"\n" + line_of(MAX_REQUEST_BYTES - len(half) - 3), 10)
    assert len(full.body) == MAX_REQUEST_BYTES
    first, second = good(half + b"\n" + line_of(MAX_REQUEST_BYTES - len(half) - 2), 10)
    assert len(first.body) + len(second.body) == MAX_REQUEST_BYTES + 2


def test_the_longest_line_fills_a_request() -> None:
    [batch] = good(line_of(MAX_LINE_BYTES) + b"\r\n", 10)
    assert len(batch.body) == MAX_REQUEST_BYTES


@pytest.mark.parametrize("end", [b"", b"\n", b"  \n", b"\r\n"])
def test_only_a_longer_line_is_left_out(end: bytes) -> None:
    first, bad, last = event_file.read(io.BytesIO(b'{"a":1}\n' + line_of(3 * MAX_LINE_BYTES) + b'\n{"b":1}' + end), 1)
    assert isinstance(first, Batch) or isinstance(bad, Batch)
    assert {item.lines for item in (first, bad, last) if isinstance(item, Batch)} == {(1,), (3,)}
    assert [item.line for item in (first, bad, last) if isinstance(item, BadLine)] == [2]


@pytest.mark.parametrize("extra", [1, 2, 3])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_just_too_long_is_left_out(extra: int, end: bytes) -> None:
    [bad] = event_file.read(io.BytesIO(line_of(MAX_LINE_BYTES + extra) + end), 1)
    assert isinstance(bad, BadLine)
    assert "longer" in bad.why


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"[]", "is not a JSON object"),
        (b"7", "is not a JSON object"),
        (b'{"a":1},{"b":2}', "is not JSON"),
        (b'{"a":', "is not JSON"),
        (b'{"a":"\xff"}', "is not valid UTF-8"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply"),
    ],
)
def test_a_line_that_would_invalidate_its_batch_is_left_out(line: bytes, why: str) -> None:
    bad, batch = event_file.read(io.BytesIO(line + b'\n{"a":1}'), 10)
    assert isinstance(bad, BadLine)
    assert isinstance(batch, Batch)
    assert bad.why.startswith(why)
    assert batch.lines == (2,)


def test_a_key_depends_on_content_and_place() -> None:
    content = b'{"a":1}\n{"a":2}\n{"a":2}\n'
    first, second, third = good(content, 1)
    assert len({first.key, second.key, third.key}) == 3
    assert [batch.key for batch in good(content, 1)] == [first.key, second.key, third.key]
    assert [batch.key for batch in good(content + b'{"a":3}', 1)][:3] == [first.key, second.key, third.key]


def good(content: bytes, size: int) -> list[Batch]:
    found = list(event_file.read(io.BytesIO(content), size))
    assert all(isinstance(item, Batch) for item in found)
    return [item for item in found if isinstance(item, Batch)]


def line_of(size: int) -> bytes:
    return b'{"data":"' + b"x" * (size - 11) + b'"}'


def test_cloudevents_and_plain_events_are_sent_apart() -> None:
    plain, cloud = b'{"type":"t"}', b'{"specversion":"1.0","id":"1","source":"/","type":"t"}'
    batches = good(b"\n".join([plain, cloud, cloud, plain]), 10)
    assert [(batch.lines, batch.media_type) for batch in batches] == [
        ((1,), event_file.JSON),
        ((2, 3), event_file.CLOUDEVENTS),
        ((4,), event_file.JSON),
    ]
