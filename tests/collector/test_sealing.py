"""What the sealer makes of the journal: parts by day, fewer of them with time, and roll-ups of closed days."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.append(str(Path(__file__).parent))

from store_at_hand import DAY, HOUR, MINUTE, START, Store

from collector.model import FIELDS, Fact, FactKind, SampleBatch, Source
from collector.store import sealing
from collector.store.manifest import Kind, Rolled
from collector.store.merging import cuts, merge_from
from collector.store.parts import part_problem
from collector.store.retention import Retention
from collector.store.rolling import is_due, without_links
from collector.store.rollups import DOWN, SAMPLES, UP
from collector.store.rows import rows_of
from config.clock import epoch_ms

pytestmark = pytest.mark.rim


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.journal.close()


async def test_what_is_sealed_leaves_the_journal_and_stands_in_parts_by_day(store: Store) -> None:
    await store.write(START + 23 * HOUR, {"wan2": 2, "wan1": 1})
    await store.write(START + DAY, {"wan1": 3})
    assert store.maintain(START + DAY + MINUTE).sealed_rows == 3
    assert store.journal.read(0) == []
    first, second = sorted(store.parts(Kind.SAMPLES), key=lambda part: part.day)
    assert (first.rows, first.first_key, first.last_key, first.fields) == (2, "wan1", "wan2", ("rtt_ms",))
    assert (second.rows, second.start, second.end) == (1, epoch_ms(START + DAY), epoch_ms(START + DAY))
    assert first.day == epoch_ms(START) // 86_400_000 == second.day - 1
    frame = pl.read_parquet(store.parts_folder / first.name)
    assert frame["link"].to_list() == ["wan1", "wan2"]
    assert frame["received_after_ms"].to_list() == [61_000, 61_000]
    assert {path.name for path in store.parts_folder.iterdir()} == {first.name, second.name}


async def test_a_part_is_plain_unless_a_slot_came_in_two_pieces_at_two_times(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    await store.write(START + MINUTE, {"wan1": 1})
    await store.write(START + MINUTE, {"wan1": 2}, late=90)
    store.maintain(START + HOUR)
    assert [part.plain for part in store.parts(Kind.SAMPLES)] == [True]
    await store.write(START, {"wan1": 9}, "loss_pct", late=90)
    store.maintain(START + DAY + 2 * HOUR)
    (part,) = store.parts(Kind.SAMPLES)
    assert (part.plain, part.rows) == (False, 3)


async def test_facts_that_are_told_again_stand_once_when_their_day_has_closed(store: Store) -> None:
    told = [Fact(START + n * HOUR, "router1", FactKind.EVENT, "x", Source.PROBE, START + n * HOUR) for n in range(3)]
    for n in (0, 1, 0, 2):
        await store.journal.append([], [told[n]])
        store.maintain(START + 12 * HOUR)
    store.maintain(START + DAY + 3 * HOUR)
    (part,) = store.parts(Kind.FACTS)
    assert (part.rows, part.first_key, part.last_key) == (3, "router1", "router1")


def test_a_day_is_cut_between_links_into_parts_of_about_one_size() -> None:
    assert list(cuts(np.array([3, 3, 3, 3]), 6)) == [(0, 2), (2, 4)]
    assert list(cuts(np.array([4, 4, 4]), 11)) == [(0, 1), (1, 3)]
    assert list(cuts(np.array([1, 90, 1]), 10)) == [(0, 1), (1, 3)], "a link is never cut"
    assert list(cuts(np.array([0, 5, 0]), 10)) == [(0, 3)]
    assert list(cuts(np.array([0, 0]), 10)) == []


@pytest.mark.parametrize(
    ("sizes", "closed", "patience", "start"),
    [
        ([], False, 1, 0),
        ([8], True, 1, 0),
        ([8, 4], False, 1, 1),  # half its size together is not more than half
        ([8, 5], False, 1, 0),
        ([16, 4, 3], False, 1, 1),
        ([1000, 9], True, 1, 1),  # late rows below 1 % wait
        ([1000, 10], True, 1, 0),
        ([1000, 1, 1, 1, 1], True, 1, 0),  # but not four of them
        ([1, 1, 1], False, 3, 2),
        ([1, 1, 1, 1], False, 3, 0),
    ],
)
def test_parts_are_merged_when_those_after_them_have_half_their_size(
    sizes: list[int], closed: bool, patience: int, start: int
) -> None:
    assert merge_from(sizes, closed=closed, patience=patience) == start


async def test_a_day_is_rolled_up_when_it_has_closed_and_not_before(store: Store) -> None:
    for minute in range(90):
        await store.write(START + minute * MINUTE, {"wan1": minute})
    assert store.maintain(START + DAY + 2 * HOUR - MINUTE).rolled_days == 0
    assert store.parts(Kind.HOURS, Kind.DAYS) == []
    assert store.maintain(START + DAY + 2 * HOUR).rolled_days == 1
    # 0 + 1 + ... + 59 = 59 * 60 / 2, and 60 + ... + 89 = 30 * (60 + 89) / 2.
    assert store.hours("rtt_ms") == {("wan1", START): 1770.0, ("wan1", START + HOUR): 2235.0}
    assert store.hours(SAMPLES) == {("wan1", START): 60.0, ("wan1", START + HOUR): 30.0}
    manifest = store.manifest
    assert manifest.is_rolled(epoch_ms(START) // 86_400_000)
    assert not manifest.is_rolled(epoch_ms(START) // 86_400_000 + 1)
    assert store.maintain(START + DAY + 9 * HOUR).rolled_days == 0


async def test_late_rows_are_rolled_up_after_an_hour_and_for_their_links_alone(store: Store) -> None:
    await store.write(START, {"wan1": 1, "wan2": 2})
    closed = START + DAY + 2 * HOUR
    store.maintain(closed)
    day = epoch_ms(START) // 86_400_000
    await store.write(START + MINUTE, {"wan2": 40})
    assert store.maintain(closed + HOUR - MINUTE).rolled_days == 0
    assert not store.manifest.is_rolled(day)
    assert len(store.parts(Kind.SAMPLES)) == 2, "apart, so that it is known which links are touched"
    assert store.maintain(closed + HOUR).rolled_days == 1
    assert store.manifest.is_rolled(day)
    old, again = store.parts(Kind.HOURS)
    assert (again.first_key, again.last_key) == ("wan2", "wan2")
    assert again.last > old.last
    assert store.hours("rtt_ms") == {("wan1", START): 1.0, ("wan2", START): 42.0}


async def test_late_parts_are_merged_among_themselves_until_they_are_rolled_up(store: Store) -> None:
    await store.write(START, {"wan1": 1, "wan2": 2})
    closed = START + DAY + 2 * HOUR
    store.maintain(closed)
    for minute in (1, 2):
        await store.write(START + minute * MINUTE, {"wan2": 40})
        store.maintain(closed + minute * MINUTE)
    assert [(part.rows, part.first_key) for part in store.parts(Kind.SAMPLES)] == [(2, "wan1"), (2, "wan2")]
    store.maintain(closed + HOUR)
    assert [(part.rows, part.first_key) for part in store.parts(Kind.SAMPLES)] == [(4, "wan1")]
    assert store.hours("rtt_ms") == {("wan1", START): 1.0, ("wan2", START): 82.0}


async def test_rows_older_than_all_retention_go_without_being_rolled_up(store: Store) -> None:
    store.retention = Retention(raw_days=10, rollup_days=100)
    await store.write(START - 101 * DAY, {"wan1": 7})
    report = store.maintain(START)
    assert (report.sealed_rows, report.rolled_days, report.expired_parts) == (1, 0, 1)
    assert store.parts(*Kind) == []


@pytest.mark.slow
@pytest.mark.parametrize(("bound", "generations"), [(1, 3), (200 << 20, 1)])
async def test_a_long_journal_is_sealed_to_its_end_so_much_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch, bound: int, generations: int
) -> None:
    """Three entries of 34 MB, of which the journal gives one at a time."""
    monkeypatch.setattr(sealing, "SEALED_BYTES", bound)
    names = [f"wan{n:06d}" for n in range(150_000)]
    at = np.full(len(names), epoch_ms(START), np.int64)
    seconds = np.full(len(names), 60, np.int32)
    for entry in range(3):
        fields = {name: np.full(len(names), float(entry)) for name in FIELDS}
        await store.journal.append(
            [SampleBatch(Source.PROBE, names, at + entry * 60_000, seconds, at + 90_000, fields)], []
        )
    report = store.maintain(START + HOUR)
    assert report.sealed_rows == sum(part.rows for part in store.parts(Kind.SAMPLES)) == 450_000
    # Equal ones are merged by the same run: the three that were written, and what they became.
    parts = len(store.parts(Kind.SAMPLES))
    assert report.parts_written == (parts if generations == 1 else 3 + parts)


def test_a_day_is_rolled_up_again_once_an_hour_and_at_once_after_the_clock_went_back() -> None:
    hour = 3_600_000
    rolled = Rolled(5, at=100 * hour)
    assert [is_due(rolled, 100 * hour + more) for more in (-1, 0, hour - 1, hour)] == [True, False, False, True]


def test_links_without_all_of_their_samples_are_left_out_of_what_is_rolled_up_again() -> None:
    at = np.zeros(4, np.int64)
    names = ["wan1", "wan2", "wan3", "wan4"]
    rows = rows_of([SampleBatch(Source.PROBE, names, at, at.astype(np.int32), at, {"rtt_ms": np.arange(4.0)})])
    assert without_links(rows, [("wan2", "wan3")]).fields["rtt_ms"].tolist() == [0, 3]
    assert without_links(rows, [("wan1", "wan1"), ("wan4", "wan9")]).fields["rtt_ms"].tolist() == [1, 2]
    assert without_links(rows, []) is rows


async def test_a_line_that_turns_out_to_have_been_down_was_not_up_as_well(store: Store) -> None:
    await store.write(START, {"wan1": 0}, "loss_pct")
    store.maintain(START + DAY + 2 * HOUR)
    assert store.hours(UP) == {("wan1", START): 60.0}
    await store.write(START, {"wan1": 100}, "loss_pct", late=90_000)
    store.maintain(START + DAY + 3 * HOUR)
    assert store.hours(DOWN) == {("wan1", START): 60.0}
    assert store.hours(UP) == {("wan1", START): 0.0}


@pytest.mark.slow
async def test_roll_ups_of_a_month_are_in_few_files_and_say_the_same(store: Store) -> None:
    for day in range(70):
        await store.write(START + day * DAY, {"wan1": day, "wan2": 100 + day})
        store.maintain(START + (day + 1) * DAY + 3 * HOUR)
        in_march = [part for part in store.parts(Kind.HOURS) if part.day < epoch_ms(START + 31 * DAY) // 86_400_000]
        assert len(in_march) <= 9
    closed = [part for part in store.parts(Kind.HOURS) if part.end < epoch_ms(START + 61 * DAY)]
    assert [(part.day - closed[0].day, part.days) for part in closed] == [(0, 31), (31, 30)]
    assert store.hours("rtt_ms") == {
        (link, START + day * DAY): more + day for link, more in (("wan1", 0.0), ("wan2", 100.0)) for day in range(70)
    }
    for part in store.parts(Kind.HOURS, Kind.DAYS, Kind.SAMPLES):
        assert part_problem(store.parts_folder / part.name, part) is None
    assert {path.name for path in store.parts_folder.iterdir()} == {part.name for part in store.parts(*Kind)}


@pytest.mark.slow
async def test_a_later_roll_up_of_a_day_prevails_whatever_was_merged_in_between(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    store.maintain(START + DAY + 2 * HOUR)
    for day in range(1, 9):
        if day == 8:
            await store.write(START, {"wan1": 50}, late=9 * 86_400)
            store.maintain(START + day * DAY + 2 * HOUR + MINUTE)
        await store.write(START + day * DAY, {"wan1": day})
        store.maintain(START + (day + 1) * DAY + 3 * HOUR)
    store.maintain(START + 40 * DAY)
    assert store.hours("rtt_ms")["wan1", START] == 50.0
    versions = [part.last for part in store.parts(Kind.HOURS)]
    assert all(earlier < later for earlier, later in pairwise(versions))


async def test_rows_older_than_all_raw_retention_are_rolled_up_before_they_go(store: Store) -> None:
    store.retention = Retention(raw_days=10, rollup_days=100)
    await store.write(START - 40 * DAY, {"wan1": 7})
    report = store.maintain(START)
    assert (report.sealed_rows, report.rolled_days, report.expired_parts) == (1, 1, 1)
    assert store.parts(Kind.SAMPLES) == []
    assert store.hours("rtt_ms") == {("wan1", START - 40 * DAY): 7.0}


async def test_a_remainder_never_takes_the_place_of_a_whole_days_roll_up(store: Store) -> None:
    """Even where raw samples are kept for longer from now on, those of that day are gone."""
    store.retention = Retention(raw_days=10, rollup_days=100)
    for minute in range(60):
        await store.write(START + minute * MINUTE, {"wan1": 1})
    for day in range(1, 13):
        store.maintain(START + day * DAY + 3 * HOUR)
    assert store.parts(Kind.SAMPLES) == []
    store.retention = Retention(raw_days=90, rollup_days=100)
    await store.write(START, {"wan1": 2}, late=13 * 86_400)
    assert store.maintain(START + 13 * DAY).rolled_days == 0
    assert store.maintain(START + 13 * DAY + 2 * HOUR).rolled_days == 0
    assert store.hours("rtt_ms") == {("wan1", START): 60.0}


async def test_roll_ups_go_when_their_own_time_is_over(store: Store) -> None:
    store.retention = Retention(raw_days=1, rollup_days=3)
    await store.write(START, {"wan1": 1})
    for day in range(1, 4):
        store.maintain(START + day * DAY + 3 * HOUR)
    store.maintain(START + 4 * DAY - MINUTE)
    assert len(store.parts(Kind.HOURS, Kind.DAYS)) == 2
    assert store.maintain(START + 4 * DAY).expired_parts == 2
    assert list(store.parts_folder.iterdir()) == []
    assert store.manifest.rolled == {}


async def test_a_part_that_holds_another_day_than_the_manifest_says_is_a_problem(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    store.maintain(START)
    (part,) = store.parts(Kind.SAMPLES)
    path = store.parts_folder / part.name
    assert part_problem(path, part) is None
    for wrong in (-1, 1):
        assert "outside of" in (part_problem(path, replace(part, day=part.day + wrong)) or "")
    assert part_problem(path, replace(part, day=part.day - 1, days=2)) is None


async def test_files_that_no_manifest_names_are_removed_by_the_next_run(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    store.maintain(START)
    (part,) = store.parts(Kind.SAMPLES)
    (store.parts_folder / "samples-2026-03-01-000000000001-000000000001-0007.parquet").write_bytes(b"half")
    (store.parts_folder / (part.name + ".new")).write_bytes(b"half")
    store.maintain(START)
    assert [path.name for path in store.parts_folder.iterdir()] == [part.name]
