from hypothesis import given
from hypothesis import strategies as st

from shared.auth.token_bucket import TokenBucketLimiter
from tests.fakes.clock import FakeClock
from tests.key_records import a_key


def test_a_burst_is_granted_and_what_is_over_it_is_not() -> None:
    limiter = TokenBucketLimiter(FakeClock())
    granted = limiter.charge(a_key(), 200)
    assert granted == (0, 2, 0.0)
    refused = limiter.charge(a_key(), 1)
    assert refused.retry_after_seconds == 0.01


def test_what_was_refused_is_granted_after_the_time_named() -> None:
    clock = FakeClock()
    limiter = TokenBucketLimiter(clock)
    limiter.charge(a_key(), 200)
    refused = limiter.charge(a_key(), 50)
    clock.advance(refused.retry_after_seconds)
    assert limiter.charge(a_key(), 50).retry_after_seconds == 0


def test_a_refusal_takes_nothing() -> None:
    limiter = TokenBucketLimiter(FakeClock())
    limiter.charge(a_key(), 150)
    limiter.charge(a_key(), 51)
    assert limiter.charge(a_key(), 50).retry_after_seconds == 0


def test_a_request_is_never_charged_more_than_the_burst() -> None:
    limiter = TokenBucketLimiter(FakeClock())
    assert limiter.charge(a_key(burst=10), 1000).retry_after_seconds == 0


def test_tokens_can_be_given_back_up_to_the_burst() -> None:
    limiter = TokenBucketLimiter(FakeClock())
    limiter.charge(a_key(), 200)
    assert limiter.charge(a_key(), -8) == (8, 2, 0.0)
    assert limiter.charge(a_key(), -500).remaining == 200


def test_a_debt_of_up_to_a_burst_blocks_until_it_is_repaid() -> None:
    clock = FakeClock()
    limiter = TokenBucketLimiter(clock)
    limiter.charge(a_key(), 150)
    assert limiter.owe(a_key(), 100).remaining == 0
    assert limiter.charge(a_key(), 1).retry_after_seconds == 0.51
    clock.advance(0.51)
    assert limiter.charge(a_key(), 1).retry_after_seconds == 0
    limiter.owe(a_key(), 100_000)
    clock.advance(2)
    assert limiter.charge(a_key(), 1).retry_after_seconds == 0


def test_each_key_has_a_bucket_of_its_own() -> None:
    limiter = TokenBucketLimiter(FakeClock())
    limiter.charge(a_key("aaaa"), 200)
    assert limiter.charge(a_key("bbbb"), 200).retry_after_seconds == 0


async def test_a_refusal_stands_since_waiting_would_not_help() -> None:
    limiter = TokenBucketLimiter(FakeClock())
    limiter.charge(a_key(), 200)
    refused = limiter.charge(a_key(), 1)
    assert await limiter.settle(a_key(), 1, refused) is refused
    await limiter.aclose()


def test_past_the_bound_the_oldest_bucket_is_forgotten() -> None:
    limiter = TokenBucketLimiter(FakeClock(), max_buckets=2)
    for name in ("aaaa", "bbbb", "cccc"):
        limiter.charge(a_key(name), 200)
    assert limiter.charge(a_key("cccc"), 1).retry_after_seconds > 0
    assert limiter.charge(a_key("aaaa"), 1).retry_after_seconds == 0


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(0, 3)), max_size=50))
def test_no_more_than_burst_plus_rate_times_time_is_ever_granted(steps: list[tuple[int, float]]) -> None:
    clock, key = FakeClock(), a_key()
    limiter = TokenBucketLimiter(clock)
    granted = 0
    for cost, wait_seconds in steps:
        clock.advance(wait_seconds)
        charge = limiter.charge(key, cost)
        assert 0 <= charge.remaining <= key.burst
        if not charge.retry_after_seconds:
            granted += min(cost, key.burst)
    assert granted <= key.burst + key.rate * clock.now_ms / 1000 + 1e-6
