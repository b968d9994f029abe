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
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
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


WAIT_SECONDS = 10
"""How long a writer waits for another one."""
WRITERS = 0x4C50
"""Among the advisory locks of a PostgreSQL database: "LP"."""


def database_url(location: str | Path) -> str:
    """The async SQLAlchemy URL of a SQLite file path, `postgresql://` URL, or a URL that is already one."""
    text = str(location)
    scheme, _, rest = text.partition("://")
    if rest and scheme in ("postgresql", "postgres"):
        return f"postgresql+asyncpg://{rest}"
    return text if rest else f"sqlite+aiosqlite:///{text}"


def _reading_only(url: str) -> tuple[str, dict[str, Any]]:
    """URL and connection arguments with which the database itself refuses every write."""
    path = url.removeprefix("sqlite+aiosqlite:///")
    if path != url:
        return f"sqlite+aiosqlite:///file:{quote(path)}?mode=ro&uri=true", {}
    return url, {"server_settings": {"default_transaction_read_only": "on"}}


async def _connect_postgresql(*where: Any, **options: Any) -> Any:  # noqa: ANN401 - asyncpg's own
    """A server that is not there is an error of the driver's, as SQLAlchemy expects of its drivers."""
    import asyncpg

    settings = {
        "application_name": "lineproof",
        "lock_timeout": f"{WAIT_SECONDS}s",
        **options.pop("server_settings", {}),
    }
    try:
        return await asyncpg.connect(*where, server_settings=settings, **options)
    except OSError as error:
        raise asyncpg.InterfaceError(str(error) or type(error).__name__) from error


class RecordsError(LineproofError):
    """The records database cannot be read or written now: a full disk, a lock that is not given up, no server."""


class Database:
    """One records database. `reading()` and `writing()` each give one transaction, and raise RecordsError.

    A writing transaction takes the database's one write lock at its start (SQLite: BEGIN IMMEDIATE; PostgreSQL: an
    advisory lock), so that what it reads cannot change before it commits and two writers wait instead of failing.
    """

    def __init__(self, location: str | Path, *, read_only: bool = False, throwaway: bool = False) -> None:
        """`read_only`: nothing can be written through it, whatever is asked; a SQLite file must be there then.

        `throwaway`: a SQLite file that one task alone works on and nobody needs after a crash; several times faster.
        """
        self.url = database_url(location)
        url, options = _reading_only(self.url) if read_only else (self.url, {})
        creator = {"async_creator": at_once(Path(location))} if throwaway else {}
        self._is_sqlite = url.startswith("sqlite+aiosqlite:")
        if not throwaway:
            options["async_creator_fn"] = one_trip if self._is_sqlite else _connect_postgresql
        self._engine = create_async_engine(url, connect_args=options, pool_pre_ping=not self._is_sqlite, **creator)
        self._has_failed = False
        if self._is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _hurry_sqlite if throwaway else _prepare_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)
        else:
            event.listen(self._engine.sync_engine, "begin", _begin_postgresql)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads one consistent snapshot."""
        with self._translated():
            async with self._engine.connect() as connection:
                if not self._is_sqlite:  # where each statement would have a snapshot of its own otherwise
                    connection = await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
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
        except DBAPIError as error:
            # What a statement itself did wrong (a broken constraint, a misspelt column, a value that does not fit) is
            # not the database's state.
            if isinstance(error, IntegrityError | ProgrammingError | DataError | NotSupportedError) or _is_data(error):
                raise
            raise self._failure(error.orig) from error
        except sqlite3.Error as error:  # from `_prepare_sqlite`, where SQLAlchemy does not stand between
            raise self._failure(error) from error

    def _failure(self, cause: object) -> RecordsError:
        self._has_failed = True
        is_full = any(words in str(cause) for words in ("full", "No space left"))
        advice = "free some disk space" if is_full else "see that it is whole, within reach and writable"
        shown = self._engine.url.difference_update_query(["password"]).set(drivername="postgresql")
        name = shown.database if self._is_sqlite else shown.render_as_string()
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


def _is_data(error: DBAPIError) -> bool:
    """SQLSTATE class 22: what asyncpg's errors have in place of DataError."""
    return str(getattr(error.orig, "sqlstate", None) or "").startswith("22")


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={WAIT_SECONDS * 1000}",
            "foreign_keys=ON",
        ):
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


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("lineproof_write", False))


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    # A statement of its own: the next one's snapshot has what the writer before us committed.
    if _writes(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")
