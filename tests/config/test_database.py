"""What goes wrong with the records database itself, and what goes wrong with a statement."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, text
from sqlalchemy.exc import IntegrityError

from config.database import Database, RecordsError

pytestmark = pytest.mark.rim

thing = Table("thing", MetaData(), Column("id", Integer, primary_key=True))


async def test_a_file_that_is_no_database_is_named_and_may_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"x" * 8192)
    database = Database(path)
    with pytest.raises(RecordsError, match=f"{path} failed: file is not a database; see that it is whole") as caught:
        async with database.reading():
            pass
    assert caught.value.retryable
    await database.close()


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    database = Database(tmp_path / "nowhere" / "records.db")
    with pytest.raises(RecordsError, match="unable to open database file"):
        async with database.writing():
            pass
    await database.close()


async def test_a_full_database_says_what_to_do(tmp_path: Path) -> None:
    database = Database(tmp_path / "records.db")
    async with database.writing() as connection:
        await connection.execute(text("CREATE TABLE heap (bytes BLOB)"))
        await connection.execute(text("PRAGMA max_page_count = 10"))
    with pytest.raises(RecordsError, match="database or disk is full; free some disk space"):
        async with database.writing() as connection:
            await connection.execute(text("INSERT INTO heap VALUES (zeroblob(1000000))"))
    await database.close()


async def test_a_broken_constraint_stays_what_it_is(tmp_path: Path) -> None:
    for name, throwaway in (("kept.db", False), ("thrown_away.db", True)):
        database = Database(tmp_path / name, throwaway=throwaway)
        async with database.writing() as connection:
            await connection.run_sync(thing.create)
            await connection.execute(insert(thing).values(id=1))
        with pytest.raises(IntegrityError):
            async with database.writing() as connection:
                await connection.execute(insert(thing).values(id=1))
        await database.close()


async def test_a_throwaway_database_keeps_its_transactions_and_needs_no_thread(tmp_path: Path) -> None:
    threads = threading.active_count()
    database = Database(tmp_path / "records.db", throwaway=True)
    async with database.writing() as connection:
        await connection.run_sync(thing.create)
    with pytest.raises(IntegrityError):
        async with database.writing() as connection:
            await connection.execute(insert(thing), [{"id": 1}, {"id": 1}])
    async with database.reading() as before:
        assert (await before.execute(thing.select())).all() == []
        async with database.writing() as connection:
            await connection.execute(insert(thing).values(id=2))
        assert (await before.execute(thing.select())).all() == []
    async with database.reading() as connection:
        assert (await connection.execute(thing.select())).scalars().all() == [2]
    await database.close()
    assert threading.active_count() == threads
