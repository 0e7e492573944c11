"""All bugs that can be planted."""

from tests.simulation import commit_bugs, reading_bugs  # noqa: F401 (they register theirs)
from tests.simulation.planting import BUGS, planted

__all__ = ["BUGS", "planted"]
