"""A `Backend` in the files of one data directory."""

from pathlib import Path

from shared.clock import Clock
from shared.key_ports import Budget, KeyStore
from shared.ports import EventQueue, EventReader, EventStore
from shared.secret_box import KeyFileBox
from shared.service_time import ServiceTime
from shared.settings import Settings
from shared.source_ports import SecretBox, SourceStore
from shared.sqlite import event_rows, group_store, key_store, layout
from shared.sqlite import queue as queues
from shared.sqlite.bodies import FileBodies
from shared.sqlite.budget import SqliteBudget
from shared.sqlite.database import FileDatabase
from shared.sqlite.errors import file_failed
from shared.sqlite.event_reader import SqliteReader
from shared.sqlite.event_store import SqliteStore
from shared.sqlite.files import make_directory, make_private_tree
from shared.sqlite.group_store import SqliteGroupStore
from shared.sqlite.key_store import SqliteKeyStore
from shared.sqlite.queue import SqliteQueue
from shared.sqlite.schema import Migration
from shared.sqlite.source_store import SqliteSourceStore
from shared.sqlite.sweeper import Sweeper


class SqliteBackend:
    """Opens ports in `settings.data_dir`. A file is opened when its first port is requested.

    Each method raises `Unavailable` if its file can't be opened, `InvalidSettings` if it is from a newer release.
    For one event loop; `aclose` closes everything.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.service_time = ServiceTime()  # one machine has one clock, so there is nothing to compare
        self._settings = settings
        self._clock = clock
        self._directory = Path(settings.data_dir).absolute()
        self._files: dict[str, FileDatabase] = {}

    async def queue(self) -> EventQueue:
        """Return the queue of packs."""
        settings = self._settings
        return await self._queue(settings.queue_name, dlq=settings.dlq_name, max_receives=settings.max_receives)

    async def queue_sender(self) -> EventQueue:
        """Return the queue of packs."""
        return await self.queue()

    async def dlq(self) -> EventQueue:
        """Return the dead-letter queue."""
        return await self._queue(self._settings.dlq_name)

    async def event_store(self) -> EventStore:
        """Return the events for the worker; raise `InvalidSettings` if the file has another `INBOX_SHARDS`."""
        database = await self.events()
        await layout.claim(database, self._settings)
        return SqliteStore(database, self._clock, shards=self._settings.inbox_shards)

    async def event_reader(self) -> EventReader:
        """Return the events read-only; raise `InvalidSettings` if the file has another `INBOX_SHARDS`."""
        database = await self.events(read_only=True)
        await layout.check(database, self._settings)
        return SqliteReader(database, self._clock, shards=self._settings.inbox_shards)

    async def bodies(self) -> FileBodies:
        """Return the store of bodies too large for a row."""
        self._make_directory()
        root = self._directory / "bodies"
        try:
            make_private_tree(root)
        except OSError as error:
            raise file_failed(error, "bodies") from None
        return FileBodies(root)

    async def keys(self) -> KeyStore:
        """Return the API keys."""
        return SqliteKeyStore(await self.key_file())

    async def budget(self) -> Budget:
        """Return the token budgets that processes share."""
        return SqliteBudget(await self.key_file())

    async def groups(self) -> SqliteGroupStore:
        """Return the consumer groups."""
        return SqliteGroupStore(await self.group_file())

    async def sources(self) -> SourceStore:
        """Return the sources."""
        return SqliteSourceStore(await self.key_file())

    async def secret_box(self) -> SecretBox:
        """Return encryption with a key in the data directory."""
        self._make_directory()
        return KeyFileBox.in_directory(self._directory)

    async def maintain(self) -> None:
        """Delete expired data until cancelled."""
        await Sweeper(self, self._settings, self._clock).run()

    async def aclose(self) -> None:
        """Finish pending writes and close all files."""
        files, self._files = self._files, {}
        for file in files.values():
            await file.aclose()

    async def events(self, *, read_only: bool = False) -> FileDatabase:
        """Return `events.db`, open."""
        return await self._open("events.db", event_rows.MIGRATIONS, read_only=read_only)

    async def messages(self) -> FileDatabase:
        """Return `queue.db`, open."""
        return await self._open("queue.db", queues.MIGRATIONS)

    async def key_file(self) -> FileDatabase:
        """Return `keys.db`, open."""
        return await self._open("keys.db", key_store.MIGRATIONS)

    async def group_file(self) -> FileDatabase:
        """Return `groups.db`, open."""
        return await self._open("groups.db", group_store.MIGRATIONS)

    async def _queue(self, name: str, *, dlq: str | None = None, max_receives: int = 5) -> SqliteQueue:
        database = await self.messages()
        return SqliteQueue(database, database.changes, self._clock, name, dlq=dlq, max_receives=max_receives)

    async def _open(self, name: str, migrations: tuple[Migration, ...], *, read_only: bool = False) -> FileDatabase:
        key = f"{name} read-only" if read_only else name
        file = self._files.get(key)
        if file is None:
            self._make_directory()
            file = self._files[key] = FileDatabase(
                self._directory / name,
                migrations,
                timeout_ms=self._settings.store_timeout_ms,
                read_only=read_only,
            )
        await file.open()
        return file

    def _make_directory(self) -> None:
        try:
            make_directory(self._directory)
        except OSError as error:
            raise file_failed(error, str(self._directory)) from None
