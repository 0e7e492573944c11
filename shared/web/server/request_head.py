"""A request's line and headers: their bounds, and what may not stand in them because servers read it differently."""

from collections.abc import Iterable

from shared.web.server import refusals
from shared.web.server.refusals import Refusal

MAX_URL_BYTES = 16_384
"""The longest URL that the API itself can be asked with, an inbox with 20 types, has some 6,000."""

MAX_HEADERS = 100

FIELD_BYTES = 4
"""`: ` and the line's end."""

FRAMING = frozenset((b"host", b"transfer-encoding", b"expect"))
_UPGRADE = frozenset((b"upgrade", b"http2-settings"))


class RequestHead:
    """Bounds the head of each request on a connection. `is_open` from a request's first byte to its headers' end.

    `left_bytes` is what further headers may take. Past their end it is less than nothing, so that trailers are noticed.
    """

    __slots__ = ("_hosts", "_max_bytes", "_trailers", "expects_continue", "is_chunked", "is_open", "left_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.is_open = self.is_chunked = False

    def begin(self) -> None:
        """Begin a request."""
        self.is_open = True
        self.left_bytes = self._max_bytes
        self._hosts = self._trailers = 0
        self.is_chunked = self.expects_continue = False

    def take(self, name: bytes, value: bytes, before: int) -> bool:
        """Check a header, `name` in lower case, and the number before it; False if it is a trailer.

        The caller has charged its size to `left_bytes`. Raises `Refusal`.
        """
        if not self.is_open:
            before, self._trailers = self._trailers, self._trailers + 1
        if self.left_bytes < (0 if self.is_open else -self._max_bytes):
            raise self.too_large()
        if before >= MAX_HEADERS:
            raise refusals.headers_too_large(f"There are more than {MAX_HEADERS} headers.")
        if self.is_open and name in FRAMING:
            self._take_framing(name, value)
        return self.is_open

    def end(self, version: str) -> None:
        """End the headers. Raises `Refusal`."""
        self.is_open = False
        self.left_bytes = -1
        if version == "1.1":
            if self._hosts != 1:
                raise refusals.malformed("It needs exactly one Host")
        elif version != "1.0":
            raise refusals.malformed("Unknown version")
        elif self.is_chunked:
            raise refusals.malformed("HTTP/1.0 has no Transfer-Encoding")

    def too_large(self) -> Refusal:
        """Return the refusal of headers with too many bytes."""
        return refusals.headers_too_large(f"The headers are larger than {self._max_bytes:,} bytes.")

    def _take_framing(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._hosts += 1
        elif name == b"expect":
            self.expects_continue = value.lower() == b"100-continue"
        elif value.lower() != b"chunked":
            raise refusals.malformed("The only Transfer-Encoding is chunked")
        else:
            self.is_chunked = True


def without_upgrade(method: str, url: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a request's head without the offer to speak another protocol, which a server is free to ignore."""
    lines = [b"%b %b HTTP/%b" % (method.encode(), url, version.encode())]
    for name, value in headers:
        if name == b"connection":
            others = [token for token in value.split(b",") if token.strip().lower() not in _UPGRADE]
            lines += [b"connection:%b" % b",".join(others)] if others else []
        elif name not in _UPGRADE:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])
