"""Requests that two servers might read differently: all are refused, in the form of all other errors."""

import pytest

from tests.edges.raw import ask, request
from tests.edges.running import Running

pytestmark = pytest.mark.slow

CHUNKED = "Transfer-Encoding: chunked"
POST = "POST /v1/events HTTP/1.1\r\nHost: edges\r\n"
GET = "GET /healthz HTTP/1.1\r\n"

MALFORMED = {
    "Content-Length, then chunked": f"{POST}Content-Length: 4\r\n{CHUNKED}\r\n\r\n0\r\n\r\n",
    "chunked, then Content-Length": f"{POST}{CHUNKED}\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": f"{POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "one length twice": f"{POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a list of lengths": f"{POST}Content-Length: 1, 1\r\n\r\nx",
    "a signed length": f"{POST}Content-Length: +1\r\n\r\nx",
    "a length past 64 bits": f"{POST}Content-Length: 99999999999999999999\r\n\r\nx",
    "a coding before chunked": f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding behind chunked": f"{POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": f"{POST}{CHUNKED}\r\n{CHUNKED}\r\n\r\n0\r\n\r\n",
    "a coding like chunked": f"{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked behind a control": f"{POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked on a folded line": f"{POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": f"{POST.replace('1.1', '1.0')}{CHUNKED}\r\n\r\n0\r\n\r\n",
    "a chunk past 64 bits": f"{POST}{CHUNKED}\r\n\r\nfffffffffffffffff\r\n",
    "a negative chunk": f"{POST}{CHUNKED}\r\n\r\n-1\r\n",
    "a chunk with a prefix": f"{POST}{CHUNKED}\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "a chunk's line with LF": f"{POST}{CHUNKED}\r\n\r\n1\na\r\n0\r\n\r\n",
    "a chunk extension with LF": f"{POST}{CHUNKED}\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n",
    "a chunk longer than it says": f"{POST}{CHUNKED}\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a folded header": f"{GET}Host: a\r\nX: a\r\n b\r\n\r\n",
    "a space before the first header": f"{GET} Host: a\r\n\r\n",
    "a space before a colon": f"{GET}Host: a\r\nX : b\r\n\r\n",
    "LF for CRLF": "GET /healthz HTTP/1.1\nHost: a\n\n",
    "LF behind a header": f"{GET}Host: a\nX: b\r\n\r\n",
    "CR behind a header": f"{GET}Host: a\rX: b\r\n\r\n",
    "NUL in a header": f"{GET}Host: a\r\nX: b\0c\r\n\r\n",
    "no name": f"{GET}Host: a\r\n: b\r\n\r\n",
    "no Host": f"{GET}\r\n",
    "two Hosts": f"{GET}Host: a\r\nHost: b\r\n\r\n",
    "UTF-8 in the query": "GET /v1/inbox?type=ä HTTP/1.1\r\nHost: a\r\n\r\n",
    "UTF-8 in the path": "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/2 in the line": "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/2's preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": "GET /\r\n\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
async def test_what_two_servers_might_read_differently_is_refused(server: Running, text: str) -> None:
    # What follows must not be taken for a second request.
    answer, hung_up = await ask(server.port, text.encode("utf-8", "surrogateescape") + request("GET", "/healthz"))
    assert answer is not None
    assert (answer.status, hung_up) == (400, True)
    assert answer.problem()["type"] == "urn:triggers:problem:invalid-request"
    assert "edge" not in answer.problem()["detail"]


async def test_a_refusal_carries_the_id_that_its_request_was_given(server: Running) -> None:
    answer, _ = await ask(server.port, request("GET", "/healthz", "X-Request-ID: mine-1", "Transfer-Encoding: x"))
    assert answer is not None
    assert answer.problem()["instance"] == "urn:triggers:request:mine-1"
