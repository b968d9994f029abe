"""Looking after the store: sizes, wholeness, export."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest

from collector.journal import Journal
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.inspect import export, rows_by_link, stats, verify
from collector.store.manifest import Kind
from collector.store.port import StoreError

pytestmark = pytest.mark.rim

START = datetime(2026, 3, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def batch(day: int, minutes: int, link: str = "wan1") -> SampleBatch:
    time = round((START + day * DAY).timestamp() * 1000) + np.arange(minutes, dtype=np.int64) * 60_000
    rtt = np.arange(minutes, dtype=np.float64)
    rtt[0] = np.nan
    return SampleBatch(
        Source.PROBE, [link] * minutes, time, np.full(minutes, 60, np.int32), time + 61_000, {"rtt_ms": rtt}
    )


def event(day: int) -> Fact:
    return Fact(START + day * DAY, "router1", FactKind.EVENT, "LINK_DEAD", Source.ORCHESTRATOR, START + day * DAY)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """Ten sealed minutes of two links on the first day, five of one on the second, three more in the journal."""
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", raw_days=95)
    await store.journal.append([batch(0, 10), batch(0, 10, "wan2")], [event(0)])
    await store.journal.append([batch(1, 5)], [event(1)])
    await store.maintain(START + DAY)
    await store.journal.append([batch(2, 3)], [event(2)])
    yield store
    await store.close()


async def test_stats_tell_what_is_kept_by_day(store: EmbeddedStore) -> None:
    found = stats(store)
    assert [(day.day, day.kind, day.parts, day.rows) for day in found.days] == [
        ("2026-03-03", Kind.FACTS, 1, 1),
        ("2026-03-03", Kind.SAMPLES, 1, 20),
        ("2026-03-04", Kind.FACTS, 1, 1),
        ("2026-03-04", Kind.SAMPLES, 1, 5),
    ]
    assert (found.oldest, found.newest) == (START, START + DAY + timedelta(minutes=4))
    assert (found.rows, found.waiting, found.cursors) == (25, 1, {"parts": 2})
    files = [*store.parts_folder.iterdir(), *store.journal.path.parent.glob("journal.sqlite*")]
    assert found.size == sum(file.stat().st_size for file in files)
    assert rows_by_link(store) == {"wan1": 15, "wan2": 10}


async def test_a_whole_store_has_no_problems(store: EmbeddedStore) -> None:
    assert list(verify(store)) == []


async def test_one_flipped_bit_is_found_and_its_file_named(store: EmbeddedStore) -> None:
    path = min(store.parts_folder.glob("samples-2026-03-03*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    (problem,) = verify(store)
    assert problem.file == path.name
    assert "SHA-256" in problem.what


async def test_a_part_that_is_gone_is_found_and_reading_says_so(store: EmbeddedStore) -> None:
    path = min(store.parts_folder.glob("samples-2026-03-03*"))
    path.unlink()
    (problem,) = verify(store)
    assert (problem.file, problem.what) == (path.name, "is missing; restore it from a copy")
    with pytest.raises(StoreError, match="lineproof store verify"):
        await store.window(["wan1"], ["rtt_ms"], START, START + DAY)
    (second_day,) = await store.window(["wan1"], ["rtt_ms"], START + DAY, START + 2 * DAY)
    assert len(second_day) == 5, "the other parts stay readable"


async def test_a_part_cut_short_is_one_clear_error(store: EmbeddedStore) -> None:
    path = min(store.parts_folder.glob("samples-2026-03-03*"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StoreError, match=r"unreadable .*lineproof store verify"):
        await store.window(["wan1"], ["rtt_ms"], START, START + DAY)


async def test_a_damaged_manifest_is_one_clear_error(store: EmbeddedStore) -> None:
    store.manifest_path.write_text('{"format": 1, "parts": [')
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        await store.window(["wan1"], ["rtt_ms"], START, START + DAY)
    store.manifest_path.write_text('{"format": 99}')
    with pytest.raises(StoreError, match="update Lineproof"):
        verify(store)


@pytest.mark.parametrize("form", ["parquet", "csv"])
async def test_an_export_holds_every_row_with_those_still_in_the_journal(
    store: EmbeddedStore, tmp_path: Path, form: Literal["parquet", "csv"]
) -> None:
    files = export(store, tmp_path / "out", START, START + 9 * DAY, form)
    assert [file.name for file in files] == [
        f"{name}.{form}"
        for day in ("2026-03-03", "2026-03-04", "2026-03-05")
        for name in (f"samples-{day}-0000", f"facts-{day}")
    ]
    read = pl.read_parquet if form == "parquet" else pl.read_csv
    frames = [read(file) for file in files if file.name.startswith("samples")]
    assert [len(frame) for frame in frames] == [20, 5, 3]
    assert frames[0]["rtt_ms"].to_list()[:3] == [None, 1.0, 2.0], "not measured is empty, not zero"


async def test_an_export_is_cut_to_its_span(store: EmbeddedStore, tmp_path: Path) -> None:
    minute = timedelta(minutes=1)
    (file,) = export(store, tmp_path / "out", START + 2 * minute, START + 4 * minute)
    assert sorted(pl.read_parquet(file)["rtt_ms"].to_list()) == [2.0, 2.0, 3.0, 3.0]


async def test_raw_samples_go_after_their_days_and_not_before(store: EmbeddedStore) -> None:
    """Kept for 95 whole days: what is of 3 March goes when 7 June begins (28 + 30 + 31 + 6 = 95 days after the 4th)."""
    await store.maintain(datetime(2026, 6, 6, 23, 59, tzinfo=UTC))
    assert stats(store).days[0].day == "2026-03-03"
    report = await store.maintain(datetime(2026, 6, 7, tzinfo=UTC))
    assert report.parts_removed == 2
    assert stats(store).days[0].day == "2026-03-04"
    assert list(await store.window(["wan1"], ["rtt_ms"], START, START + DAY)) == []


async def test_a_closed_day_becomes_one_part(tmp_path: Path) -> None:
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", raw_days=95)
    for n in (40, 20, 10):
        await store.write(batch(0, n, f"wan{n}"))
        await store.maintain(START + timedelta(hours=1))
    assert stats(store).days[0].parts == 3
    await store.maintain(START + DAY + timedelta(hours=1, minutes=59))
    assert stats(store).days[0].parts == 3, "late statistics may still come"
    await store.maintain(START + DAY + timedelta(hours=2))
    assert (stats(store).days[0].parts, stats(store).rows) == (1, 70)
    assert list(verify(store)) == []
    await store.close()


async def test_strays_of_a_killed_run_are_removed(store: EmbeddedStore) -> None:
    stray = store.parts_folder / "samples-2026-03-03-000000000009-000000000009-0000.parquet.new"
    stray.write_bytes(b"half a file")
    await store.maintain(START + DAY)
    assert not stray.exists()
