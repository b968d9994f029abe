"""The lease, for a successor that knows its predecessor to be dead."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.clock import ManualClock
from config.database import Database
from triage.lease import LENGTH, Lease

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


async def test_a_successor_under_the_same_name_need_not_wait_and_others_must(records_at: str | Path) -> None:
    database, clock = Database(records_at), ManualClock(NOON)
    await database.create_all()
    assert await Lease(database, clock, holder="supervisor-1").hold()
    assert not await Lease(database, clock).hold()
    assert not await Lease(database, clock, holder="supervisor-2").hold()
    assert await Lease(database, clock, holder="supervisor-1").hold()
    clock.move_to(NOON + LENGTH - timedelta(milliseconds=1))
    assert not await Lease(database, clock).hold()
    clock.move_to(NOON + LENGTH)
    assert await Lease(database, clock).hold()
    await database.close()


async def test_of_engines_that_start_at_once_one_holds_and_so_when_the_lease_has_run_out(
    records_at: str | Path,
) -> None:
    clock = ManualClock(NOON)
    databases = [Database(records_at) for _ in range(6)]
    await databases[0].create_all()
    leases = [Lease(database, clock) for database in databases]
    for moment in (NOON, NOON + LENGTH):
        clock.move_to(moment)
        held = await asyncio.gather(*(lease.hold() for lease in leases))
        assert sum(held) == 1, "each has read the row before another one has written it"
        assert sum(lease.held for lease in leases) == 1
    for database in databases:
        await database.close()
