"""The night's baselines, learnt by a process of their own on a real installation."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import text

from config.clock import epoch_ms
from config.errors import LineproofError
from service.baselining import renew
from service.installation import Installation
from service.migrations import head
from triage.detection.event import MINUTE

pytestmark = [pytest.mark.rim, pytest.mark.slow]


async def settings_file(installation: Installation) -> None:
    """What the fixture gives as values, as files for another process; its clock shows the same time."""
    async with installation.database.writing() as connection:
        await connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        await connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head()})
    now = installation.clock.now()
    installation.path.write_text(
        f"data: {installation.settings.data}\n"
        f"clock: {{start: '{now.isoformat()}', origin: {time.time()}, factor: 1}}\n",
        encoding="utf-8",
    )


async def test_a_table_is_learnt_when_there_is_none_and_once_a_night(installation: Installation):
    await settings_file(installation)
    await renew(installation)
    table = installation.baselines.newest()
    assert table is not None
    assert epoch_ms(installation.clock.now()) // MINUTE * MINUTE <= table.until
    assert "loss_pct" in next(one for one in table.of(["store-114-wan1"]).values() if one.loss).loss
    await renew(installation)
    assert installation.baselines.newest() is table
    judging = await installation.judging()
    assert judging.baselines is installation.baselines


async def test_a_night_that_fails_says_so_and_leaves_the_last_table(installation: Installation):
    installation.path.write_text("data: nowhere\n", encoding="utf-8")
    with pytest.raises(LineproofError, match="learning what is ordinary ended with"):
        await renew(installation)
    assert installation.baselines.newest() is None


async def test_stopping_the_engine_ends_the_learning(installation: Installation):
    await settings_file(installation)
    learning = asyncio.create_task(renew(installation))
    await asyncio.sleep(0.1)
    learning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await learning
    assert installation.baselines.newest() is None
