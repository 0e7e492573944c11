"""`stripe`: Stripe-Signature contains a timestamp and, per active secret, the HMAC-SHA256 of timestamp and body.

The key is the secret as displayed, including `whsec_`. Only `v1` is valid; `v0` is a fake for test events.

https://docs.stripe.com/webhooks#verify-manually
"""

import hmac
from collections.abc import Sequence

from ingest.sources.schemes.base import check_match, check_time, required
from ingest.sources.webhook import Webhook
from shared.model.errors import NotAuthentic

_HEADER = "stripe-signature"


class Stripe:
    """Accepts a delivery if any of its signatures is valid."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Check the signatures and the timestamp."""
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
