"""The lease, for a successor that knows its predecessor to be dead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.clock import ManualClock
from config.database import Database
from triage.lease import LENGTH, Lease

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


async def test_a_successor_under_the_same_name_need_not_wait_and_others_must(tmp_path: Path) -> None:
    database, clock = Database(tmp_path / "records.db"), ManualClock(NOON)
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
