import stat
from pathlib import Path

import msgspec
import pytest

from cli.local.dev_data import DevData, InUse
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_the_api_key_may_do_everything_and_is_kept(tmp_path: Path) -> None:
    store, data = MemoryKeyStore(), DevData(tmp_path / "data")
    token = await data.api_key(store, bcrypt_cost=10)
    assert await DevData(tmp_path / "data").api_key(store, bcrypt_cost=10) == token
    assert [set(key.scopes) for key in await store.keys_of("dev")] == [set(api_key.SCOPES)]
    assert _mode(tmp_path / "data" / "api-key") == 0o600
    assert _mode(tmp_path / "data") == 0o700


async def test_a_key_that_the_table_lost_is_replaced(tmp_path: Path) -> None:
    data = DevData(tmp_path)
    token = await data.api_key(MemoryKeyStore(), bcrypt_cost=10)
    assert await data.api_key(MemoryKeyStore(), bcrypt_cost=10) != token


async def test_a_revoked_key_is_replaced(tmp_path: Path) -> None:
    store, data = MemoryKeyStore(), DevData(tmp_path)
    token = await data.api_key(store, bcrypt_cost=10)
    await store.revoke(token.split("_")[1], revoked_at=1)
    assert await data.api_key(store, bcrypt_cost=10) != token


async def test_a_garbled_key_file_is_replaced(tmp_path: Path) -> None:
    data = DevData(tmp_path)
    (tmp_path / "api-key").write_text("garbled")
    assert api_key.parse(await data.api_key(MemoryKeyStore(), bcrypt_cost=10))


def test_dev_json_is_there_only_while_announced(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text("left by a crash")
    with DevData(tmp_path).locked() as data:
        assert not (tmp_path / "dev.json").exists()
        data.announce("http://127.0.0.1:1", "key")
        found = msgspec.json.decode((tmp_path / "dev.json").read_bytes())
        assert found == {"url": "http://127.0.0.1:1", "api_key": "key"}
        assert _mode(tmp_path / "dev.json") == 0o600
    assert not (tmp_path / "dev.json").exists()


def test_a_directory_serves_one_at_a_time(tmp_path: Path) -> None:
    second = DevData(tmp_path).locked()
    with DevData(tmp_path).locked(), pytest.raises(InUse, match="choose another with --data"):
        second.__enter__()
    with DevData(tmp_path).locked():
        pass  # let go of, it can be had again
