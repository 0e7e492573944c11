"""Query strings, read strictly: a parameter that nobody knows may be a misspelt one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ingest.faults import echo, pointer_to
from ingest.fields import RULES
from shared.errors import Fault, InvalidRequest

_RULES = {**RULES, "erase": "`erase` is true or false."}


def parse(query: bytes, known: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of `query` by name; `known` gives the type of each that there may be.

    Raises `InvalidRequest` with every fault.
    """
    faults: list[Fault] = []
    found: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            faults.append(Fault(detail=f"Unknown query parameter `{echo(name)}`.", pointer=pointer_to(name, "")))
        elif name in found:
            faults.append(Fault(detail=f"`{name}` is given more than once.", pointer=f"/{name}"))
        else:
            found[name] = value
            if not _is(value, known[name]):
                faults.append(Fault(detail=_RULES[name], pointer=f"/{name}"))
    if faults:
        raise InvalidRequest("The query is invalid.", faults)
    return found


def _is(value: str, kind: Any) -> bool:  # noqa: ANN401 - a type has no type
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
