"""Presets on other kinds of deliveries."""

import hashlib

import pytest

from ingest.sources.presets import KEPT, KEPT_ALWAYS, KEPT_OF_ANY, PRESETS, kept_headers, rules_of
from ingest.sources.webhook import Webhook
from shared.model.source import may_hold_credential
from shared.model.source_rules import Rules, rule_faults
from shared.model.source_scheme import SCHEMES, SchemeName
from tests.fakes.clock import START_MS
from tests.unit.ingest.sources.making import delivered, receiver

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
SECRETS: dict[SchemeName, list[bytes]] = {"none": [], "standard": [b"whsec_c2VjcmV0"]}


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_presets_are_valid_and_always_find_an_id(scheme: SchemeName) -> None:
    assert not list(rule_faults(PRESETS[scheme]))
    assert PRESETS[scheme].id[-1] == "digest:body"


def test_no_preset_keeps_a_header_that_may_hold_a_credential() -> None:
    kept = {*KEPT_ALWAYS, *KEPT_OF_ANY, *(header for headers in KEPT.values() for header in headers)}
    assert not [header for header in kept if may_hold_credential(header)]
    assert all(header == header.lower() for header in kept)


def test_own_rules_replace_those_of_the_preset_per_attribute() -> None:
    rules = rules_of("github", Rules(id=("digest:body",)))
    assert rules.id == ("digest:body",)
    assert rules.type == PRESETS["github"].type
    assert rules.type_suffix == PRESETS["github"].type_suffix
    assert rules_of("github", Rules(type=("constant:a",))).type_suffix == ()


def test_kept_headers_are_named_once() -> None:
    assert kept_headers("shopify", ("x-shopify-topic", "x-a")).count("x-shopify-topic") == 1
    assert "x-a" in kept_headers("stripe", ("x-a",))


@pytest.mark.parametrize(
    ("scheme", "headers", "body", "type_", "id_"),
    [
        ("slack", FORM, b"command=%2Fdeploy&trigger_id=1.2.abc", "/deploy", "1.2.abc"),
        ("slack", FORM, b"payload=%7B%7D", "interaction", digest(b"payload=%7B%7D")),
        (
            "twilio",
            FORM,
            b"SmsStatus=received&MessageSid=SM1",
            "received",
            digest(b"SmsStatus=received&MessageSid=SM1"),
        ),
        ("standard", {**JSON, "webhook-id": "msg_1"}, b'{"type":"a.b"}', "a.b", "msg_1"),
        ("gitlab", {**JSON, "x-gitlab-event-uuid": "u"}, b'{"object_kind":"note"}', "note", "u"),
        ("github", {**JSON, "x-github-event": "push"}, b"{}", "push", digest(b"{}")),
        ("stripe", JSON, b'{"type":7}', "7", digest(b'{"type":7}')),
        ("stripe", JSON, b"no json", "webhook", digest(b"no json")),
        ("none", {"ce-type": "a", "ce-id": "1"}, b"x", "a", "1"),
        ("none", {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": "m"}, b"{}", "Notification", "m"),
        # An id in the body may be the object's: two changes of it must stay two events.
        ("none", JSON, b'{"id":7,"event":"changed"}', "changed", digest(b'{"id":7,"event":"changed"}')),
    ],
)
def test_type_and_id(scheme: SchemeName, headers: dict[str, str], body: bytes, type_: str, id_: str) -> None:
    one = receiver(scheme, SECRETS.get(scheme, [b"k"]))
    webhook = Webhook(body, [(name.encode(), value.encode()) for name, value in headers.items()], url="https://h/x")
    event = delivered(one, one.sign(webhook, START_MS)).event
    assert (event.type, event.id) == (type_, id_)
