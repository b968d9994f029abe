"""The one append-only journal: whatever is in it has been collected.

SQLite in WAL mode with synchronous FULL, because its one fsync per commit, its recovery after a crash and its many
readers in other processes are proven, and named cursors live in the same transaction; an append log of our own would
save about a millisecond per second of collecting (`benchmarks/journal.py`) and would have to earn all of that first.

Pages of 16 KiB: appending 5,000 rows of 9 fields, and reading them, takes a tenth less than with pages of 4 KiB.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog

from collector import claim
from collector.entries import DamagedEntryError, decode, encode, epoch_us, from_epoch_us, without_samples
from collector.model import Fact, SampleBatch
from collector.store.port import StoreError

log = structlog.get_logger()

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refused (
    id INTEGER PRIMARY KEY, reader TEXT NOT NULL, seq INTEGER NOT NULL, rows INTEGER NOT NULL, reason TEXT NOT NULL,
    data BLOB);
CREATE TABLE IF NOT EXISTS tally (
    reader TEXT NOT NULL, what TEXT NOT NULL, rows INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (reader, what));
CREATE TABLE IF NOT EXISTS trimmed (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
INSERT OR IGNORE INTO trimmed VALUES (1, 0);
CREATE TABLE IF NOT EXISTS bound (one INTEGER PRIMARY KEY CHECK (one = 1), alarm INTEGER, shed INTEGER NOT NULL);
INSERT OR IGNORE INTO bound VALUES (1, NULL, 0);
"""

_PAGE = 16 << 10
_READ_AT_ONCE = 32 << 20
_FREE_PAGES = 4096
"""Free pages (64 MiB) that the file keeps to grow into; what is beyond goes back to the disk."""
_TRIM_AT_ONCE = 500
_SHED_AT_ONCE = 16 << 20
_ASIDE_AT_MOST = 64 << 20
_ASIDE_RECORDS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What one append held. `seq` counts from 1 and never repeats."""

    seq: int
    batches: tuple[SampleBatch, ...]
    facts: tuple[Fact, ...]

    @property
    def rows(self) -> int:
        return sum(map(len, self.batches)) + len(self.facts)


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """Rows of entries up to `seq` that a reader could not take over, and why."""

    seq: int
    reason: str
    batches: Sequence[SampleBatch] = ()
    facts: Sequence[Fact] = ()

    @property
    def rows(self) -> int:
        return sum(map(len, self.batches)) + len(self.facts)


@dataclass(frozen=True, slots=True)
class SetAside:
    """That rows were set aside: how many, and why."""

    seq: int
    rows: int
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows that a reader did not get, since when and until when."""

    rows: int
    first: datetime
    last: datetime


