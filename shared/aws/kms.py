"""A `SecretBox` that encrypts with an AWS KMS key: 1..4,096 bytes a call, without a data key of our own.

The context is KMS's encryption context: it must be the same on the way back, and CloudTrail records it, so it may
hold names, never a secret.
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
    """The two calls that are made, of aiobotocore's client."""

    def encrypt(self, *, KeyId: str, Plaintext: bytes, EncryptionContext: Mapping[str, str]) -> "Awaitable[Any]":  # noqa: N803 - AWS's names
        """Encrypt up to 4,096 bytes."""
        ...

    def decrypt(self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: Mapping[str, str]) -> "Awaitable[Any]":  # noqa: N803
        """Decrypt what `encrypt` returned."""
        ...


class KmsSecretBox:
    """Seals with the key `key_id`: an id, an alias or an ARN."""

    def __init__(self, client: KmsClient, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    async def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Return `secret` encrypted."""
        with translated():
            answer = await self._client.encrypt(KeyId=self._key_id, Plaintext=secret, EncryptionContext=context)
        return bytes(answer["CiphertextBlob"])

    async def open(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was sealed; raise `Poison` if it was not, with this key and in this context."""
        with translated_read():
            try:
                answer = await self._client.decrypt(
                    KeyId=self._key_id, CiphertextBlob=sealed, EncryptionContext=context
                )
            except ClientError as error:
                if code_of(error) in _NOT_OURS:
                    raise Poison("a sealed secret does not open with this key") from None
                raise
        return bytes(answer["Plaintext"])
