"""The table of docs/operating.md names every field that `--json` prints."""

import re
from pathlib import Path

import msgspec
import pytest

from cli.commands.inboxes import InboxShown
from cli.commands.provision import Provisioned
from cli.commands.ready import Readiness
from cli.commands.send import Sent
from cli.inspection import Report
from shared.dead_letters import DeadLetter
from shared.model.api_key import ApiKey

PAGE = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
ROWS = dict(re.findall(r"^\| `triggers ([\w ]+)`[^|]* \| (.*) \|$", PAGE.partition("## Scripts")[2], re.MULTILINE))


def fields_of(kind: msgspec.inspect.Type) -> set[str]:
    """The names of a struct's fields, and of those of the structs in it."""
    match kind:
        case msgspec.inspect.StructType(fields=fields):
            return {field.encode_name for field in fields}.union(*(fields_of(field.type) for field in fields))
        case msgspec.inspect.UnionType(types=types):
            return set[str]().union(*map(fields_of, types))
        case _:
            return set()


@pytest.mark.parametrize(
    ("command", "shape"),
    [
        ("status", Report),
        ("ready", Readiness),
        ("provision", Provisioned),
        ("keys list", ApiKey),
        ("inboxes list", InboxShown),
        ("dlq list", DeadLetter),
        ("send", Sent),
    ],
)
def test_a_row_has_every_field(command: str, shape: type) -> None:
    named = set(re.findall(r"`(\w+)`", ROWS[command]))
    assert fields_of(msgspec.inspect.type_info(shape)) - {"secret_hash"} <= named
