"""Query strings, read strictly: a parameter that nobody knows may be a misspelt one."""

from collections.abc import Collection
from urllib.parse import parse_qsl

from shared.model.errors import Fault, InvalidRequest, echo, pointer_to


class Query:
    """The parameters that a request gives, and the faults found in them so far."""

    def __init__(self, query_string: bytes, known: Collection[str], repeatable: Collection[str] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        self._faults: list[Fault] = []
        for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
            self._values.setdefault(name, []).append(value)
        for name, values in self._values.items():
            if name not in known:
                there = ", ".join(f"`{parameter}`" for parameter in known)
                self.fault(name, f"There is no parameter `{echo(name)}`; known: {there}.")
            elif len(values) > 1 and name not in repeatable:
                self.fault(name, f"`{name}` may be given only once.")

    def check(self) -> None:
        """Raise `InvalidRequest` if there are faults."""
        if self._faults:
            raise InvalidRequest("The query is invalid.", self._faults)

    def all(self, name: str) -> list[str]:
        """Return the values of `name`."""
        return self._values.get(name, [])

    def first(self, name: str, default: str) -> str:
        """Return the value of `name`."""
        return self._values.get(name, [default])[0]

    def fault(self, name: str, detail: str) -> None:
        """Note what is wrong with the parameter `name`."""
        self._faults.append(Fault(detail=detail, pointer=pointer_to(name)))

    def take(self, error: InvalidRequest) -> None:
        """Note the faults of `error`, which are of a parameter."""
        self._faults += error.faults
