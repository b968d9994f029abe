"""Looking after the store: sizes, coverage, wholeness, export."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest

from collector.journal import Journal
from collector.model import Cadence, Fact, FactKind, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.exporting import Wanted, Written, export, export_by_port, open_folder
from collector.store.inspect import LinkStats, journal_stats, rows_by_link, stats, stats_by_link, verify
from collector.store.manifest import Kind
from collector.store.port import StoreError
from collector.store.rebuilding import rebuild_manifest
from config.errors import NotFoundError

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
    raw = [day for day in found.days if day.kind in (Kind.SAMPLES, Kind.FACTS)]
    assert [(day.day, day.last_day, day.kind, day.parts, day.rows) for day in raw] == [
        ("2026-03-03", "2026-03-03", Kind.FACTS, 1, 1),
        ("2026-03-03", "2026-03-03", Kind.SAMPLES, 1, 20),
        ("2026-03-04", "2026-03-04", Kind.FACTS, 1, 1),
        ("2026-03-04", "2026-03-04", Kind.SAMPLES, 1, 5),
    ]
    (samples,) = [kind for kind in found.kinds if kind.kind is Kind.SAMPLES]
    assert (samples.days, samples.parts, samples.rows) == (2, 2, 25)
    assert (samples.oldest, samples.newest) == (START, START + DAY + timedelta(minutes=4))
    assert found.size == sum(path.stat().st_size for path in store.parts_folder.iterdir())
    assert rows_by_link(store) == {"wan1": 15, "wan2": 10}


async def test_stats_of_an_empty_store_are_empty(tmp_path: Path) -> None:
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", raw_days=95)
    found = stats(store)
    assert (list(found.kinds), list(found.days), found.size) == ([], [], 0)
    assert list(stats_by_link(store, {}, START)) == []
    await store.close()


async def test_the_journal_tells_who_waits_for_what_and_since_when(store: EmbeddedStore) -> None:
    """Two of three entries are sealed; the third begins at midnight of the third day and was received 61 s later."""
    found = journal_stats(store.journal, 1_000_000)
    (reader,) = found.readers
    assert (found.position, found.limit, found.alarm) == (3, 1_000_000, None)
    assert (reader.name, reader.position, reader.waiting) == ("parts", 2, 1)
    assert reader.waiting_since == START + 2 * DAY
    assert (reader.rows_shed, reader.rows_aside) == (0, 0)
    assert found.size == store.journal.size()
    await store.maintain(START + 2 * DAY)
    (reader,) = journal_stats(store.journal, 1_000_000).readers
    assert (reader.waiting, reader.waiting_since) == (0, None)


async def coverage(tmp_path: Path, minutes: list[int], now: int, *, seconds: int = 60) -> LinkStats:
    """Of one link with samples of these minutes, `now` minutes after the first; due a minute after their end."""
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", raw_days=95)
    time = round(START.timestamp() * 1000) + np.array(minutes, np.int64) * 60_000
    length = np.full(len(time), seconds, np.int32)
    await store.write(SampleBatch(Source.PROBE, ["wan1"] * len(time), time, length, time + 61_000, {}))
    cadence = {Source.PROBE: Cadence(every=60, late=60)}
    (found,) = stats_by_link(store, cadence, START + timedelta(minutes=now))
    await store.close()
    return found


async def test_coverage_counts_the_slots_that_are_due_by_now(tmp_path: Path) -> None:
    """Minutes 0 to 9 without 4 and 5, seen at minute 11: ten slots are due, eight are there; one gap of two minutes."""
    found = await coverage(tmp_path, [0, 1, 2, 3, 6, 7, 8, 9], now=11)
    assert (found.present, found.expected, found.coverage_percent) == (8, 10, 80.0)
    assert (found.gaps, found.longest_gap) == (1, timedelta(minutes=2))
    assert (found.rows, found.oldest, found.newest) == (8, START, START + timedelta(minutes=9))


async def test_a_slot_that_may_still_come_is_no_gap(tmp_path: Path) -> None:
    """Minute 10 ended at 11 and is pending until 12."""
    found = await coverage(tmp_path, list(range(10)), now=11)
    assert (found.present, found.expected, found.gaps) == (10, 10, 0)


async def test_what_stopped_coming_is_a_gap_up_to_now(tmp_path: Path) -> None:
    """Minutes 0 to 9 are there; at minute 62 those up to the 60th are due, so that 51 are missing."""
    found = await coverage(tmp_path, list(range(10)), now=62)
    assert (found.present, found.expected) == (10, 61)
    assert (found.gaps, found.longest_gap) == (1, timedelta(minutes=51))


async def test_a_row_of_five_minutes_covers_five_slots(tmp_path: Path) -> None:
    found = await coverage(tmp_path, [0, 5], now=11, seconds=300)
    assert (found.present, found.expected, found.gaps) == (10, 10, 0)


async def test_links_are_counted_where_they_are_sealed_and_where_they_wait(store: EmbeddedStore) -> None:
    found = list(stats_by_link(store, {}, START + 3 * DAY))
    assert [(one.link, one.rows) for one in found] == [("wan1", 18), ("wan2", 10)]
    assert found[0].newest == START + 2 * DAY + timedelta(minutes=2)


async def test_a_whole_store_has_no_problems(store: EmbeddedStore) -> None:
    assert list(verify(store)) == []


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


async def test_one_flipped_bit_is_found_with_file_day_and_links(store: EmbeddedStore) -> None:
    path = min(store.parts_folder.glob("samples-2026-03-03*"))
    flip_a_bit(path)
    (problem,) = verify(store)
    assert (problem.file, problem.kind, problem.day) == (path.name, Kind.SAMPLES, "2026-03-03")
    assert (problem.first_key, problem.last_key, problem.rows) == ("wan1", "wan2", 20)
    assert "SHA-256" in problem.reason
    assert path.exists(), "only told"
    assert not problem.set_aside


async def test_what_is_damaged_is_set_aside_and_the_rest_stays_readable(store: EmbeddedStore) -> None:
    path = min(store.parts_folder.glob("samples-2026-03-03*"))
    flip_a_bit(path)
    (problem,) = verify(store, START + 3 * DAY)
    assert problem.set_aside
    assert not path.exists()
    assert list(verify(store, START + 3 * DAY)) == [], "a second run finds nothing"
    (lost,) = stats(store).quarantined
    assert (lost.part.name, lost.reason) == (path.name, problem.reason)
    assert list(await store.window(["wan1"], ["rtt_ms"], START, START + DAY)) == []
    (second_day,) = await store.window(["wan1"], ["rtt_ms"], START + DAY, START + 2 * DAY)
    assert len(second_day) == 5


async def test_a_good_copy_is_taken_back(store: EmbeddedStore) -> None:
    path = min(store.parts_folder.glob("samples-2026-03-03*"))
    good = path.read_bytes()
    flip_a_bit(path)
    verify(store, START + 3 * DAY)
    path.write_bytes(good)
    await store.maintain(START + 3 * DAY)
    (series,) = await store.window(["wan1"], ["rtt_ms"], START, START + DAY)
    assert len(series) == 10
    assert list(stats(store).quarantined) == []


async def test_a_part_that_is_gone_is_found_and_reading_says_so(store: EmbeddedStore) -> None:
    path = min(store.parts_folder.glob("samples-2026-03-03*"))
    path.unlink()
    (problem,) = verify(store)
    assert (problem.file, problem.reason) == (path.name, "is missing")
    with pytest.raises(StoreError, match="lineproof store verify"):
        await store.window(["wan1"], ["rtt_ms"], START, START + DAY)
    with pytest.raises(StoreError, match="lineproof store verify"):
        list(stats_by_link(store, {}, START + DAY))
    (second_day,) = await store.window(["wan1"], ["rtt_ms"], START + DAY, START + 2 * DAY)
    assert len(second_day) == 5, "the other parts stay readable"


async def test_a_lost_manifest_is_no_empty_store(store: EmbeddedStore) -> None:
    store.manifest_path.unlink()
    for look in (stats, verify):
        with pytest.raises(StoreError, match="is gone; restore"):
            look(store)


async def test_a_journal_of_another_store_is_told_apart(store: EmbeddedStore, tmp_path: Path) -> None:
    other = EmbeddedStore(Journal(tmp_path / "other.sqlite"), store.folder, raw_days=95)
    with pytest.raises(StoreError, match="do not belong together; restore both"):
        verify(other)
    await other.close()


async def test_a_part_cut_short_is_one_clear_error(store: EmbeddedStore) -> None:
    path = min(store.parts_folder.glob("samples-2026-03-03*"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StoreError, match=r"samples-2026-03-03.* is damaged .*lineproof store verify"):
        await store.window(["wan1"], ["rtt_ms"], START, START + DAY)


async def test_a_damaged_manifest_is_one_clear_error(store: EmbeddedStore) -> None:
    store.manifest_path.write_text('{"format": 1, "parts": [')
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        await store.window(["wan1"], ["rtt_ms"], START, START + DAY)
    store.manifest_path.write_text('{"format": 99}')
    with pytest.raises(StoreError, match="update Lineproof"):
        verify(store)


def everything(**narrower: object) -> Wanted:
    kinds = frozenset({Kind.SAMPLES, Kind.FACTS})
    return replace(Wanted(start=0, end=round((START + 9 * DAY).timestamp() * 1000), kinds=kinds), **narrower)


def exported(store: EmbeddedStore, folder: Path, wanted: Wanted) -> list[Written]:
    open_folder(folder, force=False)
    return list(export(store, folder, wanted))


@pytest.mark.parametrize(("form", "number"), [("parquet", "-0000"), ("csv", "")])
async def test_an_export_holds_every_row_with_those_still_in_the_journal(
    store: EmbeddedStore, tmp_path: Path, form: Literal["parquet", "csv"], number: str
) -> None:
    files = exported(store, tmp_path / "out", everything(form=form))
    assert [(file.path.name, file.rows) for file in files] == [
        (f"{name}-{day}{number}.{form}", rows)
        for name, counts in (("samples", (20, 5, 3)), ("facts", (1, 1, 1)))
        for day, rows in zip(("2026-03-03", "2026-03-04", "2026-03-05"), counts, strict=True)
    ]
    assert {file.path for file in files} == set((tmp_path / "out").iterdir())
    read = pl.read_parquet if form == "parquet" else pl.read_csv
    frames = [read(file.path) for file in files if file.path.name.startswith("samples")]
    assert [len(frame) for frame in frames] == [20, 5, 3]
    assert frames[0]["rtt_ms"].to_list()[:3] == [None, 1.0, 2.0], "not measured is empty, not zero"


async def test_times_in_csv_are_rfc_3339(store: EmbeddedStore, tmp_path: Path) -> None:
    (file,) = exported(store, tmp_path / "out", everything(form="csv", links=("wan2",)))
    head, first, *_ = file.path.read_text().splitlines()
    assert head.split(",")[:6] == ["link", "source", "time", "seconds", "received_at", "rtt_ms"]
    assert first.split(",")[:6] == ["wan2", "probe", "2026-03-03T00:00:00.000Z", "60", "2026-03-03T00:01:01.000Z", ""]


async def test_an_export_is_cut_to_its_span_and_its_links(store: EmbeddedStore, tmp_path: Path) -> None:
    begin = round(START.timestamp() * 1000)
    wanted = everything(start=begin + 120_000, end=begin + 240_000)
    (file,) = exported(store, tmp_path / "both", wanted)
    assert sorted(pl.read_parquet(file.path)["rtt_ms"].to_list()) == [2.0, 2.0, 3.0, 3.0]
    (file,) = exported(store, tmp_path / "one", replace(wanted, links=("wan1",)))
    assert pl.read_parquet(file.path)["link"].to_list() == ["wan1", "wan1"]


async def test_a_row_that_came_twice_is_exported_once(tmp_path: Path) -> None:
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", raw_days=95)
    for _ in range(2):
        await store.write(batch(0, 10))
        await store.maintain(START + timedelta(hours=1))
    await store.write(batch(0, 10))
    (file,) = exported(store, tmp_path / "out", everything())
    assert file.rows == 10
    await store.close()


async def test_rollups_are_exported_by_month_each_identity_once(tmp_path: Path) -> None:
    """Ten minutes of an hour with rtt_ms 0 (not measured), 1, ... 9; then the first comes as 21: ten values, sum 66."""
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", raw_days=95)
    await store.write(batch(0, 10))
    await store.maintain(START + timedelta(hours=27))
    late = batch(0, 1)
    late.fields["rtt_ms"][0] = 21.0
    await store.write(late)
    await store.maintain(START + timedelta(hours=30))
    wanted = everything(kinds=frozenset({Kind.HOURS, Kind.DAYS}))
    hours, days = exported(store, tmp_path / "out", wanted)
    assert [hours.path.name, days.path.name] == ["hours-2026-03-0000.parquet", "days-2026-03-0000.parquet"]
    for file in (hours, days):
        found = pl.read_parquet(file.path).filter(pl.col("field") == "rtt_ms")
        assert found.select("link", "source", "time", "count", "sum", "min", "max").rows() == [
            ("wan1", "probe", START, 10, 66.0, 1.0, 21.0)
        ]
    assert {"p50", "p95", "p99"} <= set(pl.read_parquet_schema(days.path))
    counts = pl.read_parquet(days.path).filter(pl.col("field") == "rtt_ms")["counts"].to_list()
    assert [sum(one) for one in counts] == [10], "lists that any tool can read"
    (file,) = exported(store, tmp_path / "csv", replace(wanted, kinds=frozenset({Kind.DAYS}), form="csv"))
    assert file.path.read_text().splitlines()[0].endswith("p50,p95,p99,bins,counts")
    await store.close()


async def test_many_links_are_exported_some_at_a_time(
    store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.store.exporting._ROWS_AT_ONCE", 8)
    wanted = everything(kinds=frozenset({Kind.SAMPLES}), end=round((START + DAY).timestamp() * 1000))
    files = exported(store, tmp_path / "parquet", wanted)
    assert [(file.path.name[-12:], file.rows) for file in files] == [("0000.parquet", 10), ("0001.parquet", 10)]
    (file,) = exported(store, tmp_path / "csv", replace(wanted, form="csv"))
    assert pl.read_csv(file.path)["link"].to_list() == ["wan1"] * 10 + ["wan2"] * 10


async def test_any_store_is_exported_by_the_port_alone(store: EmbeddedStore, tmp_path: Path) -> None:
    begin = round(START.timestamp() * 1000)
    wanted = everything(start=begin, end=begin + 3 * 86_400_000, form="csv")
    open_folder(tmp_path / "port", force=False)
    links, subjects = ["wan2", "wan1", "wan9"], ["router1"]
    files = [one async for one in export_by_port(store, tmp_path / "port", wanted, links, subjects)]
    assert [file.rows for file in files] == [20, 1, 5, 1, 3, 1], "samples and facts of three days"
    exported(store, tmp_path / "own", wanted)
    for day in ("2026-03-03", "2026-03-04", "2026-03-05"):
        told = (tmp_path / "port" / f"samples-{day}-0000.csv").read_text()
        assert told == (tmp_path / "own" / f"samples-{day}.csv").read_text()


async def test_a_rebuilt_manifest_leaves_out_what_the_journal_still_has(store: EmbeddedStore) -> None:
    """A run that was killed left a part of entry 3, which is not sealed by the journal's cursor: it is sealed again."""
    part = min(store.parts_folder.glob("samples-2026-03-04*"))
    shutil.copy(part, part.with_name("samples-2026-03-05-000000000003-000000000003-0000.parquet"))
    (store.parts_folder / "facts-2026-03-04-000000000002-000000000002-0007.parquet").write_bytes(b"no Parquet")
    store.manifest_path.unlink()
    made = rebuild_manifest(store)
    assert made.unreadable == ("facts-2026-03-04-000000000002-000000000002-0007.parquet",)
    assert store.manifest().position == 2
    await store.maintain(START + 3 * DAY)
    found = await store.window(["wan1", "wan2"], ["rtt_ms"], START, START + 9 * DAY)
    assert [(one.link, len(one)) for one in found] == [("wan1", 18), ("wan2", 10)]
    assert list(verify(store)) == []


