"""A `SecretBox` that encrypts with an AWS KMS key: up to 4,096 bytes per call, so without data keys.

The context becomes the KMS encryption context, which CloudTrail records: it may contain names, but no secrets.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from shared.aws.errors import code_of, translated, translated_read
from shared.model.errors import Poison

if TYPE_CHECKING:
    from collections.abc import Awaitable

_NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsClient(Protocol):
    """The two calls of aiobotocore's client that are used."""

    def encrypt(self, *, KeyId: str, Plaintext: bytes, EncryptionContext: Mapping[str, str]) -> "Awaitable[Any]":  # noqa: N803 - AWS's names
        """Encrypt up to 4,096 bytes."""
        ...

    def decrypt(self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: Mapping[str, str]) -> "Awaitable[Any]":  # noqa: N803
        """Decrypt a result of `encrypt`."""
        ...


class KmsSecretBox:
    """Encrypts with the key `key_id`: an id, an alias or an ARN."""

    def __init__(self, client: KmsClient, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    async def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Return `secret` encrypted."""
        with translated():
            answer = await self._client.encrypt(KeyId=self._key_id, Plaintext=secret, EncryptionContext=context)
        return bytes(answer["CiphertextBlob"])

    async def open(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """Return the secret; raise `Poison` unless it was encrypted with this key and context."""
        with translated_read():
            try:
                answer = await self._client.decrypt(
                    KeyId=self._key_id, CiphertextBlob=sealed, EncryptionContext=context
                )
            except ClientError as error:
                if code_of(error) in _NOT_OURS:
                    raise Poison("a secret can't be decrypted with this key") from None
                raise
        return bytes(answer["Plaintext"])


async def create_key(client: Any, alias: str) -> None:  # noqa: ANN401 - the types of this client are not installed
    """Create a key named `alias` that rotates every year, unless it exists."""
    try:
        await client.describe_key(KeyId=alias)
    except client.exceptions.NotFoundException:
        key = await client.create_key(Description="Encrypts the signing secrets of sources")
        key_id = key["KeyMetadata"]["KeyId"]
        await client.enable_key_rotation(KeyId=key_id)
        await client.create_alias(AliasName=alias, TargetKeyId=key_id)
