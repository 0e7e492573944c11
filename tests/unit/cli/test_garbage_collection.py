import gc

from cli.garbage_collection import tune_garbage_collection


def test_the_threshold_for_young_objects_is_raised() -> None:
    before = gc.get_threshold()
    try:
        tune_garbage_collection()
        assert gc.get_threshold() == (50_000, *before[1:])
    finally:
        gc.set_threshold(*before)
