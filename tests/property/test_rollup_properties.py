"""Roll-ups against the answers from samples, and against a model of a few lines of plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import FloatArray
from collector.store.answers import bucketed
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
    newest_of,
    rolled_days,
    rolled_hours,
    totals,
)
from collector.store.rows import Rows, merged
from collector.store.sketch import bins_of, percentiles, value_of

DAY_MS = 24 * HOUR_MS
NAMES = ("a", "b", "c", "d", "e")
FIELDS = ("rtt_ms", "loss_pct", "oper_up", "rssi_dbm", "rx_bps")
Identity = tuple[int, int, str, int]
Cell = tuple[int, float, float, float]

magnitudes = st.builds(lambda power, digits: digits * 10.0**power, st.integers(-6, 11), st.floats(1, 10))
numbers = st.one_of(st.just(0.0), magnitudes, magnitudes.map(lambda value: -value), st.integers(-120, -30).map(float))


@st.composite
def samples(draw: st.DrawFn) -> Rows:
    """Merged samples of some links, three days long, with gaps, unmeasured values and rows that overlap the next."""
    n = draw(st.integers(1, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    many = draw(st.integers(1, 40))
    time = random.integers(0, 3 * DAY_MS // 60_000, n) // many * many * 60_000
    missing = draw(st.sampled_from([0.0, 0.3, 1.0]))

    def column(values: FloatArray) -> FloatArray:
        return np.where(random.random(n) < missing, math.nan, values)

    fields = {
        "rtt_ms": random.lognormal(3, 2, n),
        "loss_pct": random.choice([0.0, 5.0, 100.0], n),
        "oper_up": random.choice([0.0, 1.0], n, p=[0.2, 0.8]),
        "rssi_dbm": random.normal(-70, 15, n),
        "rx_bps": random.choice([0.0, 999.0, 1e3, 3e7], n),
    }
    return merged(
        Rows(
            NAMES,
            random.choice(np.array([0, 2, 4], np.int32), n),
            random.choice(np.array([0, 2], np.int8), n),
            time,
            random.choice(np.array([60, 300, 3600], np.int32), n),
            time + random.integers(0, 10_000, n),
            {name: column(values) for name, values in fields.items()},
        )
    )


def model(rows: Rows, every: int) -> dict[Identity, Cell]:
    """What a roll-up should hold, a row at a time."""
    columns = {name: values.tolist() for name, values in rows.fields.items()}
    keys = list(zip(rows.link.tolist(), rows.source.tolist(), rows.time.tolist(), strict=True))
    gathered: dict[Identity, list[float]] = {}
    for i, (link, source, time) in enumerate(keys):
        bucket = time // every
        for name, column in columns.items():
            if not math.isnan(column[i]):
                gathered.setdefault((link, source, name, bucket), []).append(column[i])
        gathered.setdefault((link, source, SAMPLES, bucket), []).append(1)
        seconds = float(rows.seconds[i])
        if i + 1 < len(keys) and keys[i + 1][:2] == (link, source):
            seconds = min(seconds, (keys[i + 1][2] - time) / 1000)
        lost, port, received = columns["loss_pct"][i], columns["oper_up"][i], columns["rx_bps"][i]
        alive = lost < 100 or received >= 1000
        if port == 0 or (lost == 100 and not alive):
            gathered.setdefault((link, source, DOWN, bucket), []).append(seconds)
        elif alive and lost != 100:
            gathered.setdefault((link, source, UP, bucket), []).append(seconds)
    return {
        key: (len(each), math.fsum(each), *((min(each), max(each)) if key[2] in FIELDS else (math.nan, math.nan)))
        for key, each in gathered.items()
    }


def cells(rollup: Rollup) -> dict[Identity, Cell]:
    columns = (rollup.link, rollup.source, rollup.field, rollup.time // (rollup.every * 1000))
    values = (rollup.count, rollup.total, rollup.least, rollup.greatest)
    return {
        (link, source, ROLLED[field], bucket): tuple(cell)
        for (link, source, field, bucket), *cell in zip(
            zip(*(column.tolist() for column in columns), strict=True),
            *(column.tolist() for column in values),
            strict=True,
        )
    }  # type: ignore[return-value]


def same(one: FloatArray, other: FloatArray) -> bool:
    """To the last bit; NaN is NaN."""
    return np.array_equal(one, other, equal_nan=True)


def nearest_rank(values: Sequence[float], percent: int) -> float:
    return sorted(values)[max(1, math.ceil(percent * len(values) / 100)) - 1]


@given(samples(), st.sampled_from([HOUR_MS, DAY_MS]))
def test_a_roll_up_holds_what_a_plain_model_holds(rows: Rows, every: int) -> None:
    found = cells((rolled_hours if every == HOUR_MS else rolled_days)(rows))
    expected = model(rows, every)
    assert found.keys() == expected.keys()
    for key, (count, total, least, greatest) in expected.items():
        assert found[key] == pytest.approx((count, total, least, greatest), rel=1e-12, abs=1e-9, nan_ok=True)
        assert found[key][0] == count
        assert np.array_equal(found[key][2:], (least, greatest), equal_nan=True)


@given(samples(), st.sampled_from(list(Aggregate)))
def test_an_hour_from_roll_ups_is_bit_for_bit_the_hour_from_samples(rows: Rows, how: Aggregate) -> None:
    found, expected = buckets_of_hours(rolled_hours(rows), HOUR_MS, how), bucketed(rows, HOUR_MS, how)
    for name in ("link", "source", "time", "seconds", "received_at"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    nothing = np.full(len(expected), math.nan)
    assert all(same(found.fields.get(name, nothing), values) for name, values in expected.fields.items())


@given(samples(), st.sampled_from(list(Aggregate)), st.sampled_from([2, 3, 5, 6, 24, 48, 168]))
def test_several_hours_from_roll_ups_are_those_from_samples_but_for_rounding(
    rows: Rows, how: Aggregate, hours: int
) -> None:
    """What sums lose by another order is at most a few 1e-16 of the sum of magnitudes."""
    every = hours * HOUR_MS
    found, expected = buckets_of_hours(rolled_hours(rows), every, how), bucketed(rows, every, how)
    magnitude = bucketed(
        Rows(*(getattr(rows, name) for name in ("names", "link", "source", "time", "seconds", "received_at")),
             {name: np.abs(values) for name, values in rows.fields.items()}), every, how,
    )  # fmt: skip
    assert found.time.tolist() == expected.time.tolist()
    assert found.received_at.tolist() == expected.received_at.tolist()
    nothing = np.full(len(expected), math.nan)
    for name, values in expected.fields.items():
        column = found.fields.get(name, nothing)
        assert (np.isnan(column) == np.isnan(values)).all()
        if how in (Aggregate.MIN, Aggregate.MAX):
            assert same(column, values)
        else:
            near = np.abs(column - values) <= 1e-12 * magnitude.fields[name]
            assert (near | np.isnan(values)).all()


@given(samples())
def test_days_rolled_up_one_by_one_are_the_whole_rolled_up_at_once(rows: Rows) -> None:
    """But for seconds at midnight: a day does not know that the next one's first sample cut its last one short."""
    days = [rows.between(day * DAY_MS, (day + 1) * DAY_MS) for day in range(3)]
    found, expected = newest_of([rolled_days(day) for day in days]), rolled_days(rows)
    assert cells(found).keys() == cells(expected).keys()
    for part in (found, expected):
        assert part.sketches is not None
    measured = ~np.isin(found.field, [ROLLED.index(UP), ROLLED.index(DOWN)])
    assert same(found.total[measured], expected.total[measured])
    assert rollup_frame(found).drop("sum").equals(rollup_frame(expected).drop("sum"))


