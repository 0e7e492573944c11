"""Requests for permission to send to a URL."""

import pytest

from ingest.sources.handshakes import Answer
from ingest.sources.webhook import Webhook
from shared.model.errors import NotAuthentic
from shared.model.source_scheme import SchemeName
from tests.fakes.clock import START_MS
from tests.unit.ingest.sources.making import RECEIPT, delivered, post, receiver

JSON = "application/json"


def answered(scheme: SchemeName, webhook: Webhook) -> Answer:
    one = receiver(scheme, [] if scheme == "none" else [b"k"])
    found = one.receive(one.sign(webhook, START_MS), now_ms=START_MS, mint=lambda: RECEIPT)
    assert isinstance(found, Answer)
    return found


def test_slacks_challenge_is_answered_if_its_signature_is_valid() -> None:
    webhook = post(b'{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",'
                   b'"type":"url_verification"}', JSON)  # fmt: skip
    answer = answered("slack", webhook)
    assert (answer.status, answer.body) == (200, b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P")
    with pytest.raises(NotAuthentic):
        receiver("slack", [b"k"]).receive(webhook, now_ms=START_MS, mint=lambda: RECEIPT)


@pytest.mark.parametrize("challenge", [b"", b',"challenge":{}', b',"challenge":"%b"' % (b"a" * 1025)])
def test_an_invalid_challenge_is_an_event(challenge: bytes) -> None:
    one = receiver("slack", [b"k"])
    webhook = one.sign(post(b'{"type":"url_verification"%b}' % challenge, JSON), START_MS)
    assert delivered(one, webhook).event.type == "url_verification"


def test_only_slacks_challenge_is_answered() -> None:
    webhook = post(b'{"type":"url_verification","challenge":"a"}', JSON)
    assert delivered(receiver(), webhook).event.type == "url_verification"


EVENT_GRID = (
    b'[{"id":"2d1781af-3a4c-4d7c-bd0c-e34b19da4e66","topic":"/subscriptions/x","subject":"","data":{"validationCode":'
    b'"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent"}]'
)


def test_event_grids_validation_is_answered() -> None:
    answer = answered("none", post(EVENT_GRID, JSON, aeg_event_type="SubscriptionValidation"))
    assert answer.body == b'{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}'
    assert ("Content-Type", "application/json") in answer.headers


def test_event_grids_validation_without_its_header_or_code_is_an_event() -> None:
    delivered(receiver(), post(EVENT_GRID, JSON))
    delivered(receiver(), post(b"[]", JSON, aeg_event_type="SubscriptionValidation"))


@pytest.mark.parametrize("scheme", ["none", "github"])
def test_options_grants_permission_to_send(scheme: SchemeName) -> None:
    webhook = Webhook(
        headers=[(b"webhook-request-origin", b"eventgrid.azure.net"), (b"webhook-request-rate", b"120")],
        method="OPTIONS",
    )
    headers = dict(answered(scheme, webhook).headers)
    assert headers == {
        "Allow": "POST, OPTIONS", "WebHook-Allowed-Origin": "eventgrid.azure.net", "WebHook-Allowed-Rate": "*"
    }  # fmt: skip


@pytest.mark.parametrize("origin", [None, b"", b"a b", b"a\r\nset-cookie: b", b"\xff", b"a" * 256])
def test_options_without_an_origin_grants_nothing(origin: bytes | None) -> None:
    headers = [] if origin is None else [(b"webhook-request-origin", origin)]
    assert dict(answered("none", Webhook(headers=headers, method="OPTIONS")).headers) == {"Allow": "POST, OPTIONS"}


def test_the_answer_to_a_delivery_has_no_body() -> None:
    assert (Answer().status, Answer().body, Answer().headers) == (200, b"", ())
