"""`hmac`: a header contains the HMAC of the body, or of a text that includes the body. Most services sign this way."""

import base64
import hmac
import re
from collections.abc import Sequence

from ingest.sources.schemes.base import check_match, check_time, required
from ingest.sources.webhook import Webhook
from shared.model.source_scheme import SchemeOptions

_placeholders = re.compile(r"\{(body|timestamp|url|method)\}").split


class Hmac:
    """Verifies as `options` specify. `header` must be set, and `timestamp_header` if a timestamp is signed."""

    def __init__(self, secrets: Sequence[bytes], options: SchemeOptions) -> None:
        self._secrets = tuple(secrets)
        self._options = options
        self._header = (options.header or "").lower()
        self._timestamp_header = (options.timestamp_header or "").lower()
        # Text at even indexes, placeholders at odd ones.
        self._parts = _placeholders(options.signed)

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Check the signature, and the timestamp if one is signed."""
        given = required(webhook, self._header)
        timestamp = ""
        if self._timestamp_header:
            timestamp = required(webhook, self._timestamp_header)
            check_time(timestamp, now_ms)
        signed = self._signed(webhook, timestamp)
        expected = [self._signature(secret, signed) for secret in self._secrets]
        if self._options.encoding == "hex":
            # Some senders use upper case; none mixes cases.
            prefix = self._options.prefix
            expected += [prefix + text.removeprefix(prefix).upper() for text in expected]
        check_match(expected, [given])

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:
        """Add the header of the signature, and of the timestamp if one is signed."""
        headers = {}
        if self._timestamp_header:
            headers[self._timestamp_header] = str(now_ms // 1000)
        signed = self._signed(webhook, headers.get(self._timestamp_header, ""))
        return webhook.signed_with({**headers, self._header: self._signature(self._secrets[0], signed)})

    def _signed(self, webhook: Webhook, timestamp: str) -> bytes:
        values = {
            "body": webhook.body,
            "timestamp": timestamp.encode(),
            "url": webhook.url.encode(),
            "method": webhook.method.encode(),
        }
        return b"".join(
            values[part] if number % 2 else part.encode() for number, part in enumerate(self._parts) if part
        )

    def _signature(self, secret: bytes, signed: bytes) -> str:
        digest = hmac.digest(secret, signed, self._options.algorithm)
        encoded = digest.hex() if self._options.encoding == "hex" else base64.b64encode(digest).decode()
        return self._options.prefix + encoded
