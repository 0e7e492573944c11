"""Requests that ask for permission to send to a URL. They are answered and do not become events.

GitHub's ping is an event like any other. So is SNS's SubscriptionConfirmation: the URL in it is never fetched, and the
operator sees the event and decides.
"""

import re

import msgspec

from ingest.sources.content import Content
from ingest.sources.webhook import Webhook
from shared.model.source import Source

SNS_CONFIRMATIONS = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
SNS_MESSAGE_TYPE = "x-amz-sns-message-type"

_MAX_ECHO = 1024
_UNKNOWN_SENDERS = ("hmac", "header", "basic", "none")

_origin = re.compile(r"[A-Za-z0-9.*:_-]{1,255}", re.ASCII).fullmatch
_encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A response. The default, 200 without a body, is that of every delivery, since some senders display a body."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def answer_options(webhook: Webhook) -> Answer:
    """Return the answer to OPTIONS, with which CloudEvents webhooks and Azure Event Grid ask for permission.

    https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection
    """
    headers = [("Allow", "POST, OPTIONS")]
    origin = webhook.header("webhook-request-origin")
    if origin and _origin(origin):
        headers += [("WebHook-Allowed-Origin", origin), ("WebHook-Allowed-Rate", "*")]
    return Answer(headers=tuple(headers))


def answer_handshake(source: Source, webhook: Webhook, content: Content) -> Answer | None:
    """Return the answer to a handshake of this source's sender; None if `webhook`, already verified, is a delivery."""
    if source.scheme == "slack":
        return _slack(content)
    if source.scheme in _UNKNOWN_SENDERS:
        return _event_grid(webhook, content)
    return None


def is_sns(source: Source, webhook: Webhook) -> bool:
    """Return whether SNS sent this. SNS declares its JSON as plain text."""
    return source.scheme in _UNKNOWN_SENDERS and webhook.header(SNS_MESSAGE_TYPE) is not None


def _slack(content: Content) -> Answer | None:
    # https://docs.slack.dev/reference/events/url_verification
    if content.value_at("/type") != "url_verification":
        return None
    challenge = content.value_at("/challenge")
    if challenge is None or len(challenge) > _MAX_ECHO:
        return None
    return Answer(headers=(("Content-Type", "text/plain; charset=utf-8"),), body=challenge.encode())


def _event_grid(webhook: Webhook, content: Content) -> Answer | None:
    # https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
    if webhook.header("aeg-event-type") != "SubscriptionValidation":
        return None
    code = content.value_at("/0/data/validationCode")
    if code is None or len(code) > _MAX_ECHO:
        return None
    return Answer(headers=(("Content-Type", "application/json"),), body=_encode({"validationResponse": code}))