class Journal:
    """The journal file at `path`, made when absent. One process appends; any number of processes read.

    Calls block for a few milliseconds (one fsync where they write), but `append`, which leaves the event loop.
    Every call raises StoreError when the file cannot be read or written.
    """

    def __init__(self, path: Path, *, read_only: bool = False, throwaway: bool = False) -> None:
        """`read_only`: the file must be there, and every call that would write fails. `throwaway`: nobody needs it
        after a crash, so that nothing waits for the disk."""
        self.path, self.read_only = path, read_only
        self._synchronous = "OFF" if throwaway else "FULL"
        try:
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder {path.parent} cannot be made: {error.strerror}") from error
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._writer, self._reader = self._connect(), self._connect()
        self._leave: weakref.finalize[Any, Journal] | None = None

    def _connect(self) -> sqlite3.Connection:
        with self._translated():
            file = f"file:{quote(str(self.path))}{'?mode=ro' if self.read_only else ''}"
            connection = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False, uri=True)
            if self.read_only:
                return connection
            new = not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'bound'").fetchone()
            if new:
                # Both are the file's, settled by whoever makes it; said again they would be a write.
                connection.execute(f"PRAGMA page_size = {_PAGE}")
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            # What Debian turns on: each page that is freed would be overwritten, and written to the log.
            connection.execute("PRAGMA secure_delete = OFF")
            connection.execute(f"PRAGMA journal_size_limit = {_READ_AT_ONCE}")
            if new:
                connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            return connection

    def claim(self) -> None:
        """Be the process that appends, until it ends or closes the journal. Raises StoreError, naming another one."""
        lock = claim.lock_of(self.path)
        with self._writing:
            if self._leave is not None and claim.holds(lock):
                return
            try:
                claim.take(lock)
            except claim.ClaimedError as error:
                raise StoreError(claim.being_written(self.path, error.process)) from None
            except OSError as error:
                raise StoreError(
                    f"{lock} cannot be locked ({error.strerror}); see that it may be written, on a disk of this machine"
                ) from error
            self._leave = weakref.finalize(self, claim.leave, lock)

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
        """Append one entry; it is on disk when this returns. Its number. Raises StoreError beside another writer."""
        # Encoding a big host's states takes a tenth of a second, which is not to be the event loop's.
        return await asyncio.to_thread(lambda: self._append(encode(batches, facts)))

    def _append(self, data: bytes) -> int:
        self.claim()
        with self._transaction() as connection:
            seq = connection.execute("INSERT INTO entry (data) VALUES (?)", (data,)).lastrowid
        return seq or 0

    def read(self, after: int, limit: int = 1000) -> Sequence[Entry]:
        """The next entries with seq > after, ascending: at most `limit`, and fewer when they are large (32 MiB);
        none only when there is none. Trimmed ones are skipped silently; a damaged one is set aside, and empty."""
        found: list[tuple[int, bytes]] = []
        size = 0
        with self._reading, self._translated():
            query = "SELECT seq, data FROM entry WHERE seq > ? ORDER BY seq LIMIT ?"
            for seq, data in self._reader.execute(query, (after, limit)):
                found.append((seq, data))
                size += len(data)
                if size > _READ_AT_ONCE:
                    break
        return [Entry(seq, *self._decoded(seq, data)) for seq, data in found]

    def _decoded(self, seq: int, data: bytes) -> tuple[tuple[SampleBatch, ...], tuple[Fact, ...]]:
        """One damaged entry holds up no reader: it is kept for whoever can read it, under the reader `damaged`."""
        try:
            return decode(data)
        except DamagedEntryError as error:
            log.exception("journal_entry_damaged", entry=seq, journal=str(self.path))
            with self._transaction() as connection:
                connection.execute(
                    "INSERT INTO refused (reader, seq, rows, reason, data) SELECT 'damaged', ?, 0, ?, ? WHERE NOT "
                    "EXISTS (SELECT 1 FROM refused WHERE reader = 'damaged' AND seq = ?)",
                    (seq, str(error), data, seq),
                )
            return (), ()

    def size(self) -> int:
        """Bytes of the file that hold something; costs nothing."""
        with self._reading, self._translated():
            (pages,), (free,), (page,) = (
                self._reader.execute(f"PRAGMA {name}").fetchone()
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * page)

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

    def forget(self, name: str) -> None:
        """`name` reads no longer, and holds up no trimming: another store has taken its place."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM cursor WHERE name = ?", (name,))

    def set_aside(self, name: str, seq: int, refused: Sequence[Refused], at: datetime) -> None:
        """Move the cursor of `name` to `seq`, past rows that it cannot take over; these are kept and counted, in the
        same transaction. Of the kept ones the oldest go beyond 64 MiB and 10,000 refusals; they stay counted."""
        with self._transaction() as connection:
            for each in refused:
                kept = (name, each.seq, each.rows, each.reason, encode(each.batches, each.facts))
                connection.execute("INSERT INTO refused (reader, seq, rows, reason, data) VALUES (?, ?, ?, ?, ?)", kept)
                _count(connection, name, "aside", each.rows, at)
            connection.execute(
                "DELETE FROM refused WHERE id <= (SELECT max(id) - ? FROM refused) OR id <= (SELECT max(id) FROM "
                "(SELECT id, sum(length(data)) OVER (ORDER BY id DESC) AS held FROM refused) WHERE held > ?)",
                (_ASIDE_RECORDS, _ASIDE_AT_MOST),
            )
            _advance(connection, name, seq)

    def aside(self, name: str) -> Sequence[SetAside]:
        """What is kept of that which `name` set aside, in its order; damaged entries are under `damaged`."""
        rows = self._select("SELECT seq, rows, reason FROM refused WHERE reader = ? ORDER BY id", name)
        return [SetAside(int(str(seq)), int(str(count)), str(reason)) for seq, count, reason in rows]

    def tallies(self, what: str) -> Mapping[str, Tally]:
        """Of each reader how many rows it did not get: `aside`, which it refused itself, or `shed`, because the
        journal was full."""
        rows = self._select("SELECT reader, rows, first, last FROM tally WHERE what = ?", what)
        return {
            str(reader): Tally(int(str(count)), from_epoch_us(int(str(first))), from_epoch_us(int(str(last))))
            for reader, count, first, last in rows
        }

    def alarm(self) -> datetime | None:
        """Since when the journal is nearly full; None when it is not."""
        since = self._select("SELECT alarm FROM bound")[0][0]
        return None if since is None else from_epoch_us(int(str(since)))

    def set_alarm(self, since: datetime | None) -> None:
        """Note durably since when the journal is nearly full."""
        with self._transaction() as connection:
            connection.execute("UPDATE bound SET alarm = ?", (None if since is None else epoch_us(since),))

    def shed(self, least: int, at: datetime) -> int:
        """Free `least` bytes: the samples of the oldest entries go, their facts stay. How many rows went.

        They are counted for each reader that had not got them yet, in the transaction that takes them.
        """
        goal, rows = self.size() - least, 0
        while self.size() > goal:
            some = self._shed_some(at)
            if some is None:
                break
            rows += some
            self._give_back()
        return rows

    def _shed_some(self, at: datetime) -> int | None:
        """The rows that went with the next stretch of entries; None when no entry is left that may hold any."""
        with self._transaction() as connection:
            size = total = last = 0
            readers = connection.execute("SELECT name, seq FROM cursor").fetchall() or [("nobody", 0)]
            lost = dict.fromkeys((name for name, _ in readers), 0)
            query = "SELECT seq FROM entry WHERE seq > (SELECT shed FROM bound) ORDER BY seq LIMIT ?"
            for (seq,) in connection.execute(query, (_TRIM_AT_ONCE,)).fetchall():
                (data,) = connection.execute("SELECT data FROM entry WHERE seq = ?", (seq,)).fetchone()
                rest, rows = without_samples(data)
                connection.execute("UPDATE entry SET data = ? WHERE seq = ?", (rest, seq))
                total, last, size = total + rows, seq, size + len(data)
                for name, done in readers:
                    lost[name] += rows if done < seq else 0
                if size > _SHED_AT_ONCE:
                    break
            if not last:
                return None
            for name, rows in lost.items():
                if rows:
                    _count(connection, name, "shed", rows, at)
            connection.execute("UPDATE bound SET shed = ?", (last,))
        return total

    def trim(self) -> int:
        """Remove the entries that every reader is done with; none while there is no reader. How many went."""
        removed = 0
        while some := self._trim_some():
            removed += some
            self._give_back()
        return removed

    def _trim_some(self) -> int:
        """One transaction of bounded size, so that appending waits for none of them long."""
        with self._transaction() as connection:
            (done,) = connection.execute("SELECT min(seq) FROM cursor").fetchone()
            (first,) = connection.execute("SELECT min(seq) FROM entry").fetchone()
            if done is None or first is None or first > done:
                return 0
            until = min(done, first + _TRIM_AT_ONCE - 1)
            removed = connection.execute("DELETE FROM entry WHERE seq <= ?", (until,)).rowcount
            connection.execute("UPDATE trimmed SET seq = max(seq, ?)", (until,))
        return int(removed)

    def _give_back(self) -> None:
        """Free pages to the disk, so many at once that appending waits for none of it long."""
        with self._writing, self._translated():
            (free,) = self._writer.execute("PRAGMA freelist_count").fetchone()
            if free > _FREE_PAGES:
                # `execute` would take one step of this statement, which gives back one page.
                self._writer.executescript(f"PRAGMA incremental_vacuum({free - _FREE_PAGES})")

    def close(self) -> None:
        with self._writing, self._reading, self._translated():
            self._writer.close()
            self._reader.close()
        if self._leave is not None:
            self._leave()


def _count(connection: sqlite3.Connection, name: str, what: str, rows: int, at: datetime) -> None:
    connection.execute(
        "INSERT INTO tally VALUES (?, ?, ?, ?, ?) ON CONFLICT (reader, what) DO UPDATE SET "
        "rows = rows + excluded.rows, last = excluded.last",
        (name, what, rows, epoch_us(at), epoch_us(at)),
    )


def _advance(connection: sqlite3.Connection, name: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO cursor VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)", (name, seq)
    )
