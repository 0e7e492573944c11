"""`none`: no signature; every client with the URL may send."""

from ingest.sources.webhook import Webhook


class Unsigned:
    """Accepts every request: the secret in the URL is the only protection."""

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Accept the request."""

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:  # noqa: ARG002
        """Return the request unchanged."""
        return webhook
