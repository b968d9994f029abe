"""The audit trail: whoever changes, takes out, puts in or moves a row is found out at that row."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from config.database import Database
from triage import tables
from triage.audit import GENESIS, Anchor, Entry, Kind, append, chained, head, story, verify_chain

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
ROWS = 12


def entry(place: int, case: str = "C-7") -> Entry:
    return Entry(
        at=NOON + timedelta(minutes=place), kind=Kind.DECISION, reason="trouble_held", case=case, site="store-114",
        inbox_seq=place, document={"policy": "sha256:1", "detail": f"möglich {place}", "share": 0.1 * place},
    )  # fmt: skip


@asynccontextmanager
async def trail_at(location: str | Path) -> AsyncIterator[Database]:
    database = Database(location)
    await database.create_all()
    for place in range(1, ROWS + 1):
        async with database.writing() as connection:
            await append(connection, [entry(place)])
    yield database
    await database.close()


@pytest.fixture
async def records(records_at: str | Path) -> AsyncIterator[Database]:
    async with trail_at(records_at) as database:
        yield database


@pytest.fixture
async def in_sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    async with trail_at(tmp_path / "records.db") as database:
        yield database


async def check(records: Database, *anchors: Anchor):
    async with records.reading() as connection:
        return await verify_chain(connection, anchors)


def test_a_row_s_digest_is_the_sha256_of_its_columns_as_json_with_sorted_keys():
    row = chained(0, GENESIS, [Entry(at=NOON, kind=Kind.INPUT, reason="claim", actor="Mia", document={"b": 1, "a": 2})])
    by_hand = (
        '{"actor":"Mia","at":1772539200000,"case_number":null,"document":{"a":2,"b":1},"inbox_seq":null,"kind":"input",'
        f'"number":1,"previous":"{"0" * 64}","reason":"claim","site":null}}'
    )
    assert row[0]["sha256"] == hashlib.sha256(by_hand.encode()).hexdigest()


async def test_an_untouched_trail_fits_to_its_last_row(records: Database):
    checked = await check(records)
    async with records.reading() as connection:
        newest = await head(connection)
    assert (checked.ok, checked.rows, checked.head) == (True, ROWS, newest[1])


async def test_an_empty_trail_is_whole(records_at: str | Path):
    database = Database(records_at)
    await database.create_all()
    checked = await check(database)
    await database.close()
    assert (checked.ok, checked.rows, checked.head) == (True, 0, GENESIS)


@pytest.mark.parametrize("place", [1, 5, ROWS])
@pytest.mark.parametrize(
    "change",
    [
        {"reason": "nothing_found"}, {"actor": "Mallory"}, {"at": 1}, {"case_number": 8}, {"site": "store-115"},
        {"inbox_seq": 99}, {"kind": "input"}, {"document": {"policy": "sha256:1", "detail": "", "share": 0.5}},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
async def test_a_changed_row_is_named(in_sqlite: Database, place: int, change: dict[str, object]):
    async with in_sqlite.writing() as connection:
        await connection.execute(update(tables.audit).where(tables.audit.c.number == place).values(**change))
    checked = await check(in_sqlite)
    assert (checked.row, checked.fault) == (place, f"row {place} was changed after it was written")


@pytest.mark.parametrize("place", [1, 5])
async def test_a_row_taken_out_of_the_middle_is_named(records: Database, place: int):
    async with records.writing() as connection:
        await connection.execute(delete(tables.audit).where(tables.audit.c.number == place))
    checked = await check(records)
    assert (checked.row, checked.fault) == (place + 1, f"row {place} is missing")


async def test_a_row_changed_with_a_digest_that_fits_it_no_longer_fits_the_next(records: Database):
    """Whoever knows how digests are made has to make all rows after it anew."""
    async with records.writing() as connection:
        kept = {"number": 5, "previous": await _sha(connection, 4)}
        (forged,) = chained(4, kept["previous"], [entry(55)])
        await connection.execute(update(tables.audit).where(tables.audit.c.number == 5).values(**forged))
    checked = await check(records)
    assert checked.row == 6
    assert "does not follow row 5" in checked.fault


async def test_rows_that_changed_places_are_named(records: Database):
    async with records.writing() as connection:
        for old, new in ((5, 100), (6, 5), (100, 6)):
            await connection.execute(update(tables.audit).where(tables.audit.c.number == old).values(number=new))
    assert (await check(records)).row == 5


async def test_a_row_put_in_where_another_was_is_named(records: Database):
    async with records.writing() as connection:
        (forged,) = chained(4, "f" * 64, [entry(55)])
        await connection.execute(delete(tables.audit).where(tables.audit.c.number == 5))
        await connection.execute(tables.audit.insert().values(forged))
    checked = await check(records)
    assert checked.row == 5
    assert "does not follow row 4" in checked.fault


async def test_a_cut_off_end_is_found_by_what_was_written_down_elsewhere(records: Database):
    anchor = Anchor(at=NOON, number=10, sha256=(await _at(records, 10)))
    async with records.writing() as connection:
        await connection.execute(delete(tables.audit).where(tables.audit.c.number >= 9))
    assert (await check(records)).ok, "without an anchor nothing tells that there was more"
    checked = await check(records, anchor)
    assert (checked.row, checked.rows) == (9, 8)
    assert "its end was cut off" in checked.fault


async def test_a_trail_written_anew_from_the_start_does_not_fit_what_was_written_down(records: Database):
    anchor = Anchor(at=NOON, number=10, sha256=(await _at(records, 10)))
    async with records.writing() as connection:
        await connection.execute(delete(tables.audit))
        await append(connection, [entry(place + 1) for place in range(1, ROWS + 1)])
    assert (await check(records)).ok
    assert (await check(records, anchor)).row == 10


async def test_two_rows_cannot_follow_the_same_one(records: Database):
    async with records.writing() as connection:
        number, previous = await head(connection)
        (fork,) = chained(number + 5, previous, [entry(1)])
        await append(connection, [entry(13)])
    with pytest.raises(IntegrityError):
        async with records.writing() as connection:
            await connection.execute(tables.audit.insert().values(fork))


async def test_writers_at_the_same_time_make_one_chain(records: Database):
    async def write(place: int) -> None:
        async with records.writing() as connection:
            await append(connection, [entry(place), entry(place)])

    await asyncio.gather(*(write(place) for place in range(100, 130)))
    checked = await check(records)
    assert (checked.ok, checked.rows) == (True, ROWS + 60)


async def test_what_is_rolled_back_was_never_told(records: Database):
    async def broken() -> None:
        async with records.writing() as connection:
            await append(connection, [entry(13)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    assert (await check(records)).rows == ROWS


async def test_a_case_s_story_is_its_own_rows_in_order(records: Database):
    async with records.writing() as connection:
        await append(connection, [entry(20, "C-8"), entry(21)])
    async with records.reading() as connection:
        told = await story(connection, "C-7")
    assert [one.entry.inbox_seq for one in told] == [*range(1, ROWS + 1), 21]
    assert told[0].entry == entry(1)


@pytest.mark.slow
async def test_twenty_thousand_rows_are_verified_in_a_second_or_two(tmp_path: Path):
    database = Database(tmp_path / "many.db", throwaway=True)
    await database.create_all()
    async with database.writing() as connection:
        await append(connection, [entry(place) for place in range(20_000)])
    began = time.process_time()
    checked = await check(database)
    await database.close()
    assert checked.rows == 20_000
    assert time.process_time() - began < 2


async def _at(records: Database, number: int) -> str:
    async with records.reading() as connection:
        return await _sha(connection, number)


async def _sha(connection, number: int) -> str:
    return await connection.scalar(
        tables.audit.select().with_only_columns(tables.audit.c.sha256).where(tables.audit.c.number == number)
    )
