"""`header`: a header contains the secret. This authenticates the sender, not the body."""

from collections.abc import Sequence

from ingest.sources.schemes.base import check_match, required
from ingest.sources.webhook import Webhook


class Header:
    """Verifies that `header` is `prefix` followed by one of the secrets."""

    def __init__(self, secrets: Sequence[bytes], header: str, prefix: str = "") -> None:
        self._expected = tuple(prefix + secret.decode("utf-8", "surrogateescape") for secret in secrets)
        self._header = header.lower()

    def verify(self, webhook: Webhook, now_ms: int) -> None:  # noqa: ARG002 - no timestamp
        """Check the header."""
        check_match(self._expected, [required(webhook, self._header)])

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:  # noqa: ARG002
        """Add the header."""
        return webhook.signed_with({self._header: self._expected[0]})