@given(st.lists(samples(), min_size=1, max_size=4), st.booleans())
def test_of_one_identity_the_row_of_the_later_roll_up_stands(tables: list[Rows], by_day: bool) -> None:
    rolled = [(rolled_days if by_day else rolled_hours)(rows) for rows in tables]
    expected: dict[Identity, Cell] = {}
    for one in rolled:
        expected |= cells(one)
    found = newest_of(rolled)
    assert str(dict(sorted(expected.items()))) == str(dict(sorted(cells(found).items())))
    keys = list(zip(found.link.tolist(), found.source.tolist(), found.field.tolist(), found.time.tolist(), strict=True))
    assert keys == sorted(keys)
    assert rollup_frame(rollup_of_frame(rollup_frame(found), NAMES)).equals(rollup_frame(found))


@given(samples())
def test_percentiles_of_several_days_are_within_a_hundredth_and_everything_else_is_exact(rows: Rows) -> None:
    days = rolled_days(rows)
    for name in FIELDS:
        found, stats = day_statistics(days, name, list(Statistic))
        for i, (link, source) in enumerate(zip(found.link.tolist(), found.source.tolist(), strict=True)):
            column = rows.fields[name][(rows.link == link) & (rows.source == source)]
            values = column[~np.isnan(column)].tolist()
            assert stats[Statistic.COUNT][i] == len(values)
            assert (stats[Statistic.MIN][i], stats[Statistic.MAX][i]) == (min(values), max(values))
            assert stats[Statistic.MEAN][i] == pytest.approx(math.fsum(values) / len(values), rel=1e-12, abs=1e-9)
            for stat, percent in ((Statistic.P50, 50), (Statistic.P95, 95), (Statistic.P99, 99)):
                assert stats[stat][i] == pytest.approx(nearest_rank(values, percent), rel=0.01, abs=1e-9)
    series = {(link, source) for link, source in zip(rows.link.tolist(), rows.source.tolist(), strict=True)}
    counted = totals(days, SAMPLES)
    assert list(zip(counted.link.tolist(), counted.source.tolist(), strict=True)) == sorted(series)
    assert counted.total.sum() == len(rows)


