"""A delivery of each provider, according to its documentation, with test secrets."""

from urllib.parse import urlencode

import msgspec

from ingest.sources.webhook import Webhook
from shared.model.source_scheme import SchemeName, SchemeOptions

URL = "https://hooks.example.com/v1/in/src_abcd_efgh"

STRIPE = (
    b'{\n  "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy",\n  "object": "event",\n  "api_version": "2019-02-19",\n'
    b'  "created": 1686089970,\n  "data": {\n    "object": {\n      "id": "seti_1NG8Du2eZvKYlo2C9XMqbR0x",\n'
    b'      "object": "setup_intent"\n    }\n  },\n  "livemode": false,\n  "pending_webhooks": 0,\n'
    b'  "type": "setup_intent.created"\n}'
)
GITHUB = b'{"action":"opened","issue":{"number":1347},"repository":{"id":1296269,"full_name":"octocat/Hello-World"}}'
GITLAB = b'{"object_kind":"push","project":{"path_with_namespace":"mike/diaspora"},"total_commits_count":4}'
SHOPIFY = (
    b'{"id":788032119674292922,"admin_graphql_api_id":"gid://shopify/Product/788032119674292922","title":"T-Shirt"}'
)
SLACK = (
    b'{"token":"z26uFbvR1xHJEdHE1OQiO6t8","team_id":"T123ABC456","api_app_id":"A123ABC456","event":{"type":'
    b'"reaction_added","channel":"C123ABC456"},"type":"event_callback","event_id":"Ev123ABC456","event_time":123456789}'
)
STANDARD = b'{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"1f81eb52"}}'
TWILIO = urlencode(
    {"MessageSid": "SM1234567890", "MessageStatus": "delivered", "To": "+15558675310", "Body": "Grüße & ü=1"}
).encode()
XML = b'<?xml version="1.0" encoding="iso-8859-1"?>\n<order id="7">Stra\xdfe</order>'


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery and its expected event; `timed` if a timestamp is signed."""

    scheme: SchemeName
    secret: bytes
    body: bytes
    headers: dict[str, str]
    options: SchemeOptions = SchemeOptions()
    timed: bool = False
    signs_body: bool = True
    signature: str = ""
    type: str
    id: str | None
    subject: str | None = None
    time: str | None = None

    @property
    def webhook(self) -> Webhook:
        """The request before it is signed."""
        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        return Webhook(self.body, headers, url=URL)


_JSON = {"Content-Type": "application/json"}

SAMPLES = (
    Sample(
        scheme="stripe",
        secret=b"whsec_test_secret",
        body=STRIPE,
        headers={"Content-Type": "application/json; charset=utf-8"},
        timed=True,
        signature="stripe-signature",
        type="setup_intent.created",
        id="evt_1NG8Du2eZvKYlo2CUI79vXWy",
        subject="seti_1NG8Du2eZvKYlo2C9XMqbR0x",
        time="2023-06-06T22:19:30.000Z",
    ),
    Sample(
        scheme="github",
        secret=b"It's a Secret to Everybody",
        body=GITHUB,
        headers={
            **_JSON,
            "X-GitHub-Event": "issues",
            "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "X-GitHub-Hook-ID": "292430182",
        },
        signature="x-hub-signature-256",
        type="issues.opened",
        id="72d3162e-cc78-11e3-81ab-4c9367dc0958",
        subject="octocat/Hello-World",
    ),
    Sample(
        scheme="gitlab",
        secret=b"plain-token",
        body=GITLAB,
        headers={
            **_JSON,
            "X-Gitlab-Event": "Push Hook",
            "X-Gitlab-Event-UUID": "13792a34-cac6-4fda-95a8-c58e00a3954e",
            "Idempotency-Key": "f5e57a0b-8b8d-4a4c-8ca6-0b40d3d2a0c2",
        },
        signs_body=False,
        signature="x-gitlab-token",
        type="Push Hook",
        id="f5e57a0b-8b8d-4a4c-8ca6-0b40d3d2a0c2",
        subject="mike/diaspora",
    ),
    Sample(
        scheme="gitlab",
        secret=b"whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=",
        body=GITLAB,
        headers={**_JSON, "X-Gitlab-Event": "Push Hook", "webhook-id": "f5e57a0b-8b8d-4a4c-8ca6-0b40d3d2a0c2"},
        timed=True,
        signature="webhook-signature",
        type="Push Hook",
        id="f5e57a0b-8b8d-4a4c-8ca6-0b40d3d2a0c2",
        subject="mike/diaspora",
    ),
    Sample(
        scheme="shopify",
        secret=b"hush",
        body=SHOPIFY,
        headers={
            **_JSON,
            "X-Shopify-Topic": "products/update",
            "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
            "X-Shopify-Event-Id": "98880550-7158-44d4-b7cd-2c97c8a091b5",
            "X-Shopify-Triggered-At": "2025-04-22T18:30:00.150926453Z",
        },
        signature="x-shopify-hmac-sha256",
        type="products/update",
        id="b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        subject="gid://shopify/Product/788032119674292922",
        time="2025-04-22T18:30:00.150926453Z",
    ),
    Sample(
        scheme="slack",
        secret=b"8f742231b10e8888abcd99yyyzzz85a5",
        body=SLACK,
        headers=_JSON,
        timed=True,
        signature="x-slack-signature",
        type="reaction_added",
        id="Ev123ABC456",
        subject="C123ABC456",
        time="1973-11-29T21:33:09.000Z",
    ),
    Sample(
        scheme="twilio",
        secret=b"auth-token",
        body=TWILIO,
        headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "I-Twilio-Idempotency-Token": "b9cb4f4d-0b1a-4a4c-9d5f-2f2f7a1a2f0e",
        },
        signature="x-twilio-signature",
        type="delivered",
        id="b9cb4f4d-0b1a-4a4c-9d5f-2f2f7a1a2f0e",
        subject="SM1234567890",
    ),
    Sample(
        scheme="standard",
        secret=b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        body=STANDARD,
        headers={**_JSON, "webhook-id": "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"},
        timed=True,
        signature="webhook-signature",
        type="contact.created",
        id="msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        time="2022-11-03T20:26:10.344522Z",
    ),
    Sample(
        scheme="hmac",
        secret=b"some secret",
        body=XML,
        headers={"Content-Type": "application/xml", "Idempotency-Key": "order-7"},
        options=SchemeOptions(
            header="X-Acme-Signature",
            algorithm="sha512",
            encoding="base64",
            prefix="v1,",
            signed="{method} {url} {timestamp} {body}",
            timestamp_header="X-Acme-Time",
        ),
        timed=True,
        signature="x-acme-signature",
        type="webhook",
        id="order-7",
    ),
    Sample(
        scheme="header",
        secret=b"shared",
        body=b"",
        headers={},
        options=SchemeOptions(header="Authorization", prefix="Bearer "),
        signs_body=False,
        signature="authorization",
        type="webhook",
        id=None,
    ),
    Sample(
        scheme="basic",
        secret=b"user:pass:word",
        body=b"\x00\xff\x00",
        headers={"Content-Type": "application/octet-stream"},
        signs_body=False,
        signature="authorization",
        type="webhook",
        id=None,
    ),
)
"""At least one per scheme."""
