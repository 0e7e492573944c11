"""A `Budget` in memory."""

from shared.model.api_key import ApiKey
from shared.model.token_budget import Lease, span_us, tokens_to_take


class MemoryBudget:
    """Buckets in a dict, which several limiters may share."""

    def __init__(self) -> None:
        self._full_us: dict[str, int] = {}

    async def take(self, key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> Lease:  # noqa: ARG002
        """Take tokens."""
        found_us = self._full_us.get(key.key_id, 0)
        amount = tokens_to_take(key, least=least, most=most, now_ms=now_ms, full_us=found_us)
        if amount:
            found_us = self._full_us[key.key_id] = max(found_us, now_ms * 1000) + span_us(key, amount)
        return Lease(amount, found_us)
