from typing import Any, cast
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.types import Scope

from shared.model.errors import InvalidRequest
from shared.web.event_path import event_id_of, location_of


def scope_of(**fields: object) -> Scope:
    return cast("Scope", {"type": "http", "path": "/v1/events/"} | cast("dict[str, Any]", fields))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_an_id_is_read_from_its_path(event_id: str) -> None:
    path = f"/v1/events/{quote(event_id, safe='')}"
    assert event_id_of(scope_of(raw_path=path.encode())) == event_id
    assert event_id_of(scope_of(raw_path=f"/mounted{path}?source=/v1/events/".encode())) == event_id


@pytest.mark.parametrize("event_id", [".", "..", "../x", "a/..", "a/./b", "..\\x", "/."])
def test_an_id_with_a_dot_segment_is_located_by_a_query(event_id: str) -> None:
    assert location_of(event_id) == f"/v1/events?id={quote(event_id, safe='')}"


@pytest.mark.parametrize("event_id", ["...", ".a", "a..", "a.b/c", "%2e", "/", "?id=1"])
def test_any_other_id_is_located_by_its_path(event_id: str) -> None:
    assert location_of(event_id) == f"/v1/events/{quote(event_id, safe='')}"


def test_without_a_raw_path_the_decoded_one_is_used() -> None:
    assert event_id_of(scope_of(path="/v1/events/a%b/ü")) == "a%b/ü"


def test_what_is_not_utf_8_is_no_id() -> None:
    with pytest.raises(InvalidRequest):
        event_id_of(scope_of(raw_path=b"/v1/events/%C0%A0"))
