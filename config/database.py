"""The records database: SQLite (WAL) or PostgreSQL through SQLAlchemy Core.

Each package declares its tables on `metadata` in its own `tables.py`; Alembic (in `service/`) creates them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import MetaData, event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from config.errors import LineproofError
from config.sqlite_at_once import at_once
from config.sqlite_one_trip import one_trip

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def database_url(location: str | Path) -> str:
    """The async SQLAlchemy URL of a SQLite file path, `postgresql://` URL, or a URL that is already one."""
    text = str(location)
    if text.startswith("postgresql://"):
        return "postgresql+asyncpg://" + text.removeprefix("postgresql://")
    return text if "://" in text else f"sqlite+aiosqlite:///{text}"


def _reading_only(url: str) -> tuple[str, dict[str, Any]]:
    """URL and connection arguments with which the database itself refuses every write."""
    path = url.removeprefix("sqlite+aiosqlite:///")
    if path != url:
        return f"sqlite+aiosqlite:///file:{quote(path)}?mode=ro&uri=true", {}
    return url, {"server_settings": {"default_transaction_read_only": "on"}}


class RecordsError(LineproofError):
    """The records database cannot be read or written now: a full disk, a lock that is not given up, no server."""


class Database:
    """One records database. `reading()` and `writing()` each give one transaction, and raise RecordsError.

    On SQLite a writing transaction takes the write lock at its start (BEGIN IMMEDIATE), so that what it reads
    cannot change before it commits and two writers wait instead of failing.
    """

    def __init__(self, location: str | Path, *, read_only: bool = False, throwaway: bool = False) -> None:
        """`read_only`: nothing can be written through it, whatever is asked; a SQLite file must be there then.

        `throwaway`: a SQLite file that one task alone works on and nobody needs after a crash; several times faster.
        """
        self.url = database_url(location)
        url, options = _reading_only(self.url) if read_only else (self.url, {})
        creator = {"async_creator": at_once(Path(location))} if throwaway else {}
        if not throwaway and url.startswith("sqlite+aiosqlite:"):
            options["async_creator_fn"] = one_trip
        self._engine = create_async_engine(url, connect_args=options, **creator)
        self._has_failed = False
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        if self._is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _hurry_sqlite if throwaway else _prepare_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads one consistent snapshot."""
        with self._translated():
            async with self._engine.connect() as connection, connection.begin():
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        with self._translated():
            async with self._engine.connect() as connection:
                connection = await connection.execution_options(lineproof_write=True)
                async with connection.begin():
                    yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            # What a statement itself did wrong (a broken constraint, a misspelt column) is not the database's state.
            if not isinstance(error, OperationalError) and type(error) is not DatabaseError:
                raise
            raise self._failure(error.orig) from error
        except InterfaceError as error:
            raise self._failure(error.orig) from error
        except sqlite3.Error as error:  # from `_prepare_sqlite`, where SQLAlchemy does not stand between
            raise self._failure(error) from error

    def _failure(self, cause: object) -> RecordsError:
        self._has_failed = True
        advice = "free some disk space" if "full" in str(cause) else "see that it is whole, within reach and writable"
        name = self._engine.url.database if self._is_sqlite else self._engine.url.render_as_string()
        return RecordsError(f"the records database {name} failed: {cause}; {advice}", retryable=True)

    async def create_all(self) -> None:
        """Create every declared table that is missing; for tests and throw-away databases only."""
        async with self.writing() as connection:
            await connection.run_sync(metadata.create_all)

    async def close(self) -> None:
        await self._engine.dispose()
        if self._has_failed:
            # A connection that could not be opened has a thread that still tells our loop that it has ended.
            await asyncio.sleep(0.02)


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()  # the pool never learns of it, and its thread would stay
        raise
    cursor.close()


def _hurry_sqlite(connection: DBAPIConnection, record: object) -> None:
    _prepare_sqlite(connection, record)
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("lineproof_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
