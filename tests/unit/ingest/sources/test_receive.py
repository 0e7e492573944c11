"""Requests become events, answers or refusals."""

import base64
import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.attributes import faults_of
from ingest.formats.raw_json import duplicates, fields_of
from ingest.sources.receive import MAX_BODY_BYTES, Delivery
from ingest.sources.webhook import Webhook
from ingest.trace_context import Trace
from shared.model import source as sources
from shared.model.errors import NotAuthentic, TooLarge
from shared.model.event import MAX_DATA_DEPTH
from shared.model.source_rules import Rules
from shared.model.source_scheme import SchemeOptions
from tests.deliveries import SAMPLES, XML, Sample
from tests.fakes.clock import START_MS
from tests.unit.ingest.sources.making import RECEIPT, a_source, delivered, post, receiver, receiver_of, signed

JSON = "application/json"


def members_of(delivery: Delivery) -> dict[str, str]:
    """Return the event's attributes; check that ingest would accept it."""
    fields = fields_of(delivery.event.body)
    assert not list(faults_of(fields, ""))
    assert not duplicates(bytes(delivery.event.body), fields)
    return {name: msgspec.json.decode(value) for name, value in fields.items() if name != "data"}


def data_of(delivery: Delivery) -> bytes:
    """Return the data of the event as bytes."""
    body = bytes(delivery.event.body)
    fields = fields_of(body)
    if "data_base64" in fields:
        return base64.b64decode(msgspec.json.decode(fields["data_base64"]))
    if "data" not in fields:
        return b""
    # White space around it belongs to the data.
    return body[body.index(b'"data":') + len(b'"data":') : -1]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.scheme}-{sample.signature}")
def test_a_genuine_delivery_becomes_its_event(sample: Sample) -> None:
    delivery = delivered(receiver_of(sample), signed(sample))
    event, members = delivery.event, members_of(delivery)
    assert data_of(delivery) == sample.body
    expected_id = sample.id or hashlib.sha256(sample.body).hexdigest()
    assert (event.type, event.id, event.source, event.inbox) == (sample.type, expected_id, "/sources/shop", "default")
    assert event.receipt == RECEIPT
    assert (members["type"], members["id"], members["source"]) == (event.type, event.id, event.source)
    assert members.get("subject") == sample.subject
    assert members["time"] == (sample.time or "2027-01-15T08:00:00.000Z")
    assert members.get("datacontenttype") == sample.headers.get("Content-Type")
    assert delivery.window_seconds == sources.DEFAULT_WINDOW_SECONDS


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.scheme}-{sample.signature}")
def test_a_retry_has_the_same_identity(sample: Sample) -> None:
    first = delivered(receiver_of(sample), signed(sample))
    later_ms = START_MS + 3 * 86_400_000
    repeat = delivered(receiver_of(sample), signed(sample, later_ms), later_ms)
    assert first.event.identity("t") == repeat.event.identity("t")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.scheme}-{sample.signature}")
def test_no_signature_and_no_secret_is_part_of_the_event(sample: Sample) -> None:
    webhook = signed(sample)
    signature = webhook.header(sample.signature)
    assert signature
    keeping = receiver(sample.scheme, [sample.secret], sample.options, keep_headers=["x-acme-sig", "x-shop"])
    event = bytes(delivered(keeping, webhook).event.body)
    assert signature.encode() not in event
    assert sample.secret not in event


def test_the_header_of_the_signature_is_never_kept() -> None:
    options = SchemeOptions(header="X-Acme-Sig")
    one = receiver("hmac", [b"k"], options, keep_headers=["X-Acme-Sig", "X-Acme-Shop"])
    delivery = delivered(one, one.sign(post(b"{}", JSON, x_acme_shop="7"), START_MS))
    assert members_of(delivery)["acmeshop"] == "7"
    assert "acmesig" not in members_of(delivery)


@given(
    body=st.one_of(st.binary(max_size=500), st.text(max_size=200).map(str.encode), st.just(XML)),
    content_type=st.one_of(
        st.none(),
        st.sampled_from(
            [JSON, "application/vnd.x+json; charset=UTF-8", "text/plain", "multipart/form-data; boundary=x"]
        ),
        st.text(max_size=300),
    ),
)
def test_any_body_is_kept_byte_for_byte(body: bytes, content_type: str | None) -> None:
    given_headers = [] if content_type is None else [(b"content-type", content_type.encode())]
    delivery = delivered(receiver(), Webhook(body, given_headers))
    members_of(delivery)
    assert data_of(delivery) == body


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(value=json_values, indent=st.sampled_from([0, 2]), tail=st.sampled_from([b"", b"\n", b" \r\n\t"]))
def test_json_is_kept_byte_for_byte(value: object, indent: int, tail: bytes) -> None:
    body = msgspec.json.format(msgspec.json.encode(value), indent=indent) + tail
    delivery = delivered(receiver(), post(body, JSON))
    assert b'"data":' in bytes(delivery.event.body)
    assert data_of(delivery) == body
    members_of(delivery)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", JSON),
        (b'{"a":1}', "text/plain"),
        (b"a=1", "application/x-www-form-urlencoded"),
        (b'"\xe9"', "application/json; charset=iso-8859-1"),
        (b'"a"', "application/json; charset=utf-16"),
        (b"\xef\xbb\xbf{}", JSON),
        (b"NaN", JSON),
        (b'{"a":' + b"1" * 5000 + b"}", JSON),
        (b'"\\ud83d"', JSON),
        (b"{} {}", JSON),
        (b"[" * (MAX_DATA_DEPTH + 1) + b"]" * (MAX_DATA_DEPTH + 1), JSON),
        (b"[" * 100_000, JSON),
        (b" ", None),
    ],
)
def test_other_bodies_are_kept_as_bytes(body: bytes, content_type: str | None) -> None:
    delivery = delivered(receiver(), post(body, content_type))
    assert "data_base64" in members_of(delivery)
    assert data_of(delivery) == body


