import pytest

from shared.web.server.refusals import Refusal
from shared.web.server.request_head import FIELD_BYTES, MAX_HEADERS, RequestHead, without_upgrade


def take(head: RequestHead, name: bytes, value: bytes, before: int = 0) -> bool:
    head.left_bytes -= len(name) + len(value) + FIELD_BYTES
    return head.take(name, value, before)


@pytest.fixture
def head() -> RequestHead:
    head = RequestHead(1000)
    head.begin()
    return head


def test_headers_up_to_the_bound(head: RequestHead) -> None:
    assert take(head, b"a", b"b" * (999 - FIELD_BYTES))
    with pytest.raises(Refusal, match="1,000 bytes"):
        take(head, b"", b"")


def test_trailers_have_a_bound_of_their_own_and_are_no_headers(head: RequestHead) -> None:
    take(head, b"host", b"a")
    head.end("1.1")
    assert not take(head, b"host", b"b")
    assert not take(head, b"transfer-encoding", b"gzip")
    with pytest.raises(Refusal, match="1,000 bytes"):
        take(head, b"a", b"b" * 1000)


def test_trailers_are_counted(head: RequestHead) -> None:
    take(head, b"host", b"a")
    head.end("1.1")
    for _ in range(MAX_HEADERS):
        take(head, b"a", b"")
    with pytest.raises(Refusal, match="more than 100"):
        take(head, b"a", b"")


def test_the_next_request_begins_anew(head: RequestHead) -> None:
    take(head, b"host", b"a")
    take(head, b"expect", b"100-Continue")
    take(head, b"transfer-encoding", b"Chunked")
    head.end("1.1")
    assert (head.expects_continue, head.is_chunked) == (True, True)
    head.begin()
    assert (head.expects_continue, head.is_chunked) == (False, False)
    with pytest.raises(Refusal, match="Host"):
        head.end("1.1")


@pytest.mark.parametrize(
    ("connection", "kept"),
    [
        (b"Upgrade", b""),
        (b"upgrade, HTTP2-Settings", b""),
        (b"keep-alive, Upgrade", b"connection:keep-alive\r\n"),
        (b"Upgrade, close", b"connection: close\r\n"),
    ],
)
def test_an_offer_to_upgrade_is_left_out(connection: bytes, kept: bytes) -> None:
    headers = [
        (b"host", b"a"),
        (b"connection", connection),
        (b"upgrade", b"h2c"),
        (b"http2-settings", b"AA"),
        (b"x", b"y"),
    ]
    head = without_upgrade("POST", b"/?a=b", "1.1", headers)
    assert head == b"POST /?a=b HTTP/1.1\r\nhost: a\r\n%bx: y\r\n\r\n" % kept
