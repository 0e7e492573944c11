"""A stub of SQS and DynamoDB that answers immediately: `python -m bench.stub_aws PORT`.

It has one queue and one table. It keeps and delivers sent messages if `Setup.keep` is set, and returns items that
`Setup` loaded; everything else is only counted and checked (`bench.audit`). It never redelivers, and never refuses a
conditional write.

`/_bench/setup` takes a `Setup`; `/_bench/counts` answers with everything counted since the last setup.
"""

import asyncio
import sys
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Callable, Mapping

import msgspec
import uvloop

from bench.audit import SQS_UNIT_BYTES, Audit
from bench.wire import Connection

_EMPTY_POLL_SECONDS = 0.1


class Loaded(msgspec.Struct):
    """An item to return, and its key."""

    pk: str
    sk: str
    item: msgspec.Raw


class Setup(msgspec.Struct):
    """The state for the next round. With `repeat`, message bodies are delivered repeatedly."""

    items: list[Loaded] = []
    bodies: list[str] = []
    repeat: bool = False
    keep: bool = False
    delay_ms: float = 0


class _Received(msgspec.Struct, rename="pascal"):
    message_id: str
    receipt_handle: str
    body: str
    attributes: Mapping[str, str] = msgspec.field(default_factory=lambda: {"ApproximateReceiveCount": "1"})


class _Id(msgspec.Struct, rename="pascal"):
    id: str
    message_body: msgspec.Raw = msgspec.Raw()


class _Entries(msgspec.Struct, rename="pascal"):
    entries: list[_Id]


class _Message(msgspec.Struct, rename="pascal"):
    message_body: str


class _Statements(msgspec.Struct, rename="pascal"):
    statements: list[msgspec.Raw]


class _Receive(msgspec.Struct, rename="pascal"):
    max_number_of_messages: int = 1


class _Text(msgspec.Struct, frozen=True, rename="pascal"):
    s: str = ""


class _Key(msgspec.Struct):
    pk: _Text
    sk: _Text = _Text()


class _Get(msgspec.Struct, rename="pascal"):
    key: _Key


class _Put(msgspec.Struct, rename="pascal"):
    item: msgspec.Raw


class _PutOne(msgspec.Struct, rename="pascal"):
    put: _Put


class _PutAll(msgspec.Struct, rename="pascal"):
    transact_items: list[_PutOne]


class _Bounds(msgspec.Struct, rename={"pk": ":pk", "first": ":first", "last": ":last"}):
    pk: _Text
    first: _Text
    last: _Text


class _Query(msgspec.Struct, rename="pascal"):
    expression_attribute_values: _Bounds
    limit: int = 1000


_entries = msgspec.json.Decoder(_Entries)
_message = msgspec.json.Decoder(_Message)
_statements = msgspec.json.Decoder(_Statements)
_receive = msgspec.json.Decoder(_Receive)
_get = msgspec.json.Decoder(_Get)
_put = msgspec.json.Decoder(_Put)
_put_all = msgspec.json.Decoder(_PutAll)
_key = msgspec.json.Decoder(_Key)
_query = msgspec.json.Decoder(_Query)
_body = msgspec.json.Decoder(str)
_setup = msgspec.json.Decoder(Setup)
_encode = msgspec.json.Encoder().encode


