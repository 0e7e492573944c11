"""Layouts: the epoch of a position, the shards of a range, and which epochs are kept."""

from hypothesis import given
from hypothesis import strategies as st

from shared.model.layout import MAX_SHARDS, Epoch, InboxName, Layout, Sharding, decode, encode
from shared.model.position import floor_of
from shared.model.records import Place

NAME = InboxName("acme", "orders")
TIMES = st.integers(0, 100)
SHARDS = st.sampled_from([1, 2, 4, 8, MAX_SHARDS])
EPOCHS = st.dictionaries(TIMES, SHARDS, min_size=1, max_size=6).map(
    lambda epochs: tuple(Epoch(at, epochs[at]) for at in sorted(epochs))
)


def laid_out(epochs: tuple[Epoch, ...]) -> Layout:
    return Layout(1, 0, {NAME: Sharding(epochs)})


def place_at(time_ms: int, last_byte: int) -> Place:
    return Place(*NAME, f"{floor_of(time_ms)[:-2]}{last_byte:02x}")


def test_an_inbox_that_is_not_listed_has_one_shard() -> None:
    place = place_at(7, 255)
    assert Layout().shard_of(place) == 0
    assert Layout().shards_between(place, floor_of(100)) == 1
    assert laid_out((Epoch(0, 8),)).shards_at(InboxName("acme", "other"), 7) == 1


@given(epochs=EPOCHS, time_ms=TIMES, last_byte=st.integers(0, 255))
def test_the_last_epoch_that_has_begun_decides_the_shard(
    epochs: tuple[Epoch, ...], time_ms: int, last_byte: int
) -> None:
    begun = [epoch.shards for epoch in epochs if epoch.from_ms <= time_ms]
    expected = begun[-1] if begun else 1
    assert laid_out(epochs).shards_at(NAME, time_ms) == expected
    assert laid_out(epochs).shard_of(place_at(time_ms, last_byte)) == last_byte % expected


@given(epochs=EPOCHS, first=TIMES, last=TIMES, between=TIMES, last_byte=st.integers(0, 255))
def test_a_range_is_read_in_all_shards_that_can_hold_its_positions(
    *, epochs: tuple[Epoch, ...], first: int, last: int, between: int, last_byte: int
) -> None:
    first, between, last = sorted((first, between, last))
    layout = laid_out(epochs)
    shards = layout.shards_between(Place(*NAME, floor_of(first)), floor_of(last))
    assert layout.shard_of(place_at(between, last_byte)) < shards
    assert shards == max(layout.shards_at(NAME, time_ms) for time_ms in range(first, last + 1))


def test_a_range_from_the_beginning_touches_all_epochs() -> None:
    layout = laid_out((Epoch(10, 8), Epoch(20, 2)))
    assert layout.shards_between(Place(*NAME, ""), floor_of(30)) == 8
    assert layout.shards_between(Place(*NAME, floor_of(20)), floor_of(30)) == 2


@given(epochs=EPOCHS, shards=SHARDS, effect_ms=TIMES, time_ms=TIMES)
def test_a_change_leaves_the_past_as_it_was(
    *, epochs: tuple[Epoch, ...], shards: int, effect_ms: int, time_ms: int
) -> None:
    before = laid_out(epochs)
    after = before.scaled(NAME, shards, effect_ms)
    begins = max(effect_ms, epochs[-1].from_ms + 1)
    expected = shards if time_ms >= begins and shards != epochs[-1].shards else before.shards_at(NAME, time_ms)
    assert after.shards_at(NAME, time_ms) == expected


@given(epochs=EPOCHS, kept_ms=st.integers(0, 100), now_ms=st.integers(0, 300), time_ms=TIMES)
def test_epochs_are_kept_as_long_as_what_they_hold(
    *, epochs: tuple[Epoch, ...], kept_ms: int, now_ms: int, time_ms: int
) -> None:
    before = laid_out(epochs)
    after = before.pruned(kept_ms, now_ms)
    if time_ms >= now_ms - kept_ms:
        assert after.shards_at(NAME, time_ms) == before.shards_at(NAME, time_ms)
    if before.shards_at(NAME, now_ms - kept_ms) == 1 and epochs[-1].from_ms <= now_ms - kept_ms:
        assert not after.inboxes


def test_the_longest_retention_of_any_worker_counts() -> None:
    layout = laid_out((Epoch(0, 2), Epoch(10, 4), Epoch(20, 1))).pruned(1000, now_ms=30)
    assert layout.kept_ms == 1000
    assert layout.pruned(5, now_ms=40) == layout


def test_an_inbox_is_quiet_after_its_last_report_and_its_last_change() -> None:
    layout = laid_out((Epoch(50, 2),)).busy([NAME, InboxName("acme", "other")], 70)
    assert list(layout.inboxes) == [NAME]
    assert layout.quiet(100, now_ms=169) == []
    assert layout.quiet(100, now_ms=170) == [NAME]
    assert layout.scaled(NAME, 1, 180).quiet(100, now_ms=900) == []


@given(epochs=EPOCHS, busy_ms=TIMES, kept_ms=TIMES)
def test_a_layout_is_decoded_as_it_was_encoded(epochs: tuple[Epoch, ...], busy_ms: int, kept_ms: int) -> None:
    layout = Layout(7, kept_ms, {NAME: Sharding(epochs, busy_ms), InboxName("a#", "ü"): Sharding(epochs)})
    assert decode(7, encode(layout)) == layout
