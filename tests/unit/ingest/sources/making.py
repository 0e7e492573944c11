"""Sources with known secrets, and their receivers."""

from collections.abc import Mapping, Sequence

from ingest.sources.receive import Delivery, Receiver
from ingest.sources.schemes.registry import scheme_of
from ingest.sources.webhook import Webhook
from shared.model.source import Source, create
from shared.model.source_scheme import SchemeName, SchemeOptions
from tests.deliveries import Sample
from tests.fakes.clock import START_MS

RECEIPT = "019b0000-0000-7000-8000-000000000000"


def a_source(scheme: SchemeName = "none", **changes: object) -> Source:
    arguments: dict[str, object] = {"tenant": "acme", "name": "shop", "scheme": scheme, "now_ms": START_MS}
    return create(**(arguments | changes))[0]  # type: ignore[arg-type]


def receiver(
    scheme: SchemeName = "none", secrets: Sequence[bytes] = (), options: SchemeOptions | None = None, **changes: object
) -> Receiver:
    options = options or SchemeOptions()
    return Receiver(a_source(scheme, options=options, **changes), scheme_of(scheme, secrets, options))


def receiver_of(sample: Sample, *secrets: bytes) -> Receiver:
    return receiver(sample.scheme, secrets or (sample.secret,), sample.options)


def signed(sample: Sample, now_ms: int = START_MS, secret: bytes | None = None) -> Webhook:
    return scheme_of(sample.scheme, [secret or sample.secret], sample.options).sign(sample.webhook, now_ms)


def delivered(receiver: Receiver, webhook: Webhook, now_ms: int = START_MS) -> Delivery:
    found = receiver.receive(webhook, now_ms=now_ms, mint=lambda: RECEIPT)
    assert isinstance(found, Delivery)
    return found


def post(body: bytes = b"", content_type: str | None = None, **headers: str) -> Webhook:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if content_type is not None:
        given.append((b"content-type", content_type.encode()))
    return Webhook(body, given)


def changed(
    webhook: Webhook,
    headers: Mapping[str, str | None] | None = None,
    *,
    body: bytes | None = None,
    url: str | None = None,
) -> Webhook:
    """Return `webhook` with other `headers` (None removes one), another body or URL."""
    replaced = {name.encode(): value for name, value in (headers or {}).items()}
    kept = [(name, value) for name, value in webhook.headers if name not in replaced]
    added = [(name, value.encode()) for name, value in replaced.items() if value is not None]
    return Webhook(
        webhook.body if body is None else body, [*kept, *added], url=url or webhook.url, method=webhook.method
    )