class StubAws:
    """The state, and an answer to every operation that either build calls."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/000000000000/queue"
        self._rows: dict[str, tuple[list[str], list[bytes]]] = {}
        self._number = 0
        self._operations: Mapping[str, Callable[[bytes], bytes]] = {
            "GetQueueUrl": lambda _: _encode({"QueueUrl": self._url}),
            "GetQueueAttributes": lambda _: _encode({"Attributes": {"ApproximateNumberOfMessages": "0"}}),
            "SendMessage": self._send,
            "SendMessageBatch": self._send_batch,
            "ReceiveMessage": self._hand_out,
            "DeleteMessageBatch": self._done,
            "ChangeMessageVisibilityBatch": self._done,
            "PutItem": self._put,
            "TransactWriteItems": self._put_all,
            # When a key was last used, or what it may still spend: always all of it.
            "UpdateItem": lambda _: b'{"Attributes":{"full_us":{"N":"0"}}}',
            "BatchExecuteStatement": self._execute,
            "GetItem": self._get,
            "Query": self._find,
        }
        self._prepare(Setup())

    def answer(self, path: str, target: bytes, body: bytes) -> tuple[bytes, float]:
        """Answer one request."""
        if path == "/_bench/setup":
            self._prepare(_setup.decode(body))
            return b"{}", 0
        if path == "/_bench/counts":
            self._audit.settle()
            counts = {**self._counts, **self._audit.counts}
            return _encode({"counts": counts, "faults": self._audit.faults}), 0
        operation = target.rpartition(b".")[2].decode()
        self._counts[operation] += 1
        self._audit.add(operation, body)
        content = self._operations[operation](body)
        if operation == "ReceiveMessage" and len(content) <= len(b"{}"):
            return content, _EMPTY_POLL_SECONDS
        return content, self._delay_seconds

    def _prepare(self, setup: Setup) -> None:
        self._counts: Counter[str] = Counter()
        self._audit = Audit()
        self._keep, self._repeat = setup.keep, setup.repeat
        self._delay_seconds = setup.delay_ms / 1000
        self._messages: deque[bytes] = deque(map(self._message_of, setup.bodies))
        for loaded in sorted(setup.items, key=lambda loaded: loaded.sk):
            self._load(loaded.pk, loaded.sk, bytes(loaded.item))

    def _load(self, pk: str, sk: str, item: bytes) -> None:
        keys, items = self._rows.setdefault(pk, ([], []))
        at = bisect_left(keys, sk)
        replaced = slice(at, at + (at < len(keys) and keys[at] == sk))
        keys[replaced], items[replaced] = [sk], [item]

    def _message_of(self, body: str) -> bytes:
        self._number += 1
        name = f"message-{self._number}"
        return _encode(_Received(message_id=name, receipt_handle=name, body=body))

    def _send(self, body: bytes) -> bytes:
        if self._keep:
            self._messages.append(self._message_of(_message.decode(body).message_body))
        return b'{"MessageId":"m","MD5OfMessageBody":"x"}'

    def _send_batch(self, body: bytes) -> bytes:
        entries = _entries.decode(body).entries
        if self._keep:
            self._messages += [self._message_of(_body.decode(entry.message_body)) for entry in entries]
        done = [{"Id": entry.id, "MessageId": "m", "MD5OfMessageBody": "x"} for entry in entries]
        return _encode({"Successful": done})

    def _hand_out(self, body: bytes) -> bytes:
        wanted = _receive.decode(body).max_number_of_messages
        some = [self._messages.popleft() for _ in range(min(wanted, len(self._messages)))]
        if self._repeat:
            self._messages += some
        content = b'{"Messages":[%b]}' % b",".join(some) if some else b"{}"
        self._counts["received_messages"] += len(some)
        if some:  # empty polls show how long the test waited, not the cost of events
            self._counts["busy_receives"] += -(-len(content) // SQS_UNIT_BYTES)
        return content

    def _done(self, body: bytes) -> bytes:
        entries = _entries.decode(body).entries
        self._counts["deleted_or_hidden"] += len(entries)
        return _encode({"Successful": [{"Id": entry.id} for entry in entries]})

    def _put(self, body: bytes) -> bytes:
        self._counts["writes"] += 1
        if b'"key#' in body:  # an API key
            self._load_item(_put.decode(body))
        return b"{}"

    def _put_all(self, body: bytes) -> bytes:
        for each in _put_all.decode(body).transact_items:  # a source and its name
            self._load_item(each.put)
        return b"{}"

    def _load_item(self, put: _Put) -> None:
        item = bytes(put.item)
        key = _key.decode(item)
        self._load(key.pk.s, key.sk.s, item)

    def _execute(self, body: bytes) -> bytes:
        count = len(_statements.decode(body).statements)
        self._counts["writes"] += count
        return b'{"Responses":[%b]}' % b",".join([b'{"TableName":"events"}'] * count)

    def _get(self, body: bytes) -> bytes:
        key = _get.decode(body).key
        keys, items = self._rows.get(key.pk.s, ([], []))
        found = [item for sk, item in zip(keys, items, strict=True) if sk == key.sk.s]
        return b'{"Item":%b}' % found[0] if found else b"{}"

    def _find(self, body: bytes) -> bytes:
        query = _query.decode(body)
        bounds = query.expression_attribute_values
        keys, items = self._rows.get(bounds.pk.s, ([], []))
        first, last = bisect_left(keys, bounds.first.s), bisect_right(keys, bounds.last.s)
        end = min(last, first + query.limit)
        count, content = end - first, b",".join(items[first:end])
        answer = b'"Items":[%b],"Count":%d,"ScannedCount":%d' % (content, count, count)
        if end < last:
            key = {"pk": {"S": bounds.pk.s}, "sk": {"S": keys[end - 1]}}
            answer += b',"LastEvaluatedKey":' + _encode(key)
        return b"{" + answer + b"}"


async def _serve(port: int) -> None:
    stub = StubAws(port)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub.answer), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
