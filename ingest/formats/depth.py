"""How deep a JSON value nests. Parsers give up somewhere, each elsewhere; here it is `MAX_DATA_DEPTH`, always."""

import re
from array import array
from itertools import accumulate

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STEP = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


def deeper_than(limit: int, json: bytes) -> bool:
    """Tell whether the well-formed `json` has more than `limit` levels of arrays and objects."""
    # Nearly always the count of openings, strings included, settles it.
    if json.count(b"[") + json.count(b"{") <= limit:
        return False
    brackets = _STRING.sub(b"", json).translate(_STEP, _NOT_BRACKETS)
    # As signed bytes an opening is 1 and a closing -1, so the running sum is the depth.
    return max(accumulate(array("b", brackets)), default=0) > limit
