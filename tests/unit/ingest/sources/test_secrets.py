import pytest

from ingest.sources.secrets import seal
from shared.model.errors import InvalidRequest
from shared.model.source import MAX_SECRET_BYTES
from shared.model.source_scheme import SchemeName
from shared.secret_box import LocalSecretBox
from tests.fakes.clock import START_MS
from tests.unit.ingest.sources.making import a_source


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        ("none", b"secret-that-none-takes"),
        ("github", b""),
        ("github", b"a" * (MAX_SECRET_BYTES + 1)),
        ("basic", b"no-colon-in-here"),
        ("gitlab", b"with space"),
        ("gitlab", b"with\nline"),
        ("gitlab", b"whsec_&&&"),
        ("standard", b"whsec_&&&"),
        ("standard", b"whsec_"),
    ],
)
async def test_an_invalid_secret_is_refused_without_repeating_it(scheme: SchemeName, secret: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await seal(LocalSecretBox(bytes(32)), a_source(scheme), secret, START_MS)
    assert len(refused.value.faults) == 1
    if secret not in (b"", b"whsec_"):
        for text in (str(refused.value), repr(refused.value), repr(refused.value.faults)):
            assert secret.decode() not in text
