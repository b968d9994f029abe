"""The journal: durable when append returns, read by many, trimmed only behind its slowest reader."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.entries import decode, encode
from collector.journal import Journal
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.port import StoreError

pytestmark = pytest.mark.rim

MOMENT = datetime(2026, 3, 3, 9, 0, 0, 123456, tzinfo=UTC)
FACT = Fact(MOMENT, "röuter\n1", FactKind.EVENT, 'LINK "DEAD"', Source.ORCHESTRATOR, MOMENT + timedelta(seconds=1), "x")


def batch(*values: float, source: Source = Source.SNMP) -> SampleBatch:
    n = len(values)
    time = np.arange(n, dtype=np.int64) * 60_000
    return SampleBatch(
        source,
        [f"wan{i % 2}" for i in range(n)],
        time,
        np.full(n, 60, np.int32),
        time + 5,
        {"rtt_ms": np.array(values)},
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


async def test_an_entry_comes_back_as_it_was_appended(journal: Journal) -> None:
    seq = await journal.append([batch(1, np.nan, 3), batch(4, source=Source.PROBE)], [FACT])
    (entry,) = journal.read(0)
    assert entry.seq == seq == journal.position()
    first, second = entry.batches
    assert (first.source, list(first.links), first.time.tolist()) == (
        Source.SNMP,
        ["wan0", "wan1", "wan0"],
        [0, 60_000, 120_000],
    )
    assert first.seconds.tolist() == [60, 60, 60]
    assert first.received_at.tolist() == [5, 60_005, 120_005]
    np.testing.assert_array_equal(first.fields["rtt_ms"], [1, np.nan, 3])
    assert second.source is Source.PROBE
    assert entry.facts == (FACT,)
    assert entry.rows == 5


async def test_entries_are_numbered_in_their_order_and_read_from_anywhere(journal: Journal) -> None:
    for n in range(5):
        assert await journal.append([batch(n)], []) == n + 1
    assert [entry.seq for entry in journal.read(2)] == [3, 4, 5]
    assert [entry.seq for entry in journal.read(1, limit=2)] == [2, 3]
    assert list(journal.read(5)) == []


async def test_concurrent_appends_all_arrive(journal: Journal) -> None:
    numbers = await asyncio.gather(*(journal.append([batch(n)], []) for n in range(40)))
    assert sorted(numbers) == list(range(1, 41))
    assert len(journal.read(0)) == 40


async def test_large_entries_are_read_a_few_at_a_time_but_never_none(journal: Journal) -> None:
    million = batch(*np.zeros(1))
    n = 700_000
    million = SampleBatch(
        Source.IMPORT, ["wan1"] * n, np.zeros(n, np.int64), np.zeros(n, np.int32), np.zeros(n, np.int64),
        {"rtt_ms": np.zeros(n), "loss_pct": np.zeros(n)},
    )  # fmt: skip
    for _ in range(3):
        await journal.append([million], [])
    assert [entry.seq for entry in journal.read(0)] == [1, 2]
    assert [entry.seq for entry in journal.read(2)] == [3]


async def test_a_cursor_outlives_its_process_and_never_runs_backwards(journal: Journal) -> None:
    assert journal.cursor("hot_window") == 0
    journal.advance("hot_window", 7)
    journal.advance("hot_window", 3)
    journal.close()
    assert Journal(journal.path).cursor("hot_window") == 7


async def test_the_journal_is_trimmed_behind_the_slowest_reader(journal: Journal) -> None:
    for n in range(4):
        await journal.append([batch(n)], [])
    assert journal.trim() == 0, "without a reader nothing may go"
    journal.advance("parts", 3)
    journal.advance("influx", 2)
    assert journal.trim() == 2
    assert journal.trimmed() == 2
    assert [entry.seq for entry in journal.read(0)] == [3, 4]


async def test_numbers_are_never_given_twice(journal: Journal) -> None:
    await journal.append([batch(1)], [])
    journal.advance("parts", 1)
    journal.trim()
    journal.close()
    again = Journal(journal.path)
    assert again.position() == 1
    assert await again.append([batch(2)], []) == 2


async def test_an_entry_set_aside_is_kept_with_its_reason(journal: Journal) -> None:
    await journal.append([batch(1)], [])
    journal.set_aside("influx", 1, "field type conflict")
    assert journal.cursor("influx") == 1
    journal.trim()
    assert [(aside.seq, aside.reason) for aside in journal.aside("influx")] == [(1, "field type conflict")]


async def test_a_time_that_is_none_is_refused_and_named(journal: Journal) -> None:
    broken = batch(1, 2)
    broken.time[1] = -1
    with pytest.raises(StoreError, match="a sample of wan1 from snmp has the time -1 ms"):
        await journal.append([broken], [])
    assert journal.position() == 0


async def test_a_disk_that_is_full_is_said_and_loses_nothing_before(journal: Journal) -> None:
    await journal.append([batch(1)], [])
    journal._writer.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StoreError, match="free some disk space") as caught:
        await journal.append([batch(*range(20_000))], [])
    assert caught.value.retryable
    journal._writer.execute("PRAGMA max_page_count = 100000")
    assert await journal.append([batch(2)], []) == 2
    assert len(journal.read(0)) == 2


def test_a_file_that_is_no_journal_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError, match=r"journal.sqlite failed: file is not a database"):
        Journal(path)


@pytest.mark.parametrize("damage", [b"", b"LPJ0" + bytes(20), b"LPJ1\xff\xff\x00\x00[]"])
def test_bytes_that_are_no_entry_are_said_so(damage: bytes) -> None:
    with pytest.raises(StoreError, match="a journal entry is"):
        decode(damage)


def test_an_entry_cut_short_is_said_so() -> None:
    with pytest.raises(StoreError, match="damaged"):
        decode(encode([batch(1, 2, 3)], [])[:-9])


def test_commits_are_synced(journal: Journal) -> None:
    """WAL with synchronous FULL (2): the log is synced at each commit (sqlite.org/pragma.html#pragma_synchronous)."""
    assert journal._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.slow
def test_many_processes_may_open_a_new_journal_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from collector.journal import Journal\n"
        "j = Journal(Path(sys.argv[1])); j.advance(sys.argv[2], 0); print(j.position())"
    )
    path = tmp_path / "journal.sqlite"
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(path), f"reader{n}"], cwd=Path(__file__).parents[2])
        for n in range(6)
    ]
    assert [process.wait(60) for process in processes] == [0] * 6
    assert len(sqlite3.connect(path).execute("SELECT * FROM cursor").fetchall()) == 6
