"""The one append-only journal: whatever is in it has been collected.

SQLite in WAL mode with synchronous FULL, because its one fsync per commit, its recovery after a crash and its many
readers in other processes are proven, and named cursors live in the same transaction; an append log of our own would
save a third of a millisecond per second of collecting and would have to earn all of that first.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collector.entries import decode, encode
from collector.model import Fact, SampleBatch
from collector.store.port import StoreError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS aside (
    reader TEXT NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (reader, seq));
CREATE TABLE IF NOT EXISTS trimmed (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
INSERT OR IGNORE INTO trimmed VALUES (1, 0);
"""

_READ_AT_ONCE = 32 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What one append held. `seq` counts from 1 and never repeats."""

    seq: int
    batches: tuple[SampleBatch, ...]
    facts: tuple[Fact, ...]

    @property
    def rows(self) -> int:
        return sum(map(len, self.batches)) + len(self.facts)


@dataclass(frozen=True, slots=True)
class SetAside:
    """An entry that a reader could not take over, and why."""

    seq: int
    reason: str


class Journal:
    """The journal file at `path`, made when absent. One process appends; any number of processes read.

    Calls block for a few milliseconds (one fsync where they write), but `append`, which leaves the event loop.
    Every call raises StoreError when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder {path.parent} cannot be made: {error.strerror}") from error
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._writer, self._reader = self._connect(), self._connect()

    def _connect(self) -> sqlite3.Connection:
        with self._translated():
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'trimmed'").fetchone():
                connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            busy = isinstance(error, sqlite3.OperationalError)
            advice = "free some disk space" if "full" in str(error) else "see that the file is whole and may be written"
            raise StoreError(f"the journal {self.path} failed: {error}; {advice}", retryable=busy) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing, self._translated():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def _select(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self._reading, self._translated():
            return self._reader.execute(query, values).fetchall()

    def _number(self, query: str, *values: object) -> int:
        rows = self._select(query, *values)
        return int(str(rows[0][0])) if rows else 0

    async def append(self, batches: Sequence[SampleBatch], facts: Sequence[Fact]) -> int:
        """Append one entry; it is on disk when this returns. Its number."""
        return await asyncio.to_thread(self._append, encode(batches, facts))

    def _append(self, data: bytes) -> int:
        with self._transaction() as connection:
            seq = connection.execute("INSERT INTO entry (data) VALUES (?)", (data,)).lastrowid
        return seq or 0

    def read(self, after: int, limit: int = 1000) -> Sequence[Entry]:
        """The next entries with seq > after, ascending: at most `limit`, and fewer when they are large (32 MiB);
        none only when there is none. Trimmed ones are skipped silently."""
        found: list[tuple[int, bytes]] = []
        size = 0
        with self._reading, self._translated():
            query = "SELECT seq, data FROM entry WHERE seq > ? ORDER BY seq LIMIT ?"
            for seq, data in self._reader.execute(query, (after, limit)):
                found.append((seq, data))
                size += len(data)
                if size > _READ_AT_ONCE:
                    break
        return [Entry(seq, *decode(data)) for seq, data in found]

    def position(self) -> int:
        """The number of the newest entry ever appended; 0 at first."""
        return self._number("SELECT seq FROM sqlite_sequence WHERE name = 'entry'")

    def trimmed(self) -> int:
        """The number of the newest entry that has been removed; 0 at first."""
        return self._number("SELECT seq FROM trimmed")

    def cursor(self, name: str) -> int:
        """The last entry that the reader `name` is done with; 0 when it never advanced."""
        return self._number("SELECT seq FROM cursor WHERE name = ?", name)

    def cursors(self) -> dict[str, int]:
        return {str(name): int(str(seq)) for name, seq in self._select("SELECT name, seq FROM cursor ORDER BY name")}

    def advance(self, name: str, seq: int) -> None:
        """Durably note that `name` is done with entries up to `seq`; never backwards.

        A reader counts for `trim` from its first advance on; advance(name, 0) announces it.
        """
        with self._transaction() as connection:
            _advance(connection, name, seq)

    def set_aside(self, name: str, seq: int, reason: str) -> None:
        """Keep a copy of an entry that `name` cannot take over, and move its cursor past it, in one transaction."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO aside SELECT ?, seq, ?, data FROM entry WHERE seq = ?", (name, reason, seq)
            )
            _advance(connection, name, seq)

    def aside(self, name: str) -> Sequence[SetAside]:
        """The entries that `name` set aside, ascending."""
        rows = self._select("SELECT seq, reason FROM aside WHERE reader = ? ORDER BY seq", name)
        return [SetAside(int(str(seq)), str(reason)) for seq, reason in rows]

    def trim(self) -> int:
        """Remove the entries that every reader is done with; none while there is no reader. How many went."""
        with self._transaction() as connection:
            (done,) = connection.execute("SELECT min(seq) FROM cursor").fetchone()
            if done is None:
                return 0
            removed = connection.execute("DELETE FROM entry WHERE seq <= ?", (done,)).rowcount
            connection.execute("UPDATE trimmed SET seq = max(seq, ?)", (done,))
        return int(removed)

    def close(self) -> None:
        with self._writing, self._reading, self._translated():
            self._writer.close()
            self._reader.close()


def _advance(connection: sqlite3.Connection, name: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO cursor VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)", (name, seq)
    )
