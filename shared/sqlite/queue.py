"""`EventQueue`s in one file, with the guarantees and limits of SQS standard queues.

A message has two rows, so that a receive, which changes its visibility, does not rewrite its body. Only sends wait for
the disk: if a power failure undoes a receive, a deletion or a visibility change, the message is redelivered, as any
message may be.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from shared.clock import Clock
from shared.model.errors import Unavailable
from shared.model.pack import MAX_MESSAGE_BYTES
from shared.model.records import Outcome
from shared.ports import MAX_MESSAGES, Message, Outgoing
from shared.sqlite.changes import ChangeWatcher
from shared.sqlite.database import Database
from shared.sqlite.schema import Migration

MIGRATIONS: tuple[Migration, ...] = (
    (
        # AUTOINCREMENT: if an id were reused, an old handle could delete a new message.
        """CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, visible_at INTEGER NOT NULL,
            receives INTEGER NOT NULL, sent_at INTEGER NOT NULL, kept_until INTEGER NOT NULL
        )""",
        "CREATE INDEX messages_by_visibility ON messages (queue, visible_at)",
        "CREATE TABLE contents (id INTEGER PRIMARY KEY, body TEXT NOT NULL, attributes TEXT NOT NULL)",
    ),
)
"""Times are epoch milliseconds."""

RETENTION_MS = 14 * 86_400_000
"""Retention of a message, the maximum of SQS. A message that moves to the DLQ is kept as long again."""

_REFUSED_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""SQS accepts the characters of XML 1.0."""


class SqliteQueue:
    """The queue `name`. With `dlq`, a message received `max_receives` times moves to the queue of that name."""

    def __init__(
        self,
        database: Database,
        changes: ChangeWatcher,
        clock: Clock,
        name: str,
        *,
        dlq: str | None = None,
        max_receives: int = 5,
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._name = name
        self._dlq = dlq
        self._max_receives = max_receives

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Store messages; refuse those that SQS would refuse."""
        if not messages:
            return []
        if len(messages) > MAX_MESSAGES or sum(len(message.body) for message in messages) > MAX_MESSAGE_BYTES:
            raise Unavailable(f"a call may send {MAX_MESSAGES} messages, {MAX_MESSAGE_BYTES:,} bytes together")
        now = self._clock.wall_ms()
        return await self._database.write(lambda db: [self._insert(db, message, now) for message in messages])

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        """Receive up to `limit` visible messages, oldest first; wait for one if there is none."""
        deadline = self._clock.monotonic_ms() + wait_seconds * 1000
        while True:
            mark = self._changes.mark()
            now = self._clock.wall_ms()
            take = self._taking(limit, now, now + visibility_seconds * 1000)
            received, next_ms = await self._database.write(take, durable=False)
            left_ms = deadline - self._clock.monotonic_ms()
            if received or left_ms <= 0:
                return received
            if next_ms is not None:
                left_ms = min(left_ms, max(1, next_ms - self._clock.wall_ms()))
            await self._changes.wait(mark, left_ms / 1000)

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages, except those that were received again since."""
        if messages:
            await self._database.write(lambda db: self._delete(db, messages), durable=False)

    async def change_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        """Make messages invisible for `seconds` from now; ignore deleted ones."""
        if not messages:
            return
        sql = "UPDATE messages SET visible_at = ? WHERE id = ? AND queue = ? AND receives = ?"
        visible_at = self._clock.wall_ms() + seconds * 1000
        rows = [(visible_at, *key) for key in map(self._key, messages)]
        await self._database.write(lambda db: db.executemany(sql, rows), durable=False)

    async def backlog(self) -> int:
        """Return how many messages are visible."""
        sql = "SELECT count(*) FROM messages WHERE queue = ? AND visible_at <= ?"
        [count] = await self._database.read(lambda db: db.execute(sql, (self._name, self._clock.wall_ms())).fetchone())
        return int(count)

    def _insert(self, db: sqlite3.Connection, message: Outgoing, now: int) -> Outcome:
        if len(message.body.encode(errors="replace")) > MAX_MESSAGE_BYTES or _REFUSED_CHARACTER.search(message.body):
            return Outcome.REFUSED
        visible_at = now + message.delay_seconds * 1000
        attributes = msgspec.json.encode(message.attributes).decode()
        inserted = db.execute(
            "INSERT INTO messages (queue, visible_at, receives, sent_at, kept_until) VALUES (?, ?, 0, ?, ?)",
            (self._name, visible_at, now, now + RETENTION_MS),
        )
        db.execute("INSERT INTO contents VALUES (?, ?, ?)", (inserted.lastrowid, message.body, attributes))
        return Outcome.DONE

    def _taking(
        self, limit: int, now: int, visible_at: int
    ) -> Callable[[sqlite3.Connection], tuple[list[Message], int | None]]:
        """Return a call that receives messages; if there are none, it returns when the next becomes visible."""

        def take(db: sqlite3.Connection) -> tuple[list[Message], int | None]:
            received: list[Message] = []
            while rows := db.execute(_VISIBLE, (self._name, now, limit - len(received))).fetchall():
                for id_, receives, sent_at, body, attributes in rows:
                    if self._dlq is not None and receives >= self._max_receives:
                        db.execute(_REDRIVE, (self._dlq, now, now + RETENTION_MS, id_))
                        continue
                    db.execute(_RECEIVE, (visible_at, receives + 1, id_))
                    received.append(_message(id_, receives + 1, sent_at, body, attributes))
                if len(received) == limit:
                    break
            if received:
                return received, None
            [next_ms] = db.execute(_NEXT, (self._name, now)).fetchone()
            return [], next_ms

        return take

    def _delete(self, db: sqlite3.Connection, messages: Sequence[Message]) -> None:
        sql = "DELETE FROM messages WHERE id = ? AND queue = ? AND receives = ?"
        for message in messages:
            key = self._key(message)
            if db.execute(sql, key).rowcount:
                db.execute("DELETE FROM contents WHERE id = ?", key[:1])

    def _key(self, message: Message) -> tuple[int, str, int]:
        """Return the key of a received message; a later receive of the message has another one."""
        id_, receives = message.handle.split("#")
        return int(id_), self._name, int(receives)


_VISIBLE = """SELECT id, receives, sent_at, body, attributes FROM messages JOIN contents USING (id)
    WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, messages.id LIMIT ?"""
_NEXT = "SELECT min(visible_at) FROM messages WHERE queue = ? AND visible_at > ?"
_RECEIVE = "UPDATE messages SET visible_at = ?, receives = ? WHERE id = ?"
_REDRIVE = "UPDATE messages SET queue = ?, receives = 0, visible_at = ?, kept_until = ? WHERE id = ?"


def _message(id_: int, receives: int, sent_at: int, body: str, attributes: str) -> Message:
    return Message(
        id=str(id_),
        body=body,
        handle=f"{id_}#{receives}",
        receives=receives,
        attributes=msgspec.json.decode(attributes, type=dict[str, str]),
        sent_at=sent_at,
    )
