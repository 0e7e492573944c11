"""`standard`: Standard Webhooks, with the headers `webhook-*` or, as Svix names them, `svix-*`.

HMAC-SHA256 over id, time and body. The key is what the base64 behind `whsec_` stands for. The header may hold several
signatures; those of other versions than `v1` (`v1a` is asymmetric) are passed over.

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
    """Verifies one signature of several. Raises `InvalidRequest` for a secret that is no base64."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = tuple(map(key_of, secrets))

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Check the signatures and the time."""
        family = "webhook" if webhook.header("webhook-signature") else "svix"
        signatures = required(webhook, f"{family}-signature").split()
        message_id, time = required(webhook, f"{family}-id"), required(webhook, f"{family}-timestamp")
        check_time(time, now_ms)
        given = [text.removeprefix(_VERSION) for text in signatures if text.startswith(_VERSION)]
        if not given:
            raise NotAuthentic("malformed")
        check_match((_signature(key, message_id, time, webhook.body) for key in self._keys), given)

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:
        """Add the three headers; an id that is there already is kept."""
        message_id = webhook.header("webhook-id")
        headers = {} if message_id else {"webhook-id": f"msg_{random.token_hex(12)}"}
        message_id, time = message_id or headers["webhook-id"], str(now_ms // 1000)
        signature = _signature(self._keys[0], message_id, time, webhook.body)
        return webhook.signed_with({**headers, "webhook-timestamp": time, "webhook-signature": _VERSION + signature})


def key_of(secret: bytes) -> bytes:
    """Return the key that a secret stands for; raise `InvalidRequest` if it is no base64."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX.encode()), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        detail = f"A secret of Standard Webhooks is {PREFIX} and base64."
        raise InvalidRequest("The signing secret is invalid.", [Fault(detail=detail)])
    return key


def _signature(key: bytes, message_id: str, time: str, body: bytes) -> str:
    signed = b"%b.%b.%b" % (message_id.encode("utf-8", "surrogateescape"), time.encode(), body)
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
