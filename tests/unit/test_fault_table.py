"""docs/faults.md matches the answers."""

from tests.fault_table import DOCUMENT, table


async def test_the_document_matches_every_answer() -> None:
    stale = "docs/faults.md does not match the answers; run script/generate"
    assert DOCUMENT.read_text() == await table(), stale
