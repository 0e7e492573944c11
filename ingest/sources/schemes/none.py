"""`none`: nothing is signed; whoever knows the URL may send."""

from ingest.sources.webhook import Webhook


class Unsigned:
    """Vouches for every request: the secret in the URL is all there is."""

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Accept the request."""

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:  # noqa: ARG002
        """Return the request as it is."""
        return webhook
