"""`standard`: Standard Webhooks, with headers named `webhook-*` or, by Svix, `svix-*`.

HMAC-SHA256 of id, timestamp and body. The key is base64 after `whsec_`. The header may contain several signatures;
versions other than `v1` (`v1a` is asymmetric) are ignored.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
import secrets as random
from collections.abc import Sequence

from ingest.sources.schemes.base import check_match, check_time, required
from ingest.sources.webhook import Webhook
from shared.model.errors import Fault, InvalidRequest, NotAuthentic

PREFIX = "whsec_"
_VERSION = "v1,"


class Standard:
    """Accepts a delivery if any of its signatures is valid. Raises `InvalidRequest` for a secret that is not base64."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = tuple(map(key_of, secrets))

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Check the signatures and the timestamp."""
        family = "webhook" if webhook.header("webhook-signature") else "svix"
        signatures = required(webhook, f"{family}-signature").split()
        message_id, time = required(webhook, f"{family}-id"), required(webhook, f"{family}-timestamp")
        check_time(time, now_ms)
        given = [text.removeprefix(_VERSION) for text in signatures if text.startswith(_VERSION)]
        if not given:
            raise NotAuthentic("malformed")
        check_match((_signature(key, message_id, time, webhook.body) for key in self._keys), given)

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:
        """Add the three headers; keep an existing id."""
        message_id = webhook.header("webhook-id")
        headers = {} if message_id else {"webhook-id": f"msg_{random.token_hex(12)}"}
        message_id, time = message_id or headers["webhook-id"], str(now_ms // 1000)
        signature = _signature(self._keys[0], message_id, time, webhook.body)
        return webhook.signed_with({**headers, "webhook-timestamp": time, "webhook-signature": _VERSION + signature})


def key_of(secret: bytes) -> bytes:
    """Return the key that a secret encodes; raise `InvalidRequest` if it is not base64."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX.encode()), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        detail = f"The secret must be {PREFIX} followed by base64."
        raise InvalidRequest("The signing secret is invalid.", [Fault(detail=detail)])
    return key


def _signature(key: bytes, message_id: str, time: str, body: bytes) -> str:
    signed = b"%b.%b.%b" % (message_id.encode("utf-8", "surrogateescape"), time.encode(), body)
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
