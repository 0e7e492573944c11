"""docs/faults.md tells the answers that are given."""

from tests.fault_table import DOCUMENT, table


async def test_the_document_tells_every_answer_as_it_is() -> None:
    stale = "docs/faults.md is not what is answered; run script/generate"
    assert DOCUMENT.read_text() == await table(), stale
