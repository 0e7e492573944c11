"""docs/faults.md matches the responses."""

from tests.fault_table import DOCUMENT, table


async def test_the_document_matches_every_response() -> None:
    stale = "docs/faults.md does not match the responses; run python -m tests.fault_table"
    assert DOCUMENT.read_text() == await table(), stale
