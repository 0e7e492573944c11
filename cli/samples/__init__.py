"""Sample events: `triggers send --sample NAME`.

Those of a provider are what its webhook stores by way of a source: the source's attributes, and the body as `data`.
"""

import json
from pathlib import Path

_DIRECTORY = Path(__file__).parent

NAMES = sorted(path.stem for path in _DIRECTORY.glob("*.json"))


def sample(name: str) -> bytes:
    """Return the sample `name` as a line of an event file."""
    return json.dumps(json.loads((_DIRECTORY / f"{name}.json").read_bytes()), separators=(",", ":")).encode() + b"\n"
