"""The planted faults still fit the sources; `python -m tests.planted_faults` plants them."""

from pathlib import Path

import pytest

from tests.planted_faults.faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_line_to_change_occurs_once(fault: Fault) -> None:
    assert (ROOT / fault.file).read_text(encoding="utf-8").count(fault.old) == 1
    assert all((ROOT / path).exists() for path in fault.tests.split())