def test_json_as_deep_as_allowed_is_kept_as_json() -> None:
    body = b"[" * MAX_DATA_DEPTH + b"]" * MAX_DATA_DEPTH
    assert "data_base64" not in members_of(delivered(receiver(), post(body, JSON)))


def test_an_empty_body_has_no_data() -> None:
    delivery = delivered(receiver(), post(content_type=JSON))
    assert {"data", "data_base64"}.isdisjoint(fields_of(delivery.event.body))


def test_a_compressed_body_is_kept_compressed() -> None:
    delivery = delivered(receiver(), post(b"\x1f\x8b\x08", JSON, content_encoding="gzip"))
    assert members_of(delivery)["contentencoding"] == "gzip"
    assert data_of(delivery) == b"\x1f\x8b\x08"


def test_a_body_of_one_mebibyte_is_accepted_and_one_byte_more_is_not() -> None:
    body = b'"' + b"a" * (MAX_BODY_BYTES - 2) + b'"'
    assert data_of(delivered(receiver(), post(body, JSON))) == body
    with pytest.raises(TooLarge):
        delivered(receiver(), post(body + b" ", JSON))


def test_the_rules_of_a_source_come_first() -> None:
    rules = Rules(
        type=("json:/kind",), type_prefix="acme.", id=("form:none", "json:/key"), time=("header:x-at",),
        subject=("constant:all",),
    )  # fmt: skip
    one = receiver("github", [b"k"], rules=rules, inbox="in", window_seconds=60)
    webhook = post(b'{"kind":"a","key":7.0,"action":"b"}', JSON, x_at="1700000000", x_github_event="push")
    delivery = delivered(one, one.sign(webhook, START_MS))
    assert (delivery.event.type, delivery.event.id, delivery.event.inbox) == ("acme.a", "7.0", "in")
    assert members_of(delivery)["time"] == "2023-11-14T22:13:20.000Z"
    assert members_of(delivery)["subject"] == "all"
    assert delivery.window_seconds == 60


def test_the_digest_of_the_body_can_replace_an_unsigned_id() -> None:
    one = receiver("github", [b"k"], rules=Rules(id=("digest:body",)))
    ids = {
        delivered(one, one.sign(post(b"{}", JSON, x_github_delivery=text), START_MS)).event.id for text in ("a", "b")
    }
    assert ids == {hashlib.sha256(b"{}").hexdigest()}


def test_the_trace_is_kept() -> None:
    trace = Trace(parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    delivery = receiver().receive(post(), now_ms=START_MS, mint=lambda: RECEIPT, trace=trace)
    assert isinstance(delivery, Delivery)
    assert members_of(delivery)["traceparent"] == trace.parent


def test_githubs_ping_is_an_event() -> None:
    one = receiver("github", [b"k"])
    webhook = one.sign(post(b'{"zen":"Keep it logically awesome.","hook_id":1}', JSON, x_github_event="ping"), START_MS)
    assert delivered(one, webhook).event.type == "ping"


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_confirmation_of_sns_is_an_event_regardless_of_the_rules(kind: str) -> None:
    body = b'{"Type":"%b","SubscribeURL":"https://sns.us-west-2.amazonaws.com/?Token=2336412f37"}' % kind.encode()
    one = receiver(rules=Rules(type=("json:/Message",)))
    headers = {"x_amz_sns_message_type": kind, "x_amz_sns_message_id": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b"}
    delivery = delivered(one, post(body, "text/plain; charset=UTF-8", **headers))
    assert (delivery.event.type, delivery.event.id) == (kind, "165545c9-2a5c-472c-8df2-7ff2be2b3b1b")
    assert data_of(delivery) == body
    assert "data_base64" not in members_of(delivery)


def test_a_disabled_source_refuses_everything() -> None:
    one = receiver()
    one.source = sources.disabled(one.source, START_MS)
    for method in ("POST", "OPTIONS"):
        with pytest.raises(NotAuthentic):
            one.receive(Webhook(method=method), now_ms=START_MS, mint=lambda: RECEIPT)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.scheme}-{sample.signature}")
def test_no_secret_appears_in_any_repr_or_error(sample: Sample) -> None:
    one, webhook = receiver_of(sample), signed(sample)
    delivery = delivered(one, webhook)
    with pytest.raises(NotAuthentic) as refused:
        receiver_of(sample, b"whsec_b3RoZXI6b3RoZXI=").receive(webhook, now_ms=START_MS, mint=lambda: RECEIPT)
    signature = webhook.header(sample.signature)
    assert signature
    scheme = one._scheme  # noqa: SLF001 - a log might print it
    for shown in (one, scheme, webhook, delivery, one.source, refused.value, refused.value.__context__):
        for text in (repr(shown), str(shown)):
            assert sample.secret.decode() not in text
            assert signature not in text


def test_an_event_has_the_inbox_and_name_of_its_source() -> None:
    assert a_source(name="git.hub-1").uri == "/sources/git.hub-1"
