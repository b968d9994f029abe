"""What roll-ups keep of samples, by hour and by day, and what can be answered from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from collector.model import FloatArray, Source
from collector.store.port import Aggregate, Statistic
from collector.store.rollup_frames import rollup_frame, rollup_of_frame
from collector.store.rollups import (
    DOWN,
    HOUR_MS,
    ROLLED,
    SAMPLES,
    UP,
    Rollup,
    buckets_of_hours,
    day_statistics,
    empty_rollup,
    newest_of,
    rolled_days,
    rolled_hours,
    seconds_held,
    totals,
)
from collector.store.rows import SOURCES, Rows, concatenated, empty, merged

DAY_MS = 24 * HOUR_MS
NAN = math.nan


def rows(
    minutes: Sequence[float],
    *,
    link: str = "wan1",
    names: Sequence[str] = ("wan0", "wan1", "wan2"),
    source: Source = Source.PROBE,
    seconds: int = 60,
    **fields: Sequence[float],
) -> Rows:
    """Samples of one link, at minutes since 1970, received a second after their slot."""
    time = (np.asarray(minutes) * 60_000).astype(np.int64)
    n = len(time)
    return Rows(
        tuple(names),
        np.full(n, list(names).index(link), np.int32),
        np.full(n, SOURCES.index(source), np.int8),
        time,
        np.full(n, seconds, np.int32),
        time + seconds * 1000 + 1000,
        {name: np.asarray(values, np.float64) for name, values in fields.items()},
    )


def together(*tables: Rows) -> Rows:
    return merged(concatenated(tables))


def cells(rollup: Rollup) -> dict[tuple[str, str, str, int], tuple[int, float, float, float]]:
    """(link, source, field, bucket number) -> (count, total, least, greatest)."""
    return {
        (rollup.names[link], str(SOURCES[source]), ROLLED[field], time // (rollup.every * 1000)): (n, s, low, high)
        for link, source, field, time, n, s, low, high in zip(
            rollup.link.tolist(), rollup.source.tolist(), rollup.field.tolist(), rollup.time.tolist(),
            rollup.count.tolist(), rollup.total.tolist(), rollup.least.tolist(), rollup.greatest.tolist(), strict=True,
        )
    }  # fmt: skip


def total(rollup: Rollup, field: str) -> list[float]:
    return totals(rollup, field).total.tolist()


def only(values: FloatArray) -> float:
    (value,) = values.tolist()
    return float(value)


def test_an_hour_keeps_how_many_values_their_sum_and_their_extremes() -> None:
    found = cells(rolled_hours(rows([0, 1, 59, 60], rtt_ms=[20.0, 40.0, 30.0, 7.0])))
    assert found["wan1", "probe", "rtt_ms", 0] == (3, 90.0, 20.0, 40.0)
    assert found["wan1", "probe", "rtt_ms", 1] == (1, 7.0, 7.0, 7.0)


def test_a_value_that_was_not_measured_counts_in_nothing_but_its_row_does() -> None:
    found = rolled_hours(rows([0, 1, 2], rtt_ms=[NAN, 40.0, NAN], jitter_ms=[NAN, NAN, NAN]))
    assert cells(found)["wan1", "probe", "rtt_ms", 0] == (1, 40.0, 40.0, 40.0)
    assert total(found, SAMPLES) == [3.0]
    assert len(totals(found, "jitter_ms").link) == 0


def test_an_hour_without_samples_is_absent() -> None:
    found = rolled_hours(rows([0, 180], rtt_ms=[1.0, 2.0]))
    assert sorted({bucket for *_, bucket in cells(found)}) == [0, 3]


def test_links_and_sources_never_blend() -> None:
    both = together(
        rows([0], link="wan2", rtt_ms=[1.0]),
        rows([0], source=Source.ORCHESTRATOR, rtt_ms=[2.0]),
        rows([0], rtt_ms=[4.0]),
    )
    found = {key: each[1] for key, each in cells(rolled_hours(both)).items() if key[2] == "rtt_ms"}
    assert found == {
        ("wan2", "probe", "rtt_ms", 0): 1.0,
        ("wan1", "orchestrator", "rtt_ms", 0): 2.0,
        ("wan1", "probe", "rtt_ms", 0): 4.0,
    }


def test_the_rows_of_a_roll_up_stand_in_order_of_link_source_field_and_time() -> None:
    both = together(
        rows([0, 60], link="wan2", rtt_ms=[1.0, 2.0], rx_bps=[5.0, 5.0]),
        rows([0, 60], source=Source.SNMP, rx_bps=[5.0, 5.0]),
        rows([0, 60], rtt_ms=[1.0, 2.0]),
    )
    found = rolled_hours(both)
    keys = list(zip(found.link.tolist(), found.source.tolist(), found.field.tolist(), found.time.tolist(), strict=True))
    assert keys == sorted(set(keys))


def test_seconds_up_and_down_are_what_the_samples_say() -> None:
    """Two minutes with answers, one with every packet lost, one without a word: 120 s up, 60 s down."""
    found = rolled_hours(rows([0, 1, 2, 3], loss_pct=[0.0, 5.0, 100.0, NAN]))
    assert cells(found)["wan1", "probe", UP, 0][:2] == (2, 120.0)
    assert cells(found)["wan1", "probe", DOWN, 0][:2] == (1, 60.0)


def test_a_row_speaks_until_the_next_one_of_its_series_begins() -> None:
    """Five-minute rows, then minute rows: the one of minute 5 is cut at minute 6."""
    slow = rows([0, 5], seconds=300, loss_pct=[0.0, 0.0])
    fast = rows([6, 7], loss_pct=[0.0, 0.0])
    other = rows([6], source=Source.SNMP, oper_up=[0.0])
    found = rolled_hours(together(slow, fast, other))
    seconds = dict(zip(totals(found, UP).source.tolist(), total(found, UP), strict=True))
    assert seconds == {SOURCES.index(Source.PROBE): 300 + 60 + 60 + 60}
    assert total(found, DOWN) == [60.0]


def test_two_rows_that_overlap_do_not_speak_twice_for_the_same_time() -> None:
    assert seconds_held(rows([0, 2], seconds=300)).tolist() == [120_000, 300_000]
    assert seconds_held(rows([0], seconds=300)).tolist() == [300_000]
    assert seconds_held(empty()).tolist() == []


def test_a_row_belongs_to_the_bucket_in_which_it_starts() -> None:
    found = rolled_hours(rows([58, 63], seconds=300, loss_pct=[0.0, 100.0]))
    assert cells(found)["wan1", "probe", UP, 0][1] == 300.0
    assert cells(found)["wan1", "probe", DOWN, 1][1] == 300.0


def test_pseudo_fields_have_no_extremes() -> None:
    found = rolled_days(rows([0, 1], loss_pct=[0.0, 100.0]))
    pseudo = np.isin(found.field, [ROLLED.index(name) for name in (SAMPLES, UP, DOWN)])
    assert pseudo.sum() == 3
    assert np.isnan(found.least[pseudo]).all()
    assert np.isnan(found.greatest[pseudo]).all()
    assert found.sketches is not None
    assert np.isnan(found.sketches.p50[pseudo]).all()


def test_received_at_is_the_newest_of_the_hour() -> None:
    found = rolled_hours(rows([0, 30, 60], rtt_ms=[1.0, NAN, 1.0]))
    of_field = found.take(found.field == ROLLED.index("rtt_ms"))
    assert of_field.received_at.tolist() == [31 * 60_000 + 1000, 61 * 60_000 + 1000]


def test_a_day_has_its_exact_nearest_rank_percentiles() -> None:
    """Of 1 to 33: ranks ceil(16.5) = 17, ceil(31.35) = 32, ceil(32.67) = 33."""
    values = np.random.default_rng(1).permutation(np.arange(1.0, 34.0)).tolist()
    days = rolled_days(rows(range(33), rtt_ms=values))
    found = days.take(days.field == ROLLED.index("rtt_ms")).sketches
    assert found is not None
    assert (only(found.p50), only(found.p95), only(found.p99)) == (17.0, 32.0, 33.0)


def test_days_of_very_different_length_each_have_their_own_percentiles_and_bins() -> None:
    """One row, three rows with one unmeasured, 1,000 rows, none measured."""
    days = rolled_days(
        together(
            rows([0], link="wan0", rtt_ms=[5.0]),
            rows([0, 1, 2], rtt_ms=[8.0, NAN, 7.0]),
            rows(range(1440, 2440), rtt_ms=list(np.arange(1000.0, 0.0, -1.0))),
            rows([0, 1], link="wan2", rtt_ms=[NAN, NAN]),
        )
    )
    found = days.take(days.field == ROLLED.index("rtt_ms"))
    assert found.link.tolist() == [0, 1, 1]
    assert found.sketches is not None
    assert found.sketches.p50.tolist() == [5.0, 7.0, 500.0]
    assert found.sketches.p99.tolist() == [5.0, 8.0, 990.0]
    assert [int(found.take(np.array([i])).sketches.counts.sum()) for i in range(3)] == [1, 2, 1000]  # type: ignore[union-attr]


def test_nothing_rolled_up_is_nothing() -> None:
    for rolled in (rolled_hours(empty()), rolled_days(empty(["wan1"]))):
        assert len(rolled) == 0
        assert len(newest_of([rolled, rolled])) == 0
        assert len(totals(rolled, "rtt_ms").link) == 0
    assert len(buckets_of_hours(empty_rollup(3600), HOUR_MS, Aggregate.MEAN)) == 0
    found, values = day_statistics(empty_rollup(86_400), "rtt_ms", list(Statistic))
    assert len(found.link) == 0
    assert all(len(column) == 0 for column in values.values())


def test_samples_that_measured_nothing_are_counted_all_the_same() -> None:
    found = rolled_days(rows([0, 1]))
    assert cells(found).keys() == {("wan1", "probe", SAMPLES, 0)}
    assert total(found, SAMPLES) == [2.0]


def test_the_later_roll_up_of_an_hour_stands() -> None:
    first = rolled_hours(rows([0, 60], rtt_ms=[1.0, 2.0]))
    again = rolled_hours(rows([60, 61], rtt_ms=[2.0, 30.0]))
    found = cells(newest_of([first, again]))
    assert found["wan1", "probe", "rtt_ms", 0] == (1, 1.0, 1.0, 1.0)
    assert found["wan1", "probe", "rtt_ms", 1] == (2, 32.0, 2.0, 30.0)
    assert cells(newest_of([again, first]))["wan1", "probe", "rtt_ms", 1] == (1, 2.0, 2.0, 2.0)


def test_the_later_roll_up_of_a_day_stands_with_its_own_bins() -> None:
    first = rolled_days(rows([0, 1], rtt_ms=[1.0, 2.0]))
    again = rolled_days(rows([0, 1, 2], rtt_ms=[1.0, 2.0, 9.0]))
    _, values = day_statistics(newest_of([first, again]), "rtt_ms", [Statistic.P99, Statistic.COUNT])
    assert values[Statistic.P99].tolist() == [9.0]
    assert values[Statistic.COUNT].tolist() == [3.0]


def test_two_rows_of_one_identity_side_by_side_are_one() -> None:
    first, again = (rolled_hours(rows([0], rtt_ms=[value])).take(np.array([0])) for value in (1.0, 2.0))
    assert newest_of([first, again]).total.tolist() == [2.0]


def test_roll_ups_with_other_numbers_for_the_links_are_brought_to_one() -> None:
    one = rolled_days(rows([0], link="b", names=["b", "c"], rtt_ms=[1.0]))
    two = rolled_days(rows([0], link="a", names=["a", "z"], rtt_ms=[2.0]))
    found = newest_of([one, two])
    assert found.names == ("a", "b", "c", "z")
    assert {key[0]: each[1] for key, each in cells(found).items() if key[2] == "rtt_ms"} == {"b": 1.0, "a": 2.0}


def test_hours_and_days_do_not_mix() -> None:
    sample = rows([0], rtt_ms=[1.0])
    with pytest.raises(ValueError, match="put together"):
        newest_of([rolled_hours(sample), rolled_days(sample)])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Aggregate.MEAN, [10.0, 30.0]),
        (Aggregate.SUM, [30.0, 30.0]),
        (Aggregate.MIN, [2.0, 30.0]),
        (Aggregate.MAX, [20.0, 30.0]),
    ],
)
def test_buckets_of_several_hours_come_from_sums_and_not_from_means(how: Aggregate, expected: list[float]) -> None:
    """Hour 0 holds 2 and 8, hour 1 holds 20: the mean of both is 30 / 3, not (5 + 20) / 2."""
    hours = rolled_hours(rows([0, 1, 60, 180], rtt_ms=[2.0, 8.0, 20.0, 30.0]))
    found = buckets_of_hours(hours, 2 * HOUR_MS, how)
    assert found.time.tolist() == [0, 2 * HOUR_MS]
    assert found.seconds.tolist() == [7200, 7200]
    assert found.fields["rtt_ms"].tolist() == expected
    assert found.received_at.tolist() == [61 * 60_000 + 1000, 181 * 60_000 + 1000]


def test_a_field_that_a_bucket_did_not_measure_is_absent_in_it_and_a_bucket_without_samples_is_absent() -> None:
    hours = rolled_hours(
        together(rows([0, 60, 240], rtt_ms=[1.0, NAN, 3.0]), rows([60], source=Source.SNMP, rx_bps=[9.0]))
    )
    found = buckets_of_hours(hours, HOUR_MS, Aggregate.MAX)
    assert found.source.tolist() == [SOURCES.index(Source.SNMP)] + 3 * [SOURCES.index(Source.PROBE)]
    assert found.time.tolist() == [HOUR_MS, 0, HOUR_MS, 4 * HOUR_MS]
    assert found.fields["rtt_ms"].tolist() == pytest.approx([NAN, 1.0, NAN, 3.0], nan_ok=True)
    assert found.fields["rx_bps"].tolist() == pytest.approx([9.0, NAN, NAN, NAN], nan_ok=True)
    assert found.fields.keys() == {"rtt_ms", "rx_bps"}


def test_half_an_hour_cannot_be_had_from_hours() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        buckets_of_hours(rolled_hours(rows([0], rtt_ms=[1.0])), HOUR_MS // 2, Aggregate.MEAN)


def test_the_statistics_of_several_days_are_exact_but_for_percentiles_which_are_within_a_hundredth() -> None:
    """Day 0: 19 x 10; day 1: 13 x 20 and 500. Of 33 values the 17th is 10, the 32nd 20, the 33rd 500; sum 950."""
    values = [10.0] * 19 + [20.0] * 13 + [500.0]
    minutes = [*range(19), *range(1440, 1454)]
    days = rolled_days(together(rows(minutes, rtt_ms=values), rows([0], link="wan2", rtt_ms=[3.0])))
    found, stats = day_statistics(days, "rtt_ms", list(Statistic))
    assert found.link.tolist() == [1, 2]
    assert stats[Statistic.COUNT].tolist() == [33.0, 1.0]
    assert stats[Statistic.MEAN].tolist() == [950 / 33, 3.0]
    assert stats[Statistic.MIN].tolist() == [10.0, 3.0]
    assert stats[Statistic.MAX].tolist() == [500.0, 3.0]
    assert stats[Statistic.P50] == pytest.approx([10.0, 3.0], rel=0.01)
    assert stats[Statistic.P95] == pytest.approx([20.0, 3.0], rel=0.01)
    assert stats[Statistic.P99] == pytest.approx([500.0, 3.0], rel=0.01)


def test_the_percentiles_of_a_single_day_are_exact() -> None:
    days = rolled_days(rows(range(33), rtt_ms=[10.0] * 19 + [20.0] * 13 + [500.0]))
    _, stats = day_statistics(days, "rtt_ms", [Statistic.P95, Statistic.P50])
    assert (only(stats[Statistic.P50]), only(stats[Statistic.P95])) == (10.0, 20.0)


def test_where_the_percentiles_of_a_day_were_not_read_its_bins_stand_for_them() -> None:
    days = rolled_days(rows(range(33), rtt_ms=[10.0] * 19 + [20.0] * 13 + [500.0]))
    unread = rollup_frame(days).with_columns(*(pl.lit(None, pl.Float64).alias(name) for name in ("p50", "p95", "p99")))
    _, stats = day_statistics(rollup_of_frame(unread, days.names), "rtt_ms", [Statistic.P95])
    assert only(stats[Statistic.P95]) == pytest.approx(20.0, rel=0.01)


def test_a_percentile_never_lies_outside_of_what_was_measured() -> None:
    days = rolled_days(rows([0, 1440], oper_up=[1.0, 1.0]))
    _, stats = day_statistics(days, "oper_up", [Statistic.P50, Statistic.P99])
    assert stats == {Statistic.P50: np.array([1.0]), Statistic.P99: np.array([1.0])}


def test_codes_of_links_need_not_be_dense_nor_all_present() -> None:
    names = [f"link-{n:03d}" for n in range(500)]
    days = rolled_days(
        together(
            rows([0], link="link-007", names=names, rtt_ms=[1.0]), rows([0], link="link-499", names=names, rtt_ms=[2.0])
        )
    )
    found, stats = day_statistics(days, "rtt_ms", [Statistic.P50])
    assert [days.names[code] for code in found.link] == ["link-007", "link-499"]
    assert stats[Statistic.P50].tolist() == [1.0, 2.0]


def test_a_frame_holds_a_roll_up_and_gives_it_back() -> None:
    table = together(
        rows([0, 1, 1440], rtt_ms=[0.0, 40.5, NAN], loss_pct=[0.0, 100.0, NAN]),
        rows([0], link="wan2", source=Source.SNMP, rssi_dbm=[-71.0]),
    )
    for rolled in (rolled_hours(table), rolled_days(table)):
        frame = rollup_frame(rolled)
        back = rollup_of_frame(frame, rolled.names)
        assert str(cells(back)) == str(cells(rolled))
        assert back.every == rolled.every
        assert back.received_at.tolist() == rolled.received_at.tolist()
        assert rollup_frame(back).equals(frame)
    assert frame.columns[:9] == ["link", "source", "field", "time", "count", "sum", "min", "max", "received_at"]
    assert frame.columns[9:] == ["p50", "p95", "p99", "bins", "counts"]
    (row,) = frame.filter(field="rtt_ms").iter_rows(named=True)
    assert (row["link"], row["source"], row["count"], row["sum"], row["min"], row["max"]) == (
        "wan1", "probe", 2, 40.5, 0.0, 40.5,
    )  # fmt: skip
    assert np.frombuffer(row["bins"], "<i4")[0] == 0
    assert np.frombuffer(row["counts"], "<i4").tolist() == [1, 1]
    assert frame.filter(field=SAMPLES)["bins"].to_list() == [None, None, None]
    assert rolled.sketches is not None
    assert back.sketches is not None
    for name in ("p50", "p95", "p99", "first", "bins", "counts"):
        np.testing.assert_array_equal(getattr(back.sketches, name), getattr(rolled.sketches, name))


def test_a_frame_of_several_parts_is_put_in_order_the_last_row_of_an_identity_standing() -> None:
    old = rolled_days(rows([0, 1440], rtt_ms=[1.0, 2.0]))
    new = rolled_days(rows([0], rtt_ms=[7.0]))
    back = rollup_of_frame(pl.concat([rollup_frame(old), rollup_frame(new)]), old.names)
    assert {key[3]: each[1] for key, each in cells(back).items() if key[2] == "rtt_ms"} == {0: 7.0, 1: 2.0}


def test_rows_of_other_links_and_unknown_fields_are_left_out_of_what_a_frame_gives_back() -> None:
    table = together(rows([0], rtt_ms=[1.0]), rows([0], link="wan2", rtt_ms=[2.0], rx_bps=[5.0]))
    frame = rollup_frame(rolled_days(table)).with_columns(pl.col("field").replace("rx_bps", "invented_bps"))
    back = rollup_of_frame(frame, ["wan2"])
    assert {key[:3] for key in cells(back)} == {("wan2", "probe", "rtt_ms"), ("wan2", "probe", SAMPLES)}
    assert len(rollup_of_frame(frame, ["elsewhere"])) == 0
    assert len(rollup_of_frame(rollup_frame(empty_rollup(86_400)), ["wan1"])) == 0
    assert len(rollup_of_frame(rollup_frame(empty_rollup(3600)), ["wan1"])) == 0
