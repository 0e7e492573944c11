from typing import Any

import msgspec
import pytest

from bench.audit import Audit
from shared.aws.inbox_directory import InboxDirectory
from shared.compression import compress
from shared.model import pack as packs
from shared.model.event import Event
from shared.model.pack import EventPack
from tests.fakes.clock import FakeClock
from tests.unit.shared.aws.scripted import ScriptedClient

BODY = b'{"specversion":"1.0","id":"1","source":"/","type":"t","data":"' + b"data " * 100 + b'"}'


def _pack(body: bytes = BODY) -> str:
    event = Event(receipt="r", id="1", source="/", inbox="default", type="t", body=msgspec.Raw(body))
    return packs.encode(EventPack(tenant="a", key_id="k", accepted_at=0, events=[event] * 3))


def _audited(operation: str, request: Any) -> Audit:
    audit = Audit()
    audit.add(operation, msgspec.json.encode(request))
    audit.settle()
    return audit


def _send(*bodies: str) -> Audit:
    return _audited("SendMessageBatch", {"Entries": [{"Id": "0", "MessageBody": body} for body in bodies]})


def _insert(**attributes: Any) -> Audit:
    names = ", ".join(f"'{name}': ?" for name in attributes)
    statement = {"Statement": f'INSERT INTO "t" VALUE {{{names}}}', "Parameters": list(attributes.values())}
    return _audited("BatchExecuteStatement", {"Statements": [statement]})


def test_events_of_packs_and_plain_messages_are_counted() -> None:
    counts = _send(_pack(), BODY.decode()).counts
    assert (counts["messages"], counts["queued_events"], counts["send_units"]) == (2, 4, 1)
    assert "faults" not in counts


def test_a_call_is_billed_by_64_kib() -> None:
    large = '{"id":"1","source":"/","type":"t","data":"' + "x" * 65_536 + '"}'
    assert _send(large).counts["send_units"] == 2


@pytest.mark.parametrize("body", ["zAAAA", "xAAAA", "{", '{"id":"1"}', _pack(b'{"id":"1"}')])
def test_a_message_that_can_not_be_read_is_a_fault(body: str) -> None:
    audit = _send(body)
    assert audit.counts["faults"] == 1
    assert audit.faults


@pytest.mark.parametrize("stored", [BODY, compress(BODY)])
def test_a_stored_body_is_read_plain_and_compressed(stored: bytes) -> None:
    value = {"S": BODY.decode()} if stored is BODY else {"B": stored}
    counts = _insert(pk={"S": "inbox#a#b#0"}, body=value).counts
    assert (counts["stored_events"], counts["write_units"], counts["faults"]) == (1, 1, 0)


def test_a_guard_costs_a_unit_and_is_no_event() -> None:
    counts = _insert(pk={"S": "guard#a"}, sk={"S": "guard"}).counts
    assert (counts["guards"], counts["stored_events"], counts["write_units"]) == (1, 0, 1)


def test_an_item_without_a_readable_event_is_a_fault() -> None:
    assert _insert(pk={"S": "inbox#a"}, body={"B": b"\x28\xb5\x2f\xfdjunk"}).counts["faults"] == 1
    assert _insert(pk={"S": "inbox#a"}, body={"S": "{"}).counts["faults"] == 1
    assert _insert(pk={"S": "inbox#a"}).counts["faults"] == 1


async def test_the_record_of_an_inbox_is_no_event() -> None:
    client: Any = ScriptedClient({})
    await InboxDirectory(client, "t", FakeClock()).record({("a", "b"): 1})
    [(operation, request)] = client.calls
    assert operation == "put_item"
    counts = _audited("PutItem", request).counts
    assert (counts["stored_events"], counts["faults"]) == (0, 0)


def test_a_statement_that_is_no_insert_is_a_fault() -> None:
    request = {"Statements": [{"Statement": "DELETE FROM t", "Parameters": []}]}
    assert _audited("BatchExecuteStatement", request).counts["faults"] == 1


def test_a_plain_item_holds_its_fields() -> None:
    fields = {name: {"S": "x"} for name in ("id", "source", "type", "data")}
    counts = _audited("PutItem", {"Item": {"pk": {"S": "inbox#a"}, "sk": {"S": "1"}, **fields}}).counts
    assert (counts["stored_events"], counts["faults"]) == (1, 0)
