"""Write the table of `docs/metrics.md` from `shared.telemetry.catalog`; `--check` only compares."""

import re
import sys
from pathlib import Path

from shared.telemetry.catalog import Metrics
from shared.telemetry.instruments import AnyFamily

_PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
_TABLE = re.compile(r"(?<=<!-- metrics -->\n).*(?=<!-- /metrics -->)", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Update the page, or with `--check` report that it is out of date."""
    page = _PAGE.read_text()
    wanted = _TABLE.sub(lambda _: _table(), page)
    if wanted == page and _TABLE.search(page):
        return 0
    if "--check" in arguments or not _TABLE.search(page):
        print("docs/metrics.md does not match shared/telemetry/catalog.py; run script/generate")
        return 1
    _PAGE.write_text(wanted)
    return 0


def _table() -> str:
    rows = "".join(_row(family) for family in Metrics().families)
    return f"| metric | kind | unit | what it counts | labels |\n|---|---|---|---|---|\n{rows}"


def _row(family: AnyFamily) -> str:
    labels = "; ".join(f"`{name}`: {', '.join(values)}" for name, values in family.labels.items())
    return f"| `{family.name}` | {family.kind} | {family.unit} | {family.meaning} | {labels} |\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
