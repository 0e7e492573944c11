import stat
from pathlib import Path

import msgspec
import pytest

from cli.local.data_directory import DataDirectory, InUse
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_the_api_key_has_every_scope_and_is_saved(tmp_path: Path) -> None:
    store, data = MemoryKeyStore(), DataDirectory(tmp_path / "data")
    token = await data.api_key(store, bcrypt_cost=10)
    assert await DataDirectory(tmp_path / "data").api_key(store, bcrypt_cost=10) == token
    assert [set(key.scopes) for key in await store.keys_of("dev")] == [set(api_key.SCOPES)]
    assert _mode(tmp_path / "data" / "api-key") == 0o600
    assert _mode(tmp_path / "data") == 0o700


async def test_a_key_missing_from_the_store_is_replaced(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    token = await data.api_key(MemoryKeyStore(), bcrypt_cost=10)
    assert await data.api_key(MemoryKeyStore(), bcrypt_cost=10) != token


async def test_a_revoked_key_is_replaced(tmp_path: Path) -> None:
    store, data = MemoryKeyStore(), DataDirectory(tmp_path)
    token = await data.api_key(store, bcrypt_cost=10)
    await store.revoke(token.split("_")[1], revoked_at=1)
    assert await data.api_key(store, bcrypt_cost=10) != token


async def test_a_garbled_key_file_is_replaced(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    (tmp_path / "api-key").write_text("garbled")
    assert api_key.parse(await data.api_key(MemoryKeyStore(), bcrypt_cost=10))


def test_dev_json_exists_only_while_announced(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text("left by a crash")
    with DataDirectory(tmp_path).locked() as data:
        assert not (tmp_path / "dev.json").exists()
        data.announce("http://127.0.0.1:1", "key")
        found = msgspec.json.decode((tmp_path / "dev.json").read_bytes())
        assert found == {"url": "http://127.0.0.1:1", "api_key": "key"}
        assert _mode(tmp_path / "dev.json") == 0o600
    assert not (tmp_path / "dev.json").exists()


def test_a_new_lock_and_emulator_directory_are_private_in_an_existing_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with DataDirectory(tmp_path).locked() as data:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lock"]  # SQLite needs no emulator directory
        assert data.create_emulator_state() == tmp_path / "emulator"
        assert _mode(tmp_path / "lock") == 0o600
        assert _mode(tmp_path / "emulator") == 0o700


def test_a_lock_and_emulator_directory_that_others_could_read_become_private(tmp_path: Path) -> None:
    (tmp_path / "lock").touch(0o644)
    (tmp_path / "emulator").mkdir(0o755)
    with DataDirectory(tmp_path).locked() as data:
        data.create_emulator_state()
    assert _mode(tmp_path / "lock") == 0o600
    assert _mode(tmp_path / "emulator") == 0o700


def test_only_one_process_uses_a_directory(tmp_path: Path) -> None:
    second = DataDirectory(tmp_path).locked()
    with DataDirectory(tmp_path).locked(), pytest.raises(InUse, match="choose another with --data"):
        second.__enter__()
    with DataDirectory(tmp_path).locked():
        pass  # released, it can be locked again
