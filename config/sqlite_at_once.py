"""A SQLite connection for asyncio without a thread: each statement is done at once, on the loop's own thread.

For a throw-away database that one task alone works on, a scenario's: handing each statement to a thread and back costs
several times what the statement does. It must not serve anybody who waits for others: a lock stops the whole loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import aiosqlite

from config.sqlite_one_trip import Connection

Work = tuple["asyncio.Future[Any] | None", Callable[[], Any]]


class _AtOnce:
    """Stands where aiosqlite has its thread's queue."""

    def put_nowait(self, work: Work) -> None:
        future, function = work
        try:
            result = function()
        except Exception as error:
            if future is None:
                raise
            future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


class _Connection(Connection):
    """Its thread is never started."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._tx = _AtOnce()  # type: ignore[assignment]

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


def at_once(path: Path) -> Callable[[], Awaitable[aiosqlite.Connection]]:
    """What SQLAlchemy's `async_creator` wants, for the database file at `path`."""
    return lambda: _Connection(lambda: sqlite3.connect(path))
