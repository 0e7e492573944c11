"""A `BodyStore` for bodies too large for a DynamoDB item, as objects in one S3 bucket."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.aws.errors import code_of, status_of, translated, translated_read
from shared.model.errors import NotFound

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


class S3Bodies:
    """A bucket as a `BodyStore`. An unclear put may simply be repeated.

    A put never replaces an object, and a delete leaves an empty one, so that a late put has no effect. The lifecycle
    rule of the bucket removes both.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def put(self, key: str, body: bytes) -> None:
        """Store `body` under `key`, unless the key is taken."""
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
                    raise NotFound("The body does not exist.") from None
                raise
            async with response["Body"] as stream:
                body = await stream.read()
        if not body:
            raise NotFound("The body no longer exists.")
        return body

    async def delete(self, key: str) -> None:
        """Leave an empty object under `key`."""
        with translated():
            await self._client.put_object(Bucket=self._bucket, Key=key, Body=b"")
