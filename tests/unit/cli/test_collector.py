import gc

from cli.collector import collect_rarely


def test_young_objects_are_looked_at_by_the_many() -> None:
    before = gc.get_threshold()
    try:
        collect_rarely()
        assert gc.get_threshold() == (50_000, *before[1:])
    finally:
        gc.set_threshold(*before)