async def test_a_link_that_the_store_does_not_know_is_not_an_empty_export(store: EmbeddedStore, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nothing of 'wan3'"):
        exported(store, tmp_path / "out", everything(links=("wan3",)))


async def test_a_folder_with_something_in_it_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(StoreError, match=r"is not empty \(precious.txt\)"):
        open_folder(tmp_path, force=False)
    open_folder(tmp_path, force=True)
    with pytest.raises(StoreError, match="is a file; name a folder"):
        open_folder(tmp_path / "precious.txt", force=True)


async def test_a_disk_that_cannot_be_written_leaves_no_half_file(store: EmbeddedStore, tmp_path: Path) -> None:
    (tmp_path / "out" / "samples-2026-03-03-0000.parquet").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be written"):
        list(export(store, tmp_path / "out", everything()))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["samples-2026-03-03-0000.parquet"]


def first_day(store: EmbeddedStore) -> str:
    return min(day.day for day in stats(store).days if day.kind is Kind.SAMPLES)


async def test_raw_samples_go_after_their_days_and_not_before(store: EmbeddedStore) -> None:
    """Kept for 95 whole days: what is of 3 March goes when 7 June begins (28 + 30 + 31 + 6 = 95 days after the 4th)."""
    await store.maintain(datetime(2026, 6, 6, 1, tzinfo=UTC))
    await store.maintain(datetime(2026, 6, 6, 23, 59, tzinfo=UTC))
    assert first_day(store) == "2026-03-03"
    report = await store.maintain(datetime(2026, 6, 7, tzinfo=UTC))
    assert report.parts_removed == 2
    assert first_day(store) == "2026-03-04"
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
    (day,) = [day for day in stats(store).days if day.kind is Kind.SAMPLES]
    assert (day.parts, day.rows) == (1, 70)
    assert list(verify(store)) == []
    await store.close()


async def test_strays_of_a_killed_run_are_removed(store: EmbeddedStore) -> None:
    stray = store.parts_folder / "samples-2026-03-03-000000000001-000000000001-0009.parquet.new"
    stray.write_bytes(b"half a file")
    await store.maintain(START + DAY)
    assert not stray.exists()
