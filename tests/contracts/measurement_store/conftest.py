"""Every measurement store as the same case: in memory, in the journal, in parts, rolled up, and in a real InfluxDB."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from collector.journal import Journal
from collector.store.embedded import EmbeddedStore
from collector.store.influx import InfluxStore
from collector.store.port import MeasurementStore

sys.path.append(str(Path(__file__).parents[1]))

from memory_store import MemoryStore
from store_cases import HOUR, MORNING, Case

SHARED = [
    "journal_tail",
    "parts",
    "rolled",
    *(pytest.param(name, marks=pytest.mark.real) for name in ("influxdb", "influxdb_rolled")),
]


@pytest.fixture(params=["memory", *SHARED])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=SHARED)
def shared(request: pytest.FixtureRequest) -> Case:
    """A store that other processes may read."""
    found: Case = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def memory() -> Case:
    store = MemoryStore()
    return Case(store, lambda: store)


@pytest.fixture
async def journal_tail(tmp_path: Path) -> AsyncIterator[Case]:
    journal, folder = tmp_path / "journal.sqlite", tmp_path / "measurements"
    python = (
        "from pathlib import Path; from collector.journal import Journal; "
        "from collector.store.embedded import EmbeddedStore as S; "
        f"store = S(Journal(Path({str(journal)!r})), Path({str(folder)!r}), 95)"
    )
    opened: list[EmbeddedStore] = [EmbeddedStore(Journal(journal), folder, raw_days=95)]

    def reopen() -> MeasurementStore:
        opened.append(EmbeddedStore(Journal(journal), folder, raw_days=95))
        return opened[-1]

    yield Case(opened[0], reopen, python)
    for store in opened:
        await store.close()


@pytest.fixture
async def parts(journal_tail: Case) -> Case:
    """The same, everything sealed into parts after each write."""
    journal_tail.upkeep = MORNING + HOUR
    return journal_tail


@pytest.fixture
async def rolled(journal_tail: Case) -> Case:
    """The same, the days closed, and rolled up after each write."""
    journal_tail.upkeep, journal_tail.step = MORNING + timedelta(days=4), 2 * HOUR
    return journal_tail


@pytest.fixture
async def influxdb(influx_address: tuple[str, str, str, str]) -> AsyncIterator[Case]:
    python = f"from collector.store.influx import InfluxStore; store = InfluxStore{influx_address!r}"
    opened: list[MeasurementStore] = []

    def reopen() -> MeasurementStore:
        opened.append(InfluxStore(*influx_address))
        return opened[-1]

    yield Case(reopen(), reopen, python)
    for store in opened:
        await store.close()


@pytest.fixture
async def influxdb_rolled(influxdb: Case) -> Case:
    """The same, the days closed, and rolled up after each write."""
    influxdb.upkeep, influxdb.step = MORNING + timedelta(days=4), 2 * HOUR
    return influxdb
