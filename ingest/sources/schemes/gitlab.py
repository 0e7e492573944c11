"""`gitlab`: a signing token (`whsec_...`) signs as Standard Webhooks do; a secret token is X-Gitlab-Token itself.

Which of the two a secret is shows in the secret, so a webhook can be moved from one to the other as in any rotation.

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
    """Verifies whichever of the two the request came with."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        signing = [secret for secret in secrets if secret.startswith(PREFIX.encode())]
        plain = [secret for secret in secrets if secret not in signing]
        schemes: list[Scheme] = []
        if signing:
            schemes.append(Standard(signing))
        if plain:
            schemes.append(Header(plain, _HEADER))
        # The newest secret says how to sign.
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
        """Add the headers of the newest secret's kind."""
        return self._schemes[0].sign(webhook, now_ms)
