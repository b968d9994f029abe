"""Faster polling is asked for in a row that ends by itself; the collector reads the fastest wish of each device."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

import collector.tables
from collector.snmp.wishes import PollWish, wish, wishes
from config.database import Database

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "records.db")
    await opened.create_all()
    yield opened
    await opened.close()


def asked(device: str, every: int, minutes: int, reason: str = "case C-1") -> PollWish:
    return PollWish(device=device, every=every, until=NOW + minutes * MINUTE, reason=reason)


async def ask(database: Database, *many: PollWish, now: datetime = NOW) -> None:
    async with database.writing() as connection:
        for each in many:
            await wish(connection, [each], now)


async def wished(database: Database, now: datetime) -> list[PollWish]:
    async with database.reading() as connection:
        return list(await wishes(connection, now))


async def test_a_wish_is_there_until_its_end_and_then_no_longer(database: Database) -> None:
    await ask(database, asked("edge-1", 10, 30))
    assert await wished(database, NOW) == [asked("edge-1", 10, 30)]
    assert await wished(database, NOW + 30 * MINUTE - timedelta(milliseconds=1)) == [asked("edge-1", 10, 30)]
    assert await wished(database, NOW + 30 * MINUTE) == []


async def test_of_several_wishes_for_a_device_the_fastest_counts_and_then_the_next(database: Database) -> None:
    slow, fast, other = asked("edge-1", 30, 60, "case C-1"), asked("edge-1", 10, 5, "person"), asked("edge-2", 20, 9)
    await ask(database, slow, fast, other)
    assert await wished(database, NOW) == [fast, other]
    assert await wished(database, NOW + 5 * MINUTE) == [slow, other]


async def test_of_equally_fast_wishes_the_one_that_lasts_longest_counts(database: Database) -> None:
    await ask(database, asked("edge-1", 10, 20, "case C-2"), asked("edge-1", 10, 5, "person"))
    assert await wished(database, NOW) == [asked("edge-1", 10, 20, "case C-2")]


async def test_asking_again_for_the_same_reason_replaces_the_wish(database: Database) -> None:
    await ask(database, asked("edge-1", 10, 30))
    await ask(database, asked("edge-1", 20, 45), now=NOW + MINUTE)
    assert await wished(database, NOW + MINUTE) == [asked("edge-1", 20, 45)]


async def test_what_has_ended_does_not_pile_up(database: Database) -> None:
    await ask(database, *(asked(f"edge-{number}", 10, 1) for number in range(9)))
    await ask(database, asked("edge-9", 10, 5), now=NOW + MINUTE)
    async with database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(collector.tables.poll_wish)) == 1


async def test_a_wish_lasts_a_day_at_most(database: Database) -> None:
    await ask(database, asked("edge-1", 10, 7 * 24 * 60))
    (kept,) = await wished(database, NOW)
    assert kept.until == NOW + timedelta(hours=24)


def test_faster_than_agents_refresh_their_counters_cannot_be_wished() -> None:
    assert asked("edge-1", 5, 30).every == 5
    with pytest.raises(ValueError, match="ask for 5 s or more"):
        asked("edge-1", 4, 30)
