"""The port of rate limits: the events a key may send, and the requests it may make, per second."""

from typing import NamedTuple, Protocol

from shared.model.api_key import ApiKey


class Charge(NamedTuple):
    """The result of a charge. `retry_after_seconds` is zero if it was granted, else the time until it can be.

    `remaining` is the number of tokens left, `full_after_seconds` the time until the bucket is full.
    """

    remaining: int
    full_after_seconds: int
    retry_after_seconds: float


class Limited(Protocol):
    """Something with its own limit, such as a key or a source."""

    @property
    def key_id(self) -> str:
        """The name of its bucket."""
        ...

    @property
    def rate(self) -> int:
        """Tokens per second."""
        ...

    @property
    def burst(self) -> int:
        """Tokens at once."""
        ...


class RateLimiter(Protocol):
    """Charges keys. `TokenBucketLimiter` counts in one process, `LeasedLimiter` across processes."""

    def charge(self, key: ApiKey, cost: int) -> Charge:
        """Take `cost` tokens (never more than the burst) from the bucket of `key`, or none if there are too few.

        A negative cost gives tokens back that were taken before.
        """
        ...

    def owe(self, key: ApiKey, cost: int) -> Charge:
        """Take `cost` tokens, even if there are too few: then the bucket is in debt, of up to a burst, until repaid."""
        ...

    async def settle(self, key: ApiKey, cost: int, refused: Charge) -> Charge:
        """Retry a refused charge after a short wait if that may succeed; else return `refused`."""
        ...

    async def aclose(self) -> None:
        """Stop background work."""
        ...
