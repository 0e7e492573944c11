"""The port of rate limits: how many events a key may send, and how many requests it may make, per second."""

from typing import NamedTuple, Protocol

from shared.model.api_key import ApiKey


class Charge(NamedTuple):
    """What a charge came to. `retry_after_seconds` is zero if it was granted, else when it can be.

    `remaining` are tokens left; `full_after_seconds` is when the bucket is full again.
    """

    remaining: int
    full_after_seconds: int
    retry_after_seconds: float


class RateLimiter(Protocol):
    """Charges keys. `TokenBucketLimiter` counts in one process, `LeasedLimiter` across processes."""

    def charge(self, key: ApiKey, cost: int) -> Charge:
        """Take `cost` tokens (never more than the burst) from the bucket of `key`, or none if there are too few."""
        ...

    async def settle(self, key: ApiKey, cost: int, refused: Charge) -> Charge:
        """Charge again, if waiting for a moment may help; else return `refused`, what the charge came to."""
        ...

    async def aclose(self) -> None:
        """Stop what is under way."""
        ...
