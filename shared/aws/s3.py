"""Bodies: made small for the table, and kept in a bucket where the table can't hold them.

DynamoDB bills a write by the kilobyte, and events repeat their own names: zstd level 1 takes a real webhook of
10 KB, 10.7 write units, to 2.2, for 25 µs of CPU. A JSON object never begins like a zstd frame, so a stored body
says by its first bytes what it is. Readers inflate a body once a page asks for it; nothing else looks inside.

A DynamoDB item ends at 400 KB; a body that is larger than `INLINE_BODY_BYTES` even so goes to S3.
"""

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
import zstandard
from botocore.exceptions import ClientError

from shared.aws.errors import code_of, status_of, translated, translated_read
from shared.model.errors import NotFound, Poison
from shared.model.event import Event

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

_LEVEL = 1
# Far above an event of the largest request, far below a bomb.
_MAX_INFLATED_BYTES = 16 * 1024 * 1024


class _Codec(threading.local):
    """zstd contexts, one pair a thread: two threads in one context at once corrupt memory; a fresh one costs 15 µs."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_codec = _Codec()


def compress(body: bytes) -> bytes:
    """Return a zstd frame of `body` where that is smaller, else `body` itself. Safe in threads."""
    frame = _codec.compressor.compress(body)
    return frame if len(frame) < len(body) else body


def expand(stored: bytes) -> bytes:
    """Return the body that `compress` was given; raise `Poison` if the frame is broken. Safe in threads."""
    if not stored.startswith(zstandard.FRAME_HEADER):
        return stored
    try:
        size = zstandard.frame_content_size(stored)
        if not 0 <= size <= _MAX_INFLATED_BYTES:
            raise Poison(f"a stored body claims {size:,} bytes")
        return _codec.decompressor.decompress(stored)
    except zstandard.ZstdError as error:
        raise Poison(f"unreadable stored body: {error}") from None


def name_of(event: Event) -> bytes:
    """Return the CloudEvent that stands in an item whose body is in the bucket: what is known if it is not there."""
    named = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    return msgspec.json.encode(named)


def body_key(tenant: str, receipt: str) -> str:
    """Return the key of the body of the event that ingest gave `receipt`.

    Nothing but letters, digits, `_`, `-`, `~` and `%` of a tenant's name goes in, so that neither `a/b` nor `..`
    can reach into another tenant's bodies. 64 characters make at most 768 bytes; S3 takes keys of 1,024.
    """
    return f"bodies/{quote(tenant, safe='').replace('.', '%2E')}/{receipt}"


class S3Bodies:
    """A bucket as a `BodyStore`. An unclear put may simply be put again.

    An object is put only where there is none, and deleting leaves an empty one, so that a late put finds it. The
    bucket's lifecycle removes both.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def put(self, key: str, body: bytes) -> None:
        """Store `body` under `key`, unless something lies there."""
        with translated():
            try:
                await self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                if status_of(error) != HTTPStatus.PRECONDITION_FAILED:
                    raise

    async def get(self, key: str) -> bytes:
        """Return the body under `key`; raise `NotFound` if there is none."""
        with translated_read():
            try:
                response = await self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    raise NotFound("There is no such body.") from None
                raise
            async with response["Body"] as stream:
                body = await stream.read()
        if not body:
            raise NotFound("There is no such body any more.")
        return body

    async def delete(self, key: str) -> None:
        """Leave an empty object under `key`."""
        with translated():
            await self._client.put_object(Bucket=self._bucket, Key=key, Body=b"")
