"""The journal: durable when append returns, read by many, trimmed only behind its slowest reader."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.entries import CodedLinks
from collector.journal import Journal, Refused, Tally
from collector.journal_sink import JournalSink
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.sink import Gatherer
from collector.store.port import StoreError
from config.clock import SystemClock

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


async def test_a_reader_that_is_forgotten_holds_up_nothing(journal: Journal) -> None:
    await journal.append([batch(1)], [])
    journal.advance("parts", 0)
    journal.advance("influx", 1)
    assert journal.trim() == 0
    journal.forget("parts")
    assert journal.trim() == 1


async def test_numbers_are_never_given_twice(journal: Journal) -> None:
    await journal.append([batch(1)], [])
    journal.advance("parts", 1)
    journal.trim()
    journal.close()
    again = Journal(journal.path)
    assert again.position() == 1
    assert await again.append([batch(2)], []) == 2


async def test_rows_set_aside_are_kept_with_their_reason_and_counted(journal: Journal) -> None:
    for n in range(2):
        await journal.append([batch(n, n)], [FACT])
    journal.set_aside("influx", 2, [Refused(2, "field type conflict", [batch(1)], [FACT])], MOMENT)
    assert journal.cursor("influx") == 2
    journal.trim()
    assert [(one.seq, one.rows, one.reason) for one in journal.aside("influx")] == [(2, 2, "field type conflict")]
    assert journal.tallies("aside") == {"influx": Tally(2, MOMENT, MOMENT)}
    later = MOMENT + timedelta(hours=1)
    journal.set_aside("influx", 2, [Refused(2, "again", [batch(1)])], later)
    assert journal.tallies("aside") == {"influx": Tally(3, MOMENT, later)}


async def test_what_is_kept_of_the_refused_does_not_fill_the_disk(journal: Journal) -> None:
    """Each of these is 24 bytes a row and 2 million rows: 48 MB, so that two are beyond 64 MiB together."""
    n = 2_000_000
    large = SampleBatch(
        Source.IMPORT, CodedLinks(("wan1",), np.zeros(n, np.int32)), np.zeros(n, np.int64), np.zeros(n, np.int32),
        np.zeros(n, np.int64), {},
    )  # fmt: skip
    for seq in (1, 2):
        journal.set_aside("influx", seq, [Refused(seq, "no", [large])], MOMENT)
    assert [one.seq for one in journal.aside("influx")] == [2]
    assert journal.tallies("aside")["influx"].rows == 2 * n


async def test_a_damaged_entry_is_set_aside_and_holds_up_no_reader(journal: Journal) -> None:
    for n in range(3):
        await journal.append([batch(n)], [])
    (data,) = journal._writer.execute("SELECT data FROM entry WHERE seq = 2").fetchone()
    flipped = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    journal._writer.execute("UPDATE entry SET data = ? WHERE seq = 2", (flipped,))
    for _ in range(2):
        assert [(entry.seq, entry.rows) for entry in journal.read(0)] == [(1, 1), (2, 0), (3, 1)]
    (kept,) = journal.aside("damaged")
    assert kept.seq == 2
    assert "does not match its checksum" in kept.reason


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


def test_commits_are_synced(journal: Journal) -> None:
    """WAL with synchronous FULL (2): the log is synced at each commit (sqlite.org/pragma.html#pragma_synchronous)."""
    assert journal._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_new_file_has_large_pages_and_can_shrink(journal: Journal) -> None:
    """auto_vacuum 2 is INCREMENTAL (sqlite.org/pragma.html#pragma_auto_vacuum)."""
    assert journal._writer.execute("PRAGMA page_size").fetchone() == (16_384,)
    assert journal._writer.execute("PRAGMA auto_vacuum").fetchone() == (2,)


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


async def test_the_size_is_what_entries_take_and_falls_when_they_go(journal: Journal) -> None:
    empty = journal.size()
    row = batch(*range(10_000))
    await journal.append([row], [])
    one = journal.size() - empty
    # Two times, one value, a length and a number of the link: 8 + 8 + 8 + 4 + 4 bytes a row, in pages of 16 KiB.
    assert one == pytest.approx(320_000, abs=2 * 16_384)
    await journal.append([row], [])
    assert journal.size() - empty == pytest.approx(2 * one, abs=2 * 16_384)
    journal.advance("parts", 2)
    journal.trim()
    assert journal.size() - empty <= 16_384


async def test_shedding_takes_the_oldest_samples_leaves_the_facts_and_counts_by_reader(journal: Journal) -> None:
    for n in range(4):
        await journal.append([batch(*range(10_000))], [replace(FACT, value=str(n))])
    journal.advance("parts", 1)
    journal.advance("influx", 0)
    before = journal.size()
    assert journal.shed(600_000, MOMENT) == 40_000
    assert journal.size() <= before - 600_000
    assert [(entry.seq, entry.rows) for entry in journal.read(0)] == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert [entry.facts[0].value for entry in journal.read(0)] == ["0", "1", "2", "3"]
    # The reader `parts` had the first entry already.
    assert journal.tallies("shed") == {"influx": Tally(40_000, MOMENT, MOMENT), "parts": Tally(30_000, MOMENT, MOMENT)}
    await journal.append([batch(1, 2)], [])
    assert journal.shed(1, MOMENT + timedelta(hours=1)) == 2
    assert journal.tallies("shed")["influx"] == Tally(40_002, MOMENT, MOMENT + timedelta(hours=1))
    assert journal.shed(1, MOMENT) == 0, "where nothing is left but facts, nothing goes"


async def test_shedding_stops_when_enough_is_free(journal: Journal) -> None:
    for _ in range(40):
        await journal.append([batch(*range(40_000))], [])
    journal.advance("parts", 0)
    rows = journal.shed(1, MOMENT)
    # A stretch of at least 16 MiB at a time, which 14 of these entries of 32 bytes a row are.
    assert rows == 14 * 40_000
    assert journal.read(0)[14].rows == 40_000


async def test_an_alarm_outlives_its_process(journal: Journal) -> None:
    assert journal.alarm() is None
    journal.set_alarm(MOMENT)
    journal.close()
    again = Journal(journal.path)
    assert again.alarm() == MOMENT
    again.set_alarm(None)
    assert again.alarm() is None


@pytest.mark.slow
async def test_what_a_trimmed_journal_no_longer_needs_goes_back_to_the_disk(journal: Journal) -> None:
    for _ in range(16):
        await journal.append([batch(*np.zeros(300_000))], [])
    journal._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    full = journal.path.stat().st_size
    assert full > 16 * 300_000 * 32 * 0.99
    journal.advance("parts", 16)
    journal.trim()
    journal._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert journal.path.stat().st_size < (64 << 20) + (1 << 20)


@pytest.mark.real
@pytest.mark.slow
async def test_a_disk_that_is_really_full_delays_what_is_measured_and_loses_nothing(small_disk: Path) -> None:
    journal = Journal(small_disk / "journal.sqlite")
    filler = small_disk / "filler"
    await journal.append([batch(1)], [])
    with filler.open("wb") as file, contextlib.suppress(OSError):
        for _ in range(64):
            file.write(bytes(1 << 18))
            file.flush()
    sink = JournalSink(journal)
    gatherer = Gatherer(Source.SNMP, ["rtt_ms"], sink, SystemClock())
    committing = asyncio.create_task(sink.run())
    refused = 0
    for n in range(20):
        for row in range(2_000):
            gatherer.add((f"wan{row}", n * 60_000, 60, n * 60_000, (float(n),)))
        await gatherer.flush()
        refused += "free some disk space" in sink.error
    assert refused > 10, "the disk was full, and said so"
    reader = Journal(journal.path)
    there = reader.read(0)
    assert there[0].rows == 1, "what was there can be read while it is full"

    filler.unlink()
    await gatherer.flush()
    assert sink.error == ""
    times = [time for entry in journal.read(1) for one in entry.batches for time in one.time.tolist()]
    assert sorted(times) == sorted([n * 60_000 for n in range(20)] * 2_000), "each row once"
    committing.cancel()
    await asyncio.gather(committing, return_exceptions=True)
    reader.close()
    journal.close()