@given(samples())
def test_the_percentiles_of_each_day_are_exact(rows: Rows) -> None:
    days = rolled_days(rows)
    assert days.sketches is not None
    for i in range(len(days)):
        name = ROLLED[days.field[i]]
        if name in FIELDS:
            day = (rows.time // DAY_MS * DAY_MS == days.time[i]) & (rows.link == days.link[i])
            column = rows.fields[name][day & (rows.source == days.source[i])]
            values = column[~np.isnan(column)].tolist()
            found = (days.sketches.p50[i], days.sketches.p95[i], days.sketches.p99[i])
            assert found == tuple(nearest_rank(values, percent) for percent in (50, 95, 99))
            held = slice(days.sketches.first[i], days.sketches.first[i + 1])
            bins, counts = np.unique(bins_of(np.array(values)), return_counts=True)
            assert days.sketches.bins[held].tolist() == bins.tolist()
            assert days.sketches.counts[held].tolist() == counts.tolist()


@given(st.lists(st.lists(numbers, min_size=1, max_size=40), min_size=1, max_size=6))
def test_the_percentile_of_added_sketches_is_within_a_hundredth_of_the_exact_one(sketches: list[list[float]]) -> None:
    bins = np.concatenate([bins_of(np.array(values)) for values in sketches])
    found = percentiles(bins, np.ones(len(bins), np.int32), np.array([0, len(bins)]), [50, 95, 99])[:, 0]
    everything = [value for values in sketches for value in values]
    for percent, value in zip((50, 95, 99), found.tolist(), strict=True):
        assert value == pytest.approx(nearest_rank(everything, percent), rel=0.01 + 1e-12, abs=1e-9)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_within_a_hundredth_of_its_bin(value: float) -> None:
    found = value_of(bins_of(np.array([value])))[0]
    assert found == pytest.approx(value, rel=0.01 + 1e-12, abs=1e-9)


@given(st.lists(numbers, min_size=2, max_size=50))
def test_bins_ascend_with_the_value(values: list[float]) -> None:
    bins = bins_of(np.array(sorted(values))).tolist()
    assert bins == sorted(bins)
