"""`stripe`: Stripe-Signature holds a time and the HMAC-SHA256 of it and the body, one for each active secret.

The key is the whole `whsec_...` as it is shown. Only `v1` counts: `v0` is made up, for tests of the sender.

https://docs.stripe.com/webhooks#verify-manually
"""

import hmac
from collections.abc import Sequence

from ingest.sources.schemes.base import check_match, check_time, required
from ingest.sources.webhook import Webhook
from shared.model.errors import NotAuthentic

_HEADER = "stripe-signature"


class Stripe:
    """Verifies one signature of several."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Check the signatures and the time."""
        parts = [part.strip().partition("=") for part in required(webhook, _HEADER).split(",")]
        times = [value for name, _, value in parts if name == "t"]
        signatures = [value for name, _, value in parts if name == "v1"]
        if len(times) != 1 or not signatures:
            raise NotAuthentic("malformed")
        check_time(times[0], now_ms)
        check_match((_signature(secret, times[0], webhook.body) for secret in self._secrets), signatures)

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:
        """Add the header."""
        time = str(now_ms // 1000)
        return webhook.signed_with({_HEADER: f"t={time},v1={_signature(self._secrets[0], time, webhook.body)}"})


def _signature(secret: bytes, time: str, body: bytes) -> str:
    return hmac.digest(secret, b"%b.%b" % (time.encode(), body), "sha256").hex()
