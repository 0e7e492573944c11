"""A refused request for each reason. `docs/faults.md` shows the responses."""

import gzip
from collections.abc import Sequence

import msgspec

from ingest.sources.receive import MAX_BODY_BYTES
from shared.model import cursor
from shared.model.event import MAX_REQUEST_BYTES

JSON = "application/json"
CLOUD = "application/cloudevents+json"
CLOUD_BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"

POSITION = "0199c0de-1f2e-7a3b-8c4d-5e6f708192a3"
_CURSOR = cursor.encode(POSITION, "b").encode()
_DEEP = b"[" * 501 + b"]" * 501
_DEEPER = b"[" * 5000 + b"]" * 5000


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A request and a description of its fault.

    `key` names its API key; `down` stops the queue from responding; the clock of the process is `ahead_seconds` ahead.
    """

    what: str
    method: str = "POST"
    path: str = "/v1/events"
    body: bytes = b""
    headers: dict[str, str] = {}
    key: str = "all"
    down: bool = False
    ahead_seconds: float = 0


def post(what: str, body: bytes, content_type: str = JSON, path: str = "/v1/events", **headers: str) -> Case:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(what=what, path=path, body=body, headers={"content-type": content_type} | named)


def get(what: str, path: str, key: str = "all", **headers: str) -> Case:
    return Case(what=what, method="GET", path=path, key=key, headers=headers)


def delete(what: str, path: str, key: str = "all") -> Case:
    return Case(what=what, method="DELETE", path=path, key=key)


def cloud(what: str, **changes: object) -> Case:
    return post(what, cloudevent(**changes), CLOUD)


def cloudevent(**changes: object) -> bytes:
    fields = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"} | changes
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not msgspec.UNSET})


def binary(what: str, body: bytes = b"", content_type: str = JSON, **headers: str) -> Case:
    marks = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "t"}
    return post(what, body, content_type, **(marks | headers))


def acks(what: str, body: bytes, content_type: str = JSON) -> Case:
    return post(what, body, content_type, "/v1/acks")


def redrive(
    what: str, body: bytes, content_type: str = JSON, key: str = "all", path: str = "/v1/dlq/redrive", **headers: str
) -> Case:
    return msgspec.structs.replace(post(what, body, content_type, path, **headers), key=key)


def groups(
    what: str,
    body: bytes,
    path: str = "/v1/leases",
    *,
    method: str = "POST",
    key: str = "all",
    content_type: str = JSON,
    **headers: str,
) -> Case:
    return msgspec.structs.replace(post(what, body, content_type, path, **headers), method=method, key=key)


_ANY = (
    get("No key", "/v1/inbox", key="none"),
    get("A malformed or unknown key, or a wrong secret", "/v1/inbox", key="wrong"),
    get("A revoked key", "/v1/inbox", key="revoked"),
    get("An expired key", "/v1/inbox", key="expired"),
    get("A key without the scope", "/v1/inbox", key="writer"),
    get("Over the key's rate", "/v1/inbox", key="slow"),
    Case(
        what="More events than the key's burst",
        path="/v1/events",
        body=b'[{"type":"a"},{"type":"a"},{"type":"a"}]',
        headers={"content-type": JSON},
        key="small",
    ),
    get("An unknown path", "/v2/events"),
    delete("A method that the path does not support", "/v1/inbox"),
    get("An internal error", "/fault"),
    Case(
        what="The queue or the table does not respond, or the service is overloaded",
        body=b'{"type":"t"}',
        headers={"content-type": JSON},
        down=True,
    ),
    Case(
        what="The clock of the process that reads is wrong",
        method="GET",
        path="/v1/inbox?inbox=a-wrong-clock",
        ahead_seconds=300,
    ),
    Case(what="A body that takes longer than 30 seconds", path="/slow"),
)
_BODIES = (
    post("A body over 512 KiB", b" " * (MAX_REQUEST_BYTES + 1)),
    post("A body over 512 KiB once decompressed", gzip.compress(bytes(MAX_REQUEST_BYTES + 1)), content_encoding="gzip"),
    post("A Content-Encoding other than gzip and zstd", b"{}", content_encoding="br"),
    post("More than one Content-Encoding", b"{}", content_encoding="gzip, zstd"),
    post("A compressed body that is corrupt or truncated", gzip.compress(b"{}")[:-1], content_encoding="gzip"),
    post("An unsupported Content-Type", b"<a/>", "application/xml"),
    post("An unsupported charset", b"{}", "application/json; charset=latin-1"),
    post("An empty body", b""),
    post("A body that is not UTF-8", b'{"type":"\xff"}'),
    post("Malformed JSON", b'{"type":NaN}'),
    post("Truncated JSON", b'{"type":"t"'),
    post("Half of a surrogate pair, escaped", b'{"type":"\\ud800 and more"}'),
    post("JSON nested too deep to parse", b'{"type":"t","data":' + _DEEPER + b"}"),
    post("No events", b"[]"),
    post("More than 1,000 events", b"[" + b",".join([b'{"type":"t"}'] * 1001) + b"]"),
    post("An unknown parameter and an invalid one", b"{}", path="/v1/events?inbo=a&inbox=A"),
    post("A repeated parameter", b"{}", path="/v1/events?inbox=a&inbox=b"),
    post("A malformed Idempotency-Key", b"{}", idempotency_key='"'),
    post("An Idempotency-Key too long for a batch", b'[{"type":"t"}]', idempotency_key="k" * 255),
    Case(
        what="An event type that the key may not send",
        body=b'{"type":"t"}',
        headers={"content-type": JSON},
        key="orders",
    ),
)
_EVENTS = (
    post("Not an object", b"3"),
    post("No type", b"{}"),
    post("Invalid fields", b'{"type":"","id":"","subject":1,"source":"a b","time":"now","inbox":"A"}'),
    post("An unknown field", b'{"type":"t","typ":1}'),
    post("An invalid field and a repeated one", b'{"type":"t","id":"1","id":"2","time":0}'),
    post("`data` nested too deep", b'{"type":"t","data":' + _DEEP + b"}"),
    post("Invalid events in a batch", b'[{"type":"t"},{},3]'),
    post("NDJSON: invalid lines", b'{"type":"t"}\n\n{}\n{"type":\n{"type":"t","type":"t"}', NDJSON),
    post("NDJSON: no lines", b"\n", NDJSON),
)
_CLOUDEVENTS = (
    post("No required attribute", b"{}", CLOUD),
    cloud("An unsupported version", specversion="0.3"),
    cloud("Invalid attributes", id="", source="", type=None, subject="", time="", inbox=""),
    cloud("More invalid attributes", datacontenttype="json", dataschema="/relative"),
    cloud("An invalid extension name", comExample=1),
    cloud("An invalid extension value", ext=1.5),
    cloud("Attributes reserved for an inbox", position=1, receivedat=1, deliveredat=1),
    cloud("Invalid base64", data_base64="A"),
    cloud("Data in both forms", data=1, data_base64=""),
    post("A repeated attribute", cloudevent()[:-1] + b',"id":"2"}', CLOUD),
    post("`data` nested too deep", cloudevent()[:-1] + b',"data":' + _DEEP + b"}", CLOUD),
    post("Not an object", b"[]", CLOUD),
    post("A batch that is not an array", cloudevent(), CLOUD_BATCH),
    post("Invalid events in a batch", b"[3," + cloudevent(id=msgspec.UNSET) + b"]", CLOUD_BATCH),
    post("An unsupported CloudEvents format", b"", "application/cloudevents+avro", ce_id="1"),
    binary("Binary mode: invalid attributes", ce_id="%00", ce_Ext_1="x"),
    binary("Binary mode: not percent-encoded UTF-8", ce_ext="%C0%A0"),
    binary("Binary mode: headers that are not allowed", ce_data="1", ce_datacontenttype="text/plain"),
    binary("Binary mode: invalid JSON", b"{"),
    binary("Binary mode: an invalid Content-Type", b"x", "json"),
)
_ACKS = (
    acks("An unsupported Content-Type", b"{}", NDJSON),
    acks("An empty body", b""),
    acks("Not an object", b"[]"),
    acks("No positions", b"{}"),
    acks("An empty list, or more than 1,000 positions", b'{"positions":[]}'),
    acks("Invalid positions", b'{"positions":["x",1,"%b"]}' % POSITION.encode()),
    acks("Invalid fields", b'{"positions":["%b"],"inbox":"A","inbo":1}' % POSITION.encode()),
    acks("A repeated field", b'{"positions":["%b"],"inbox":"a","inbox":"b"}' % POSITION.encode()),
    delete("DELETE: an invalid id", "/v1/events/%00"),
    delete("DELETE: an id that is not UTF-8", "/v1/events/%FF"),
    delete("DELETE: invalid parameters", "/v1/events/1?inbox=A&source=a%20b&erase=yes&sourc=x"),
    delete("DELETE: a repeated parameter", "/v1/events/1?inbox=a&inbox=b"),
    delete("DELETE: a key limited to event types", "/v1/events/1", key="orders"),
)
_READING = (
    get("An unknown parameter", "/v1/inbox?limt=1"),
    get("A repeated parameter", "/v1/inbox?limit=1&limit=2"),
    get("An invalid inbox", "/v1/inbox?inbox=A"),
    get("Invalid numbers", "/v1/inbox?limit=1001&wait=21"),
    get("Invalid choices", "/v1/inbox?status=x&count=x&format=x"),
    get("An invalid type", "/v1/inbox?type=a*"),
    get("More than 20 types", "/v1/inbox?" + "&".join(f"type=t{number}" for number in range(21))),
    get("An invalid time", "/v1/inbox?since=now"),
    get("An invalid cursor", "/v1/inbox?after=x"),
    get("A cursor of another inbox", f"/v1/inbox?inbox=a&after={cursor.encode(POSITION, 'b')}"),
    get("An unsupported format", "/v1/inbox", accept="text/html"),
    get("Listing inboxes: invalid parameters", "/v1/inboxes?after=A&limit=1001"),
    get("One event: not found", "/v1/events/1"),
    get("One event: invalid parameters", "/v1/events/1?inbox=A&sourc=x"),
    get("One event: an id that is not UTF-8", "/v1/events/%FF"),
)
_OPERATING = (
    get("Queue depth: a key without the scope `operate`", "/v1/queue", key="writer"),
    get("Listing dead letters: a key without the scope `operate`", "/v1/dlq", key="writer"),
    redrive("Redrive: a key without the scope `operate`", b'{"ids":["x"]}', key="writer"),
    get("Opening a dead letter: a key without the scope `dlq:admin`", "/v1/dlq/x", key="writer"),
    get("Opening a dead letter: not found", "/v1/dlq/x"),
    redrive("Drop: a key without the scope `dlq:admin`", b'{"ids":["x"]}', key="writer", path="/v1/dlq/drop"),
    redrive("An unsupported Content-Type", b"{}", NDJSON),
    redrive("A Content-Encoding", b"{}", content_encoding="gzip"),
    redrive("A body over 64 KiB", b" " * 65_537),
    redrive("No ids, more than 100 of them, or anything else", b'{"all":true}'),
)
_LEASES = (
    groups("A key without the scope `inbox:ack`", b'{"group":"g"}', key="reader"),
    groups("A key that may not read all types of the group", b'{"group":"all-types"}', key="orders"),
    groups("An unsupported Content-Type", b"{}", content_type=NDJSON),
    groups("A Content-Encoding", b"{}", content_encoding="gzip"),
    groups("A body over 64 KiB", b" " * 65_537),
    groups("Not an object", b"[]"),
    groups("No group", b"{}"),
    groups("Invalid fields", b'{"group":"G","inbox":"","limit":0,"seconds":3601,"wait":21,"start":"now","grop":1}'),
    groups("A lease that has ended, or never was", b"", "/v1/leases/bGVhc2U/ack"),
    groups("Ack: invalid fields", b'{"positions":["x"],"remove":1}', "/v1/leases/bGVhc2U/ack"),
    groups("Extend: invalid seconds", b'{"seconds":0}', "/v1/leases/bGVhc2U/extend"),
    groups("Release: invalid fields", b'{"positions":[],"delay":43201,"reason":1}', "/v1/leases/bGVhc2U/release"),
    get("No such group", "/v1/groups/g"),
    get("Groups: invalid parameters", "/v1/groups?inbox=A&limit=1"),
    groups("PUT: an invalid name", b"{}", "/v1/groups/G", method="PUT"),
    groups(
        "PUT: invalid fields",
        b'{"types":["a*"],"max_attempts":101,"backoff":{"min":-1},"start":1}',
        "/v1/groups/g",
        method="PUT",
    ),
    groups("Seek: none or several of the fields", b'{"start":true,"end":true}', "/v1/groups/g/seek"),
    groups("Seek: a cursor of another inbox", b'{"after":"%b"}' % _CURSOR, "/v1/groups/g/seek?inbox=a"),
    get("Quarantine: invalid parameters", "/v1/groups/g/quarantine?limit=0&after=x"),
)

_UNKNOWN = "/v1/in/src_abcdefghij_" + "x" * 43
_LARGE = b"x" * (MAX_BODY_BYTES + 1)

_DELIVERIES = (
    Case(what="No source has this URL", path=_UNKNOWN, key="none"),
    Case(what="Not the form of a source's URL", path="/v1/in/x", key="none"),
    Case(what="No signature", path="/v1/in/{github}", key="none"),
    Case(what="A wrong signature", path="/v1/in/{github}", headers={"x-hub-signature-256": "sha256=0"}, key="none"),
    Case(what="No password", path="/v1/in/{basic}", key="none"),
    Case(what="More than 1 MiB", path="/v1/in/{none}", body=_LARGE, key="none"),
    Case(what="The queue does not respond", path="/v1/in/{none}", key="none", down=True),
    Case(what="Another method", method="GET", path="/v1/in/{none}", key="none"),
)

GROUPS: Sequence[tuple[str, Sequence[Case]]] = (
    ("Any request", _ANY),
    ("`POST /v1/events`", _BODIES),
    ("Events in the envelope of this API", _EVENTS),
    ("CloudEvents", _CLOUDEVENTS),
    ("`POST /v1/in/{token}`", _DELIVERIES),
    ("`POST /v1/acks` and `DELETE /v1/events/{id}`", _ACKS),
    ("Reading", _READING),
    ("`/v1/leases` and `/v1/groups`", _LEASES),
    ("`GET /v1/queue` and `/v1/dlq`", _OPERATING),
)
