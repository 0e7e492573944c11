"""Bodies in memory: a `BodyStore`."""

from shared.model.errors import NotFound


class MemoryBodies:
    """A `BodyStore` in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    async def put(self, key: str, body: bytes) -> None:
        """Store `body`, unless `key` is or was taken."""
        self.bodies.setdefault(key, body)

    async def get(self, key: str) -> bytes:
        """Return the body under `key`; raise `NotFound` if there is none."""
        if body := self.bodies.get(key):
            return body
        raise NotFound(f"no body {key!r}")

    async def delete(self, key: str) -> None:
        """Remove the body under `key` permanently."""
        self.bodies[key] = b""
