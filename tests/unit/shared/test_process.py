import gc

from shared.process import tune_garbage_collection


def test_cycles_are_searched_for_after_50_000_objects() -> None:
    before = gc.get_threshold()
    try:
        tune_garbage_collection()
        assert gc.get_threshold() == (50_000, *before[1:])
    finally:
        gc.set_threshold(*before)
