"""`python -m bench.limits`: the cost of a charge, with the limits of one process and with a shared budget."""

import asyncio
import time

from shared.auth.leased_rate_limit import LeasedLimiter
from shared.auth.rate_limit import RateLimiter
from shared.auth.token_bucket import TokenBucketLimiter
from shared.clock import SystemClock
from shared.memory.budget import MemoryBudget
from shared.model.api_key import SCOPES, ApiKey

_CHARGES = 100_000
_ROUNDS = 5
_RATE = 10_000_000  # nothing is refused
_KEY = ApiKey(
    key_id="bench", tenant="t", name="n", scopes=SCOPES, secret_hash="", created_at=1, rate=_RATE, burst=_RATE
)


async def microseconds(limits: RateLimiter) -> float:
    """Return the mean time of a charge, leases included; the best of a few rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for number in range(_CHARGES):
            charge = limits.charge(_KEY, 1)
            if charge.retry_after_seconds:
                await limits.settle(_KEY, 1, charge)
            if number % 100 == 0:
                await asyncio.sleep(0)
        best = min(best, time.perf_counter() - started)
    await limits.aclose()
    return best / _CHARGES * 1e6


async def main() -> None:
    """Measure both."""
    clock = SystemClock()
    alone = await microseconds(TokenBucketLimiter(clock))
    shared = await microseconds(LeasedLimiter(MemoryBudget(), clock))
    print(f"process {alone:.2f} µs a charge, shared {shared:.2f} µs, ratio {shared / alone:.2f}")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
