"""Hostile payloads: those accepted, and those refused with their error."""

import random
import string
from collections.abc import Mapping

from shared.model.event import MAX_DATA_DEPTH, MAX_REQUEST_BYTES
from tests.integration.deployment import batch, event


def nested(levels: int, opening: bytes = b"[", inside: bytes = b"", closing: bytes = b"]") -> bytes:
    return opening * levels + inside + closing * levels


def filling(size: int, alphabet: str = "x", **fields: str) -> bytes:
    """Return a random JSON string that makes the request `size` bytes long."""
    length = size - len(event(b'""', **fields))
    # Random each time, so that bodies differ.
    return f'"{"".join(random.SystemRandom().choices(alphabet, k=length))}"'.encode()


_BASE64 = string.ascii_lowercase + string.ascii_uppercase + string.digits + "+/"

ACCEPTED: Mapping[str, bytes] = {
    "no-characters": '"\uffff\ufffe\ufdd0"'.encode(),
    "an-escaped-no-character": rb'"\uffff"',
    "an-escaped-null": rb'"\u0000"',
    "escaped-controls": rb'"\u0001\u001f\u007f"',
    "characters-mistaken-for-controls": '"\x7f\x85\u2028\ufeff"'.encode(),
    "a-surrogate-pair": rb'{"\ud83d\ude80":"\ud83d\ude80"}',
    "the-deepest": nested(MAX_DATA_DEPTH),
    "the-deepest-in-objects": nested(MAX_DATA_DEPTH, b'{"a":', b"1", b"}"),
    "brackets-in-a-string": b'"' + b'[{\\"' * 600 + b'"',
    "names-twice": b'{"a":1,"b":2,"a":3,"a":3}',
    "400-digits-twice": b"-" + b"9" * 400 + b"." + b"1" * 400 + b"e-400",
    "308-digits": b"9" * 308,
    "unnormalized-numbers": b"[-0,1.10,1e5,1E+05,0.0]",
    "names-of-ours": b'{"position":"1","inbox":"2","specversion":"3"}',
    "the-largest-request": filling(MAX_REQUEST_BYTES, id="the-largest-request"),
    # zstd leaves a half and three quarters: the first fits an item, the second does not.
    "hex": filling(MAX_REQUEST_BYTES, string.hexdigits[:16], id="hex"),
    "base64": filling(MAX_REQUEST_BYTES, _BASE64, id="base64"),
}
"""Payloads by event id; reads return the same bytes."""

ENCODED: Mapping[str, bytes] = {
    "half-a-pair": rb'"\ud800"',
    "half-a-pair-and-more": rb'"\ud800 and a little more"',
    "two-first-halves": rb'"\ud800\ud800"',
    "the-second-half": rb'"\udc00"',
    "halves-in-the-wrong-order": rb'["\udc00\ud800", "\\\ud83d\ud83d\ude80" ]',
    "half-a-pair-as-a-name": rb'{"\ud800":1}',
    "out-of-range-of-a-double": b"[1e999,-1e999,1e-999]",
    "400-digits": b"9" * 400,
    "5000-digits": b"7" * 5000,
    "5000-digits-after-the-point": b"[0." + b"7" * 5000 + b", 1]",
}
"""Payloads by event id that reads return as `data_base64`, since common parsers refuse them."""

IN_BUCKET = "base64"

_MALFORMED = r"JSON is malformed: .* \(byte \d+\)"
_NO_UTF_8 = r"not valid UTF-8 \(byte \d+\)"
_TOO_DEEP = "nests deeper than 500 levels"

REFUSED: Mapping[bytes, str] = {
    b'{"type":"t","id":"\\udfff"}': "halves of surrogate pairs.*/id",
    event(nested(MAX_DATA_DEPTH + 1)): f"{_TOO_DEEP}.*/data",
    event(nested(MAX_DATA_DEPTH + 1, b'{"a":', b"1", b"}")): f"{_TOO_DEEP}.*/data",
    event(nested(100_000)): _TOO_DEEP,
    event(b"[" * 100_000): _TOO_DEEP,
    batch([event(b"1"), event(nested(MAX_DATA_DEPTH + 1))]): f"{_TOO_DEEP}.*/1/data",
    event(b'"\xff"'): _NO_UTF_8,
    event(b'"\xc0\x80"'): _NO_UTF_8,  # an overlong null
    event(b'"\xed\xa0\x80"'): _NO_UTF_8,  # half a surrogate pair, not escaped
    event(b'"\xe2\x82"'): _NO_UTF_8,  # cut off
    event(b"1").decode().encode("utf-16"): _NO_UTF_8,
    event(b'"\x00"'): _MALFORMED,
    event(b'"\n"'): _MALFORMED,
    event(b'"\x1f"'): _MALFORMED,
    event(b"NaN"): _MALFORMED,
    event(b"-Infinity"): _MALFORMED,
    event(b"0x1"): _MALFORMED,
    event(b"01"): _MALFORMED,
    event(b"[1,]"): _MALFORMED,
    event(b""): _MALFORMED,
    event(b"1") + event(b"2"): _MALFORMED,
    b"\xef\xbb\xbf" * 2 + event(b"1"): r"JSON is malformed: .* \(byte 0\)",
    event(b"[1,2")[:-1]: r"ends unexpectedly.* \(byte \d+\)",
    b"": "The body is empty",
    b" \r\n": "The body is empty",
    b'{"type":"t","id":"\\u0000"}': "`id` must be a string.*/id",
    event(b"1", id="\uffff"): "`id` must be a string.*/id",
    event(b"1", type="a\x7f"): "`type` must be a string.*/type",
}
"""Whole bodies, with a pattern of the problem: what, and where."""

TOO_LARGE = event(filling(MAX_REQUEST_BYTES + 1))
