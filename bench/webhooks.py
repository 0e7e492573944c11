"""Generate webhook deliveries as events, the same ones every time: one JSON object a line, as `triggers send` takes it.

    python -m bench.webhooks > webhooks.ndjson

Sizes and compressibility follow recorded GitHub deliveries: a median of 8 KB, and a fifth of that as a zstd frame.
"""

import json
import random
import sys
from functools import lru_cache

from bench import commerce, github

COUNT = 165
_SEED = 20

_GITHUB = {"push": 32, "issues.opened": 22, "issue_comment.created": 22, "pull_request.opened": 26}
_GITHUB |= {"release.published": 14, "star.created": 12}
_STRIPE = {"invoice.paid": 8, "charge.succeeded": 8}
_SHOPIFY = {"orders.create": 12, "products.update": 9}
_SHARES = {
    **{("github", kind): share for kind, share in _GITHUB.items()},
    **{("stripe", kind): share for kind, share in _STRIPE.items()},
    **{("shopify", kind): share for kind, share in _SHOPIFY.items()},
}
_PROVIDERS = {"github": github.delivery, "stripe": commerce.stripe, "shopify": commerce.shopify}


@lru_cache
def webhooks() -> tuple[bytes, ...]:
    """Return `COUNT` different events, in a mixed order."""
    rng = random.Random(_SEED)
    kinds = rng.sample(list(_SHARES), COUNT, counts=list(_SHARES.values()))
    return tuple(_event(rng, provider, kind) for provider, kind in kinds)


def _event(rng: random.Random, provider: str, kind: str) -> bytes:
    data = _PROVIDERS[provider](rng, kind)
    event = {"type": f"{provider}.{kind}", "source": f"/webhooks/{provider}", "data": data}
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


if __name__ == "__main__":
    sys.stdout.buffer.writelines(line + b"\n" for line in webhooks())
