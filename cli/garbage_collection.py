"""Python's garbage collector, for processes that make many objects and keep few."""

import gc

_YOUNG_OBJECTS = 50_000


def tune_garbage_collection() -> None:
    """Look for cycles once 50,000 objects were made, not 700: a tenth less CPU for a request, for some MB."""
    gc.set_threshold(_YOUNG_OBJECTS)
