"""Handles a request to a source's URL, independently of the web framework: returns an event or an answer, or raises."""

from collections.abc import Callable

import msgspec

from ingest.sources.content import Content
from ingest.sources.event import Attributes, event_of
from ingest.sources.extraction import Extraction
from ingest.sources.handshakes import (
    SNS_CONFIRMATIONS,
    SNS_MESSAGE_TYPE,
    Answer,
    answer_handshake,
    answer_options,
    is_sns,
)
from ingest.sources.presets import kept_headers, rules_of
from ingest.sources.schemes.base import Scheme
from ingest.sources.webhook import Webhook
from ingest.trace_context import Trace
from shared.clock import rfc3339
from shared.model.errors import NotAuthentic, TooLarge
from shared.model.event import Event
from shared.model.source import Source

MAX_BODY_BYTES = 1024 * 1024
"""The limit of one delivery. Whether its pack fits in a message is known only once it is encoded."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The event of a verified delivery, and its deduplication window."""

    event: Event
    window_seconds: int

    def __repr__(self) -> str:
        """Show the receipt, not the payload."""
        return f"Delivery(receipt={self.event.receipt!r})"


class Receiver:
    """Receives the deliveries of one source; `scheme` holds its secrets."""

    def __init__(self, source: Source, scheme: Scheme) -> None:
        self.source = source
        self._scheme = scheme
        self._extraction = Extraction(rules_of(source.scheme, source.rules))
        signature = (source.options.header or "").lower()
        self._kept = [name for name in kept_headers(source.scheme, source.keep_headers) if name != signature]

    def receive(
        self, webhook: Webhook, *, now_ms: int, mint: Callable[[], str], trace: Trace | None = None
    ) -> Delivery | Answer:
        """Return the event of `webhook`, or the answer to a handshake.

        Raises `NotAuthentic`, and `TooLarge` for a body of more than `MAX_BODY_BYTES`.
        """
        if self.source.disabled_at is not None:
            raise NotAuthentic("disabled")
        if webhook.method == "OPTIONS":
            return answer_options(webhook)
        if len(webhook.body) > MAX_BODY_BYTES:
            raise TooLarge(MAX_BODY_BYTES)
        self._scheme.verify(webhook, now_ms)
        content = Content(webhook, as_json=is_sns(self.source, webhook))
        if answer := answer_handshake(self.source, webhook, content):
            return answer
        return self._delivery(webhook, content, now_ms, mint(), trace)

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:
        """Return `webhook` signed as this source's sender would sign it."""
        return self._scheme.sign(webhook, now_ms)

    def _delivery(self, webhook: Webhook, content: Content, now_ms: int, receipt: str, trace: Trace | None) -> Delivery:
        attributes = Attributes(
            receipt=receipt,
            id=self._extraction.id_of(webhook, content),
            type=self._type_of(webhook, content),
            time=self._extraction.time_of(webhook, content) or rfc3339(now_ms),
            subject=self._extraction.subject_of(webhook, content),
            trace=trace,
        )
        event = event_of(self.source, webhook, content, attributes, self._kept)
        return Delivery(event=event, window_seconds=self.source.window_seconds)

    def _type_of(self, webhook: Webhook, content: Content) -> str:
        # Regardless of the source's rules: a subscription starts only after the operator has seen the confirmation.
        if is_sns(self.source, webhook) and (sns := webhook.header(SNS_MESSAGE_TYPE)) in SNS_CONFIRMATIONS:
            return str(sns)
        return self._extraction.type_of(webhook, content)
