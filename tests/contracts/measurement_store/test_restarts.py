"""A store that is closed and opened again, and one that another process reads."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from store_cases import HOUR, MINUTE, MORNING, Case, fact, minutes, samples

pytestmark = pytest.mark.rim


async def test_a_reopened_store_has_everything(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1})]))
    (series,) = await case.reopen().window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert series.column("rtt_ms").tolist() == [1]


async def test_what_is_written_before_and_after_a_restart_is_one(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1, "loss_pct": 0}), ("wan1", 1, {"rtt_ms": 2})]))
    await case.store.write_facts([fact()])
    await case.settle()
    await case.store.close()
    case.store = case.reopen()
    await case.write(samples([("wan1", 1, {"rtt_ms": 5}), ("wan1", 2, {"rtt_ms": 3})], received=90))
    await case.store.write_facts([fact(), fact(1)])
    await case.settle()
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert (minutes(series), series.column("rtt_ms").tolist()) == ([0, 1, 2], [1, 5, 3])
    assert list(await case.store.facts(["router1"], MORNING, MORNING + HOUR)) == [fact(), fact(1)]


@pytest.mark.slow
async def test_another_process_sees_what_was_written(shared: Case) -> None:
    await shared.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan1", 1, {"rtt_ms": 2})]))
    program = f"""
import asyncio, json
from datetime import datetime, timedelta
{shared.python}
async def main():
    start = datetime.fromisoformat({MORNING.isoformat()!r})
    found = await store.window(["wan1"], ["rtt_ms"], start, start + timedelta(hours=1))
    print(json.dumps([series.column("rtt_ms").tolist() for series in found]))
    await store.close()
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    answer, _ = await process.communicate()
    assert json.loads(answer) == [[1, 2]]


async def test_health_names_the_newest_sample(case: Case) -> None:
    assert (await case.store.health()).newest is None
    await case.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan2", 7, {"rtt_ms": 1})]))
    health = await case.store.health()
    assert health.ok
    assert health.newest == MORNING + 7 * MINUTE
