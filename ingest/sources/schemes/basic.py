"""`basic`: HTTP Basic authentication; the secret is `user:password`.

https://datatracker.ietf.org/doc/html/rfc7617
"""

import base64
from collections.abc import Sequence

from ingest.sources.schemes.base import check_match
from ingest.sources.webhook import Webhook
from shared.model.errors import NotAuthentic

_HEADER = "authorization"
_CHALLENGE = 'Basic realm="source", charset="UTF-8"'


class Basic:
    """Verifies user and password. Some senders (Twilio) send them only after a 401 with a challenge."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._expected = tuple(base64.b64encode(secret).decode() for secret in secrets)

    def verify(self, webhook: Webhook, now_ms: int) -> None:  # noqa: ARG002 - no timestamp
        """Check the header."""
        method, _, credentials = (webhook.header(_HEADER) or "").partition(" ")
        if method.lower() != "basic":
            raise NotAuthentic("missing", _CHALLENGE)
        try:
            check_match(self._expected, [credentials.strip()])
        except NotAuthentic as error:
            raise NotAuthentic(error.reason, _CHALLENGE) from None

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:  # noqa: ARG002
        """Add the header."""
        return webhook.signed_with({_HEADER: f"Basic {self._expected[0]}"})
