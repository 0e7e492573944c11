"""The query strings of posts and removals."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ingest.formats.fields import RULES
from shared.web.query import Query

_RULES = {**RULES, "erase": "`erase` is true or false."}


def parse(query_string: bytes, known: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters by name; `known` gives the type of each that there may be.

    Raises `InvalidRequest` with every fault.
    """
    query = Query(query_string, known)
    given = {name: query.first(name, "") for name in known if query.all(name)}
    for name, value in given.items():
        if not _is(value, known[name]):
            query.fault(name, _RULES[name])
    query.check()
    return given


def _is(value: str, kind: Any) -> bool:  # noqa: ANN401 - a type has no type
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
