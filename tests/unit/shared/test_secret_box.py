import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.errors import InvalidSettings, Poison, Unavailable
from shared.secret_box import KEY_BYTES, KEY_FILE, KeyFileBox, LocalSecretBox, load_key

KEY = bytes(range(32))
HERE = {"tenant": "a", "source": "b"}


@given(secret=st.binary(min_size=1, max_size=1024))
async def test_a_secret_can_be_decrypted(secret: bytes) -> None:
    box = LocalSecretBox(KEY)
    sealed = await box.seal(secret, HERE)
    assert await box.open(sealed, {"source": "b", "tenant": "a"}) == secret
    assert await box.seal(secret, HERE) != sealed


@given(bit=st.integers(min_value=0, max_value=(1 + 12 + 6 + 16) * 8 - 1))
async def test_a_flipped_bit_is_poison(bit: int) -> None:
    box = LocalSecretBox(KEY)
    sealed = bytearray(await box.seal(b"secret", HERE))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Poison):
        await box.open(bytes(sealed), HERE)


@pytest.mark.parametrize("context", [{}, {"tenant": "a", "source": "c"}, {"tenant": "b", "source": "b"}])
async def test_another_context_is_poison(context: dict[str, str]) -> None:
    box = LocalSecretBox(KEY)
    with pytest.raises(Poison):
        await box.open(await box.seal(b"secret", HERE), context)


async def test_another_key_is_poison() -> None:
    with pytest.raises(Poison):
        await LocalSecretBox(bytes(32)).open(await LocalSecretBox(KEY).seal(b"secret", HERE), HERE)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(40), b"\x01" + bytes(12)])
async def test_other_bytes_are_poison(sealed: bytes) -> None:
    with pytest.raises(Poison):
        await LocalSecretBox(KEY).open(sealed, HERE)


def test_a_key_is_created_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = load_key(path)
    assert len(key) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path) == key
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_processes_that_start_concurrently_share_a_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(load_key, [tmp_path / "key"] * 8))) == 1


def test_a_key_that_other_users_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_key(path)
    path.chmod(0o640)
    with pytest.raises(InvalidSettings, match="chmod"):
        load_key(path)


def test_a_file_that_is_not_a_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(InvalidSettings, match="32 bytes"):
        load_key(path)


async def test_a_key_file_is_created_for_the_first_secret(tmp_path: Path) -> None:
    box = KeyFileBox.in_directory(tmp_path / "data")
    with pytest.raises(Unavailable, match="does not exist"):
        await box.open(b"sealed", HERE)
    sealed = await box.seal(b"secret", HERE)
    assert (tmp_path / "data" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert await KeyFileBox.in_directory(tmp_path / "data").open(sealed, HERE) == b"secret"


async def test_a_key_file_that_other_users_may_read_is_not_used(tmp_path: Path) -> None:
    box = KeyFileBox.in_directory(tmp_path)
    sealed = await box.seal(b"secret", HERE)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(Unavailable, match="other users may read"):
        await KeyFileBox.in_directory(tmp_path).open(sealed, HERE)
