"""Strict query strings: an unknown parameter is rejected, since it may be misspelt."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from shared.model.errors import Fault, InvalidRequest, echo, pointer_to


class Query:
    """The parameters of a request, and the faults found in them so far."""

    def __init__(self, query_string: bytes, known: Collection[str], repeatable: Collection[str] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        self._faults: list[Fault] = []
        for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
            self._values.setdefault(name, []).append(value)
        for name, values in self._values.items():
            if name not in known:
                parameters = ", ".join(f"`{parameter}`" for parameter in known)
                self.fault(name, f"Unknown parameter `{echo(name)}`. Known parameters: {parameters}.")
            elif len(values) > 1 and name not in repeatable:
                self.fault(name, f"`{name}` may be specified only once.")

    def check(self) -> None:
        """Raise `InvalidRequest` if there are faults."""
        if self._faults:
            raise InvalidRequest("The query is invalid.", self._faults)

    def all(self, name: str) -> list[str]:
        """Return the values of `name`."""
        return self._values.get(name, [])

    def first(self, name: str, default: str) -> str:
        """Return the first value of `name`, `default` if there is none."""
        return self._values.get(name, [default])[0]

    def fault(self, name: str, detail: str) -> None:
        """Add a fault of the parameter `name`."""
        self._faults.append(Fault(detail=detail, pointer=pointer_to(name)))

    def take(self, error: InvalidRequest) -> None:
        """Add the faults of `error`, which concern a parameter."""
        self._faults += error.faults


def parse_query(query_string: bytes, types: Mapping[str, Any], rules: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters by name. `types` are those of the known parameters, `rules` the details of their faults.

    Raises `InvalidRequest` with every fault.
    """
    query = Query(query_string, types)
    values = {name: query.first(name, "") for name in types if query.all(name)}
    for name, value in values.items():
        if not _is(value, types[name]):
            query.fault(name, rules[name])
    query.check()
    return values


def _is(value: str, kind: Any) -> bool:  # noqa: ANN401 - a type has no type
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
