"""`gitlab`: a signing token (`whsec_...`) is used as in Standard Webhooks; a secret token is sent in X-Gitlab-Token.

The prefix distinguishes them, so a webhook can move from one to the other by rotating the secret.

https://docs.gitlab.com/user/project/integrations/webhooks/
"""

from collections.abc import Sequence

from ingest.sources.schemes.base import Scheme
from ingest.sources.schemes.header import Header
from ingest.sources.schemes.standard import PREFIX, Standard
from ingest.sources.webhook import Webhook
from shared.model.errors import NotAuthentic

_HEADER = "X-Gitlab-Token"


class Gitlab:
    """Verifies the signature or the token, depending on the request."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        signing = [secret for secret in secrets if secret.startswith(PREFIX.encode())]
        plain = [secret for secret in secrets if secret not in signing]
        schemes: list[Scheme] = []
        if signing:
            schemes.append(Standard(signing))
        if plain:
            schemes.append(Header(plain, _HEADER))
        # The kind of the newest secret comes first: `sign` uses it.
        self._schemes = schemes if secrets[0] in signing else schemes[::-1]

    def verify(self, webhook: Webhook, now_ms: int) -> None:
        """Check the signature or the token."""
        refusals = []
        for scheme in self._schemes:
            try:
                scheme.verify(webhook, now_ms)
            except NotAuthentic as error:
                refusals.append(error)
        if len(refusals) == len(self._schemes):
            raise refusals[0]

    def sign(self, webhook: Webhook, now_ms: int) -> Webhook:
        """Add the headers for the newest secret."""
        return self._schemes[0].sign(webhook, now_ms)
