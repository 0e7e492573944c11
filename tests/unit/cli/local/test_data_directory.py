import asyncio
import errno
import os
import re
import stat
from pathlib import Path

import msgspec
import pytest

from cli.local.data_directory import DataDirectory, InUse
from cli.local.data_option import environment_of, usable
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key
from shared.model.errors import TriggersError


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
    (tmp_path / "api-key").write_bytes(b"garbled\xff")
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


async def test_new_locks_and_the_emulator_directory_are_private_in_an_existing_directory(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)  # noqa: PTH101, S103 (open to others; pathlib is refused in a coroutine)
    with DataDirectory(tmp_path).locked() as data:
        assert os.listdir(tmp_path) == ["lock"]  # noqa: PTH208 (the same); SQLite needs no emulator directory
        state, lock = await data.lock_emulator_state(wait_seconds=0)
        with lock:
            assert state == tmp_path / "emulator"
            assert _mode(tmp_path / "lock") == 0o600
            assert _mode(state) == 0o700
            assert _mode(state / "lock") == 0o600


async def test_a_lock_and_emulator_directory_that_others_could_read_become_private(tmp_path: Path) -> None:
    (tmp_path / "lock").touch(0o644)
    (tmp_path / "emulator").mkdir(0o755)
    with DataDirectory(tmp_path).locked() as data:
        (await data.lock_emulator_state(wait_seconds=0))[1].close()
    assert _mode(tmp_path / "lock") == 0o600
    assert _mode(tmp_path / "emulator") == 0o700


async def test_an_emulator_that_inherited_the_lock_holds_it_until_it_ends(tmp_path: Path) -> None:
    data, waits = DataDirectory(tmp_path), list[str]()
    _, lock = await data.lock_emulator_state(wait_seconds=0)
    with lock:
        child = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, pass_fds=[lock.fileno()])
    with pytest.raises(InUse, match=f"an emulator still uses {tmp_path}/emulator; stop it"):
        await data.lock_emulator_state(wait_seconds=0)
    waiting = asyncio.create_task(data.lock_emulator_state(wait_seconds=60, on_wait=lambda: waits.append("once")))
    await asyncio.sleep(0)
    await child.communicate(b"")
    (await waiting)[1].close()
    assert waits == ["once"]


@pytest.mark.parametrize("name", ["lock", "api-key"])
async def test_a_file_that_can_not_be_used_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    expected = (
        rf"the data directory {tmp_path} can't be used: Is a directory \({tmp_path}/{name}\); check this path, or"
    )
    with pytest.raises(TriggersError, match=expected), DataDirectory(tmp_path).locked() as data:
        await data.api_key(MemoryKeyStore(), bcrypt_cost=4)


def test_a_directory_of_another_user_names_the_remedy(tmp_path: Path) -> None:
    expected = f"{tmp_path} can't be used: Permission denied ({tmp_path}/lock); run this as its owner, or"
    with pytest.raises(TriggersError, match=re.escape(expected)), usable(tmp_path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "lock"))


def test_a_damaged_port_of_the_emulator_is_named(tmp_path: Path) -> None:
    (tmp_path / "emulator-port").write_bytes(b"\xff")
    with pytest.raises(
        TriggersError, match=f"{tmp_path}/emulator-port holds no port; start `triggers dev` there again"
    ):
        environment_of(tmp_path)


def test_only_one_process_uses_a_directory(tmp_path: Path) -> None:
    second = DataDirectory(tmp_path).locked()
    with DataDirectory(tmp_path).locked(), pytest.raises(InUse, match="choose another with --data"):
        second.__enter__()
    with DataDirectory(tmp_path).locked():
        pass  # released, it can be locked again
