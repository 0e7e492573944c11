"""`twilio`: X-Twilio-Signature is the HMAC of the URL and the form fields, keyed with the auth token.

Fields are sorted by name, each written as name and value, without duplicates. For other bodies, the URL contains their
digest as `bodySHA256`. The algorithm is SHA-1, or SHA-256 if a header says so. Twilio may add or drop the port of the
URL, so both spellings are accepted.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit, urlunsplit

from ingest.sources.schemes.base import check_match, required
from ingest.sources.webhook import Webhook
from shared.model.errors import NotAuthentic

_HEADER = "x-twilio-signature"
_SETTINGS = "x-twilio-webhooks-signature-settings"
_BODY_DIGEST = "bodySHA256"
_PORTS = {"https": 443, "http": 80}


class Twilio:
    """Verifies the URL and the body."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)

    def verify(self, webhook: Webhook, now_ms: int) -> None:  # noqa: ARG002 - no timestamp
        """Check the signature, and the digest of a body that is not a form."""
        given = required(webhook, _HEADER)
        algorithm = "sha256" if "HMAC_SHA256" in (webhook.header(_SETTINGS) or "") else "sha1"
        fields = _fields(webhook)
        check_match(
            [_signature(secret, url, fields, algorithm) for secret in self._secrets for url in _spellings(webhook.url)],
            [given],
        )
        # After the signature, which covers the URL. A body without fields and digest is not signed at all.
        digests = parse_qs(urlsplit(webhook.url).query).get(_BODY_DIGEST, [])
        if digests:
            check_match([hashlib.sha256(webhook.body).hexdigest()], digests)
        elif webhook.body and not fields:
            raise NotAuthentic("mismatch")

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:  # noqa: ARG002
        """Add the signature and, unless the body is a form, its digest to the URL."""
        url = webhook.url
        if webhook.body and not webhook.is_form:
            mark = "&" if urlsplit(url).query else "?"
            url = f"{url}{mark}{_BODY_DIGEST}={hashlib.sha256(webhook.body).hexdigest()}"
        return webhook.signed_with({_HEADER: _signature(self._secrets[0], url, _fields(webhook), "sha1")}, url=url)


def _fields(webhook: Webhook) -> str:
    return "".join(f"{name}{value}" for name, value in sorted(set(webhook.form)))


def _spellings(url: str) -> list[str]:
    """Return `url` unchanged and with the port removed, or added if there is none."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return [url]
    user, _, host = parts.netloc.rpartition("@")
    host = f"{host}:{_PORTS.get(parts.scheme, 443)}" if port is None else host.rpartition(":")[0]
    return [url, urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host))]


def _signature(secret: bytes, url: str, fields: str, algorithm: str) -> str:
    signed = f"{url}{fields}".encode("utf-8", "surrogateescape")
    return base64.b64encode(hmac.digest(secret, signed, algorithm)).decode()
