"""Positions: UUIDv7s in rising order, whatever the clock does."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import position
from shared.model.position import Minter, floor_of, is_position, shard_of, time_of
from tests.fakes.clock import FakeClock

TIMES = st.integers(0, 2**48 - 1)
NUMBERS = st.integers(0, 2**128 - 1)


def minted(clock: FakeClock, count: int) -> list[str]:
    minter = Minter(clock)
    return [minter.mint() for _ in range(count)]


def uuid7(number: int) -> str:
    return str(uuid.UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


UUID7S = NUMBERS.map(uuid7)


def test_a_position_is_a_uuid_of_version_7() -> None:
    for text in minted(FakeClock(), 10):
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 7, uuid.RFC_4122)


@given(st.lists(st.integers(-90, 200), min_size=1, max_size=100))
def test_positions_increase_even_if_the_clock_wavers(steps_ms: list[int]) -> None:
    clock = FakeClock()
    minter, made, latest = Minter(clock), [], 0
    for step in steps_ms:
        clock.offset_ms = max(clock.offset_ms + step, latest - 90)
        latest = max(latest, clock.offset_ms)
        made.append(minter.mint())
    assert made == sorted(set(made))


def test_no_two_minters_mint_the_same() -> None:
    clock = FakeClock()
    assert len({*minted(clock, 5000), *minted(clock, 5000)}) == 10_000


def test_within_a_millisecond_a_counter_keeps_the_order_and_past_its_end_the_next_millisecond_is_used() -> None:
    clock = FakeClock()
    made = minted(clock, 4096 + 1)
    assert made == sorted(made)
    assert {time_of(text) for text in made[:4096]} == {clock.wall_ms()}
    assert time_of(made[4096]) == clock.wall_ms() + 1


def test_a_minter_that_ran_ahead_lets_the_clock_catch_up() -> None:
    clock = FakeClock()
    minter = Minter(clock)
    made = [minter.mint() for _ in range(4097)]
    clock.advance(0.001)
    made.append(minter.mint())
    clock.advance(0.001)
    made.append(minter.mint())
    assert made == sorted(made)
    assert [time_of(text) - clock.wall_ms() for text in made[-3:]] == [-1, -1, 0]


def test_a_minter_waits_for_a_clock_set_back_slightly_and_follows_one_set_back_far() -> None:
    clock = FakeClock()
    minter = Minter(clock)
    first = time_of(minter.mint())
    clock.offset_ms -= 100
    assert time_of(minter.mint()) == first
    clock.offset_ms -= 1
    assert time_of(minter.mint()) == clock.wall_ms() == first - 101


@given(TIMES, st.binary(min_size=8, max_size=8))
def test_time_and_order_are_in_the_text(time_ms: int, random: bytes) -> None:
    clock = FakeClock(time_ms)
    text = Minter(clock, random_bytes=lambda _: random).mint()
    assert is_position(text)
    assert time_of(text) == time_ms
    assert floor_of(time_ms) <= text
    assert text < floor_of(time_ms + 1) or time_ms + 1 == 2**48


@given(TIMES, TIMES)
def test_floors_sort_as_their_times_do(first: int, second: int) -> None:
    assert (floor_of(first) < floor_of(second)) is (first < second)
    assert is_position(floor_of(first))
    assert floor_of(first) >= position.FIRST


@given(UUID7S, st.integers(1, 64))
def test_a_shard_is_the_last_byte_modulo_the_number_of_shards(text: str, shards: int) -> None:
    assert shard_of(text, shards) == uuid.UUID(text).bytes[-1] % shards


def test_positions_spread_over_all_shards() -> None:
    assert {shard_of(text, 4) for text in minted(FakeClock(), 500)} == {0, 1, 2, 3}


@given(UUID7S)
def test_bytes_and_text_are_equivalent(text: str) -> None:
    assert is_position(text)
    assert position.to_bytes(text) == uuid.UUID(text).bytes
    assert position.from_bytes(position.to_bytes(text)) == text


@given(NUMBERS)
def test_other_uuids_are_not_positions(number: int) -> None:
    text = str(uuid.UUID(int=number))
    assert is_position(text) is (text == uuid7(number))


@given(st.text(st.sampled_from("0123456789abcdefABCDEF-_ \uff11x{}"), max_size=60) | st.text())
def test_any_other_text_is_not_a_position(text: str) -> None:
    try:
        canonical = uuid7(uuid.UUID(text).int)
    except ValueError:
        canonical = None
    assert is_position(text) is (text == canonical)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0190a000-0000-7000-8000-00000000000",
        "0190a000-0000-7000-8000-0000000000000",
        "10000000-0000-0000-0000-70008000000000000000",  # too long, with the version where it would be
        "0190A000-0000-7000-8000-000000000000",
        "0190a00000007000800000000000000 0",
        "0190a000000070008000000000000000",
        "{0190a000-0000-7000-8000-000000000000}",
        "0190a000-0000-7000-8000-00000000000_",
        "0190a000-0000-7000-8000-00000000000\uff10",
    ],
)
def test_near_misses_are_not_positions(text: str) -> None:
    assert not is_position(text)


def test_the_random_part_follows_the_random_bytes() -> None:
    minter = Minter(FakeClock(), random_bytes=lambda count: bytes.fromhex("4567890123456789") * (count // 8))
    assert minter.mint()[19:] == "8567-890123456789"
    assert minter.mint()[14:] == "7001-8567-890123456789"


def test_a_blurred_position_keeps_time_and_counter_alone() -> None:
    blurred = position.blurred("0190a000-0000-7abc-9123-456789abcdef")
    assert blurred == "0190a000-0000-7abc-8000-000000000000"
    assert is_position(blurred)


@given(UUID7S.filter(lambda text: text != position.LAST))
def test_nothing_lies_between_a_position_and_its_successor(text: str) -> None:
    assert uuid.UUID(position.successor(text)).int == uuid.UUID(text).int + 1
    assert len(position.successor(text)) == len(text)


def test_the_first_and_the_last_position_enclose_all() -> None:
    [text] = minted(FakeClock(), 1)
    assert position.FIRST < text < position.LAST
    assert is_position(position.FIRST)
    assert is_position(position.LAST)
