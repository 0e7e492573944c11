"""The schemes by name. A new one needs a module, an entry here and its name in `shared.model.source_scheme`."""

from collections.abc import Callable, Mapping, Sequence

from ingest.sources.schemes import github, shopify, slack
from ingest.sources.schemes.base import Scheme
from ingest.sources.schemes.basic import Basic
from ingest.sources.schemes.gitlab import Gitlab
from ingest.sources.schemes.header import Header
from ingest.sources.schemes.hmac import Hmac
from ingest.sources.schemes.none import Unsigned
from ingest.sources.schemes.standard import Standard
from ingest.sources.schemes.stripe import Stripe
from ingest.sources.schemes.twilio import Twilio
from shared.model.errors import Fault, InvalidRequest
from shared.model.source_scheme import SchemeName, SchemeOptions

_FACTORIES: Mapping[SchemeName, Callable[[Sequence[bytes], SchemeOptions], Scheme]] = {
    "stripe": lambda secrets, _: Stripe(secrets),
    "github": lambda secrets, _: Hmac(secrets, github.OPTIONS),
    "gitlab": lambda secrets, _: Gitlab(secrets),
    "shopify": lambda secrets, _: Hmac(secrets, shopify.OPTIONS),
    "slack": lambda secrets, _: Hmac(secrets, slack.OPTIONS),
    "twilio": lambda secrets, _: Twilio(secrets),
    "standard": lambda secrets, _: Standard(secrets),
    "hmac": Hmac,
    "header": lambda secrets, options: Header(secrets, options.header or "", options.prefix),
    "basic": lambda secrets, _: Basic(secrets),
    "none": lambda _, __: Unsigned(),
}


def scheme_of(name: SchemeName, secrets: Sequence[bytes], options: SchemeOptions) -> Scheme:
    """Return the scheme `name` with these secrets, newest first.

    Raises `InvalidRequest` if a required secret is empty or has the wrong format.
    """
    if name != "none" and not all(secrets or [b""]):
        detail = f"The scheme {name} needs a signing secret."
        raise InvalidRequest("The signing secret is invalid.", [Fault(detail=detail)])
    return _FACTORIES[name](secrets, options)
