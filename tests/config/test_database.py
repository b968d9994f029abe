"""What goes wrong with the records database itself, and what goes wrong with a statement."""

from __future__ import annotations

import asyncio
import threading
from enum import StrEnum
from pathlib import Path

import pytest
from postgres_server import PostgresServer
from sqlalchemy import Column, Integer, MetaData, Table, insert, text
from sqlalchemy.exc import IntegrityError

import triage.tables
from config.database import Database, RecordsError
from triage.audit import Kind
from triage.cases import CaseStatus, EffectKind, PendingWhy, TimerKind
from triage.model import Cause, Severity
from triage.reasons import Reason

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


async def test_what_is_read_is_one_snapshot_and_writers_are_alone(records_at: str | Path) -> None:
    database, other = Database(records_at), Database(records_at)
    async with database.writing() as connection:
        await connection.run_sync(thing.create)
    async with database.reading() as before:
        assert (await before.execute(thing.select())).all() == []
        async with other.writing() as connection:
            await connection.execute(insert(thing).values(id=1))
        assert (await before.execute(thing.select())).all() == []

    async def count_one_on() -> None:
        async with other.writing() as connection:
            newest = (await connection.execute(thing.select().order_by(thing.c.id.desc()))).scalars().first()
            await asyncio.sleep(0.001)
            await connection.execute(insert(thing).values(id=newest + 1))

    await asyncio.gather(*(count_one_on() for _ in range(8)))
    async with database.reading() as connection:
        assert (await connection.execute(thing.select().order_by(thing.c.id))).scalars().all() == [*range(1, 10)]
    await database.close()
    await other.close()


@pytest.mark.real
async def test_a_server_that_was_started_again_is_not_noticed_by_who_did_nothing_meanwhile(
    postgres: PostgresServer,
) -> None:
    database = Database(postgres.new_records())
    async with database.writing() as connection:
        await connection.run_sync(thing.create)

    async def read_while_it_is_started_again() -> None:
        async with database.reading() as connection:
            postgres.restart()
            await connection.execute(thing.select())

    with pytest.raises(RecordsError, match="see that it is whole, within reach") as caught:
        await read_while_it_is_started_again()
    assert caught.value.retryable
    async with database.reading() as connection:
        await connection.execute(thing.select())
    postgres.restart()
    async with database.reading() as connection:
        await connection.execute(thing.select())
    await database.close()


@pytest.mark.real
async def test_a_postgresql_that_cannot_be_reached_is_named_without_its_password(postgres: PostgresServer) -> None:
    for url, why in (
        ("postgresql://lineproof:geheim@127.0.0.1:1/records", "Connect call failed"),
        (f"{postgres.new_records()}nowhere&password=geheim", "No such file or directory"),
        (postgres.new_records().replace("/postgres?", "/elsewhere?"), 'database "elsewhere" does not exist'),
    ):
        database = Database(url)
        with pytest.raises(RecordsError, match=why) as caught:
            async with database.reading():
                pass
        assert caught.value.retryable
        assert "geheim" not in str(caught.value)
        await database.close()


@pytest.mark.real
async def test_who_may_only_read_is_refused_by_postgresql_itself(postgres: PostgresServer) -> None:
    where = postgres.new_records()
    database, reader = Database(where), Database(where, read_only=True)
    async with database.writing() as connection:
        await connection.run_sync(thing.create)
    with pytest.raises(RecordsError, match="read-only transaction"):
        async with reader.writing() as connection:
            await connection.execute(insert(thing).values(id=1))
    await database.close()
    await reader.close()


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (triage.tables.case.c.status, CaseStatus),
        (triage.tables.case.c.cause, Cause),
        (triage.tables.case.c.severity, Severity),
        (triage.tables.case.c.pending, PendingWhy),
        (triage.tables.timer.c.kind, TimerKind),
        (triage.tables.outbox.c.kind, EffectKind),
        (triage.tables.audit.c.kind, Kind),
        (triage.tables.audit.c.reason, Reason),
    ],
    ids=str,
)
def test_every_word_of_ours_fits_its_column(column: Column[str], words: type[StrEnum]) -> None:
    """SQLite does not ask."""
    assert max(map(len, words)) <= column.type.length  # type: ignore[attr-defined]


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
