"""A SQLite connection for asyncio that hands each statement to its thread once, and takes everything back at once.

aiosqlite goes there and back for the cursor, the statement, its rows and the cursor's end; each trip costs as much as a
small statement itself. All rows are read at once, as SQLAlchemy does anyway.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import aiosqlite

Seen = tuple[Any, int, int | None, Sequence[Any]]
"""A statement's description, row count, last row id and rows."""


class _Cursor:
    """As much of aiosqlite's cursor as SQLAlchemy asks for."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: Sequence[Any] = ()

    async def __aenter__(self) -> _Cursor:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> _Cursor:
        return await self._seen(lambda cursor: cursor.execute(sql, parameters))  # type: ignore[arg-type]

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> _Cursor:
        return await self._seen(lambda cursor: cursor.executemany(sql, parameters))  # type: ignore[arg-type]

    async def _seen(self, do: Callable[[sqlite3.Cursor], object]) -> _Cursor:
        seen = await self._connection.there_and_back(do)
        self.description, self.rowcount, self.lastrowid, self._rows = seen
        return self

    async def fetchall(self) -> Sequence[Any]:
        rows, self._rows = self._rows, ()
        return rows

    async def close(self) -> None:
        """It was closed where it was used."""


class Connection(aiosqlite.Connection):
    """Its cursors are made, read and closed in the trip of their statement."""

    def cursor(self) -> _Cursor:  # type: ignore[override]
        return _Cursor(self)

    async def there_and_back(self, do: Callable[[sqlite3.Cursor], object]) -> Seen:
        seen: Seen = await self._execute(_done, self._conn, do)  # type: ignore[no-untyped-call]
        return seen


def _done(connection: sqlite3.Connection, do: Callable[[sqlite3.Cursor], object]) -> Seen:
    cursor = connection.cursor()
    try:
        do(cursor)
        rows = cursor.fetchall() if cursor.description else ()
        return cursor.description, cursor.rowcount, cursor.lastrowid, rows
    finally:
        cursor.close()


def one_trip(database: str, **options: Any) -> Connection:  # noqa: ANN401 - sqlite3's own
    """What SQLAlchemy's `async_creator_fn` wants: it is called with what `sqlite3.connect` is."""
    connection = Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does with the connections that it makes
    return connection
