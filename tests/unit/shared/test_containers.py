"""Cutting work into batches."""

from hypothesis import given
from hypothesis import strategies as st

from shared.containers import batches


@given(st.lists(st.integers()), st.integers(1, 30))
def test_batches_hold_all_items_in_order_and_only_the_last_is_shorter(items: list[int], size: int) -> None:
    cut = list(batches(items, size))
    assert [item for batch in cut for item in batch] == items
    assert all(len(batch) == size for batch in cut[:-1])
    assert all(0 < len(batch) <= size for batch in cut)
