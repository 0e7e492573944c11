"""Text of senders is fitted into the limits of attributes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.fields import is_text
from ingest.sources import limits

anything = st.text(min_size=1, max_size=600, alphabet=st.characters())


@given(value=anything)
def test_any_text_becomes_valid_in_an_attribute(value: str) -> None:
    assert is_text(limits.text(value))
    assert is_text(limits.unique_text(value))
    limits.unique_text(value).encode()


@given(value=st.text(min_size=1, max_size=255).filter(is_text))
def test_valid_text_is_unchanged(value: str) -> None:
    clean = value.encode("utf-8", "replace").decode()
    assert limits.text(clean) == limits.unique_text(clean) == clean


@given(first=anything, second=anything)
def test_different_ids_stay_different(first: str, second: str) -> None:
    assert (limits.unique_text(first) == limits.unique_text(second)) == (first == second)


def test_long_ids_that_differ_at_the_end_stay_different() -> None:
    assert limits.unique_text("a" * 300 + "1") != limits.unique_text("a" * 300 + "2")
    assert limits.unique_text("a\n") != limits.unique_text("a\t")


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("1686089970", "2023-06-06T22:19:30.000Z"),
        ("1686089970123", "2023-06-06T22:19:30.123Z"),
        ("1686089970.5", "2023-06-06T22:19:30.500Z"),
        ("0", "1970-01-01T00:00:00.000Z"),
        ("2025-04-22T14:30:00-05:00", "2025-04-22T14:30:00-05:00"),
        ("2025-04-22T18:30:00.150926453Z", "2025-04-22T18:30:00.150926453Z"),
        ("2025-02-30T00:00:00Z", None),
        ("9999999999999999", None),
        ("-1", None),
        ("yesterday", None),
        ("", None),
        ("\u0661", None),
    ],
)
def test_times(value: str, time: str | None) -> None:
    assert limits.time(value) == time


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("X-GitHub-Hook-ID", "githubhookid"),
        ("Content-Encoding", "contentencoding"),
        ("ce-source", "cesource"),
        ("X-Position", "headerposition"),
        ("Id", "headerid"),
        ("!!", "header"),
    ],
)
def test_names_of_attributes(header: str, name: str) -> None:
    assert limits.extension_name(header) == name


def test_long_names_with_the_same_start_stay_different() -> None:
    names = {limits.extension_name(f"X-GitHub-Hook-Installation-Target-{end}") for end in ("ID", "Type")}
    assert len(names) == 2
    assert all(len(name) == 20 and name.isalnum() for name in names)
