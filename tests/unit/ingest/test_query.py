from typing import Literal

import pytest

from ingest import query
from ingest.formats.fields import Inbox, Source
from shared.model.errors import InvalidRequest

KNOWN = {"inbox": Inbox, "source": Source, "erase": Literal["true", "false"]}


def test_parameters_are_decoded() -> None:
    assert query.parse(b"source=%2Fa%3Fb&inbox=x", KNOWN) == {"source": "/a?b", "inbox": "x"}
    assert query.parse(b"", KNOWN) == {}


def test_every_fault_is_named_and_no_value_is_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        query.parse(b"inbox=&source=%FF&erase=secret&erase=true&a%2Fb=secret", KNOWN)
    faults = [(fault.pointer, fault.detail) for fault in caught.value.faults]
    assert [pointer for pointer, _ in faults] == ["/erase", "/a~1b", "/inbox", "/source", "/erase"]
    assert not any("secret" in detail for _, detail in faults)
