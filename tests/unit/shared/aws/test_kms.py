"""The responses of KMS; moto simulates KMS where it is accurate."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from shared.aws.kms import KmsSecretBox
from shared.model.errors import Poison, Unavailable, Unclear

HERE = {"tenant": "a", "source": "b"}


class Asynchronous:
    """A boto3 client with the interface of aiobotocore."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def encrypt(self, **arguments: Any) -> Any:
        return self._client.encrypt(**arguments)

    async def decrypt(self, **arguments: Any) -> Any:
        return self._client.decrypt(**arguments)


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[KmsSecretBox]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)  # of the emulator that other tests use
    with mock_aws():
        client = boto3.client("kms", region_name="us-east-1")
        yield KmsSecretBox(Asynchronous(client), client.create_key()["KeyMetadata"]["KeyId"])


async def test_a_secret_can_be_decrypted_in_its_context(box: KmsSecretBox) -> None:
    sealed = await box.seal(b"secret", HERE)
    assert b"secret" not in sealed
    assert await box.open(sealed, HERE) == b"secret"


async def test_another_context_or_ciphertext_is_poison(box: KmsSecretBox) -> None:
    sealed = await box.seal(b"secret", HERE)
    with pytest.raises(Poison):
        await box.open(sealed, {"tenant": "a", "source": "c"})


class Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def encrypt(self, **_: Any) -> Any:
        raise self._error

    async def decrypt(self, **_: Any) -> Any:
        raise self._error


def refused(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Decrypt")


@pytest.mark.parametrize("code", ["InvalidCiphertextException", "IncorrectKeyException"])
async def test_a_foreign_ciphertext_is_poison(code: str) -> None:
    with pytest.raises(Poison):
        await KmsSecretBox(Failing(refused(code)), "k").open(b"x", HERE)


@pytest.mark.parametrize(
    "error",
    [
        refused("AccessDeniedException"),
        refused("DisabledException"),
        refused("KMSInternalException", 500),
        EndpointConnectionError(endpoint_url="https://kms"),
    ],
)
async def test_an_unusable_key_is_unavailable(error: Exception) -> None:
    box = KmsSecretBox(Failing(error), "k")
    with pytest.raises(Unavailable):
        await box.open(b"x", HERE)
    with pytest.raises((Unavailable, Unclear)):
        await box.seal(b"x", HERE)
