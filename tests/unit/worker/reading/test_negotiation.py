"""Accept and Accept-Encoding, including malformed ones."""

import pytest

from worker.reading import negotiation

JSON, BATCH = "application/json", "application/cloudevents-batch+json"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        (" , ;", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (BATCH, BATCH),
        (BATCH.upper(), BATCH),
        (f"{BATCH}; charset=utf-8", BATCH),
        (f"{BATCH}, */*", BATCH),
        (f"{JSON}, {BATCH}", JSON),
        (f"{JSON};q=0.5, {BATCH};q=0.6", BATCH),
        (f"{JSON};q=0.5, {BATCH};Q=0.4, text/html", JSON),
        (f"{JSON};q=0, */*", BATCH),
        (f"*/*;q=0.1, {JSON};q=0", BATCH),
        ("text/html, application/*;q=0.1, */*;q=0", JSON),
        (f"{BATCH};q=x, {JSON};q=0.9", BATCH),
        (f"{BATCH};q=-1, {JSON};q=0.9", BATCH),
        (f"{BATCH};q=nan, {JSON};q=0.9", BATCH),
        ("text/html", None),
        ("application/xml, application/problem+json", None),
        (f"{JSON};q=0", None),
        ("*/*;q=0", None),
    ],
)
def test_the_preferred_media_type_is_selected(accept: str, expected: str | None) -> None:
    assert negotiation.media_type(accept, (JSON, BATCH)) == expected


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("", None),
        ("identity", None),
        ("br, deflate", None),
        ("gzip, deflate, br", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("zstd;q=0, gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0", None),
        ("*;q=0.5, zstd;q=0", "gzip"),
        ("GZIP", "gzip"),
    ],
)
def test_the_preferred_encoding_is_selected(accept_encoding: str, expected: str | None) -> None:
    assert negotiation.encoding(accept_encoding) == expected
