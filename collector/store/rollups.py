"""Hourly and daily roll-ups of samples: exact sums and extremes, and sketches for percentiles of many days. Pure.

Tall: one row for each (link, source, field, hour or day) in which the field was measured. A roll-up is a copy made for
speed; what a contract rests on is computed from the samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from collector.availability import LinkState, sample_states
from collector.model import FIELDS, FloatArray, TimeArray
from collector.store.manifest import DAY_MS
from collector.store.port import Aggregate, Statistic
from collector.store.rows import SOURCES, IntArray, Rows, starts_of
from collector.store.sketch import (
    PERCENT,
    Block,
    Sketches,
    blocks_of,
    joined_sketches,
    no_sketches,
    percentiles,
    sketched,
)

HOUR_MS = 3_600_000
SAMPLES, UP, DOWN = "samples", "up_seconds", "down_seconds"
ROLLED: tuple[str, ...] = (*FIELDS, SAMPLES, UP, DOWN)
"""Every field, and three that are no measurement: `samples` counts rows (count, total = their number), the others hold
what the samples say of the line (count = rows that say it, total = their seconds)."""

_CODE: Mapping[str, int] = {name: code for code, name in enumerate(ROLLED)}
_TIMES = 1 << 24
"""More hours than until the year 3000, so that an identity fits into one int64."""


@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """n rows, one an identity (link, source, field, time), in that order; `every` is 3,600 or 86,400 seconds.

    `names[link[i]]` is the link of row i, `SOURCES[source[i]]` its source, `ROLLED[field[i]]` what was measured and
    `time[i]` the start of its hour or day in epoch milliseconds. `count` values add up to `total` and lie within
    `least` to `greatest` (NaN for pseudo-fields). `received_at` is the newest of the bucket's samples.
    """

    every: int
    names: tuple[str, ...]
    link: NDArray[np.int32]
    source: NDArray[np.int8]
    field: NDArray[np.int8]
    time: TimeArray
    count: NDArray[np.int32]
    total: FloatArray
    least: FloatArray
    greatest: FloatArray
    received_at: TimeArray
    sketches: Sketches | None = None

    def __len__(self) -> int:
        return len(self.time)

    def take(self, which: NDArray[np.generic]) -> Rollup:
        """The rows at these indices, or where a mask is true."""
        indices = np.flatnonzero(which) if which.dtype == np.bool_ else which.astype(np.int64)
        return Rollup(
            self.every,
            self.names,
            self.link[indices],
            self.source[indices],
            self.field[indices],
            self.time[indices],
            self.count[indices],
            self.total[indices],
            self.least[indices],
            self.greatest[indices],
            self.received_at[indices],
            None if self.sketches is None else self.sketches.take(indices),
        )


def empty_rollup(every: int, names: Sequence[str] = ()) -> Rollup:
    """No rows, of hours or of days."""
    ints, floats = np.empty(0, np.int64), np.empty(0)
    narrow, codes = ints.astype(np.int32), ints.astype(np.int8)
    sketches = no_sketches(0) if every * 1000 == DAY_MS else None
    return Rollup(every, tuple(names), narrow, codes, codes, ints, narrow, floats, floats, floats, ints, sketches)


def rolled_hours(rows: Rows) -> Rollup:
    """Merged rows by hour."""
    return _rolled(rows, HOUR_MS)


def rolled_days(rows: Rows) -> Rollup:
    """Merged rows by UTC day, with sketches."""
    return _rolled(rows, DAY_MS)


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """What one field has in g buckets of rows."""

    count: IntArray
    total: FloatArray
    least: FloatArray
    greatest: FloatArray
    sketches: Sketches | None


def _rolled(rows: Rows, every_ms: int) -> Rollup:
    every = every_ms // 1000
    if not len(rows):
        return empty_rollup(every, rows.names)
    bucket = rows.time // every_ms * every_ms
    starts = starts_of(rows.link, rows.source, bucket)
    blocks = blocks_of(starts, len(rows)) if every_ms == DAY_MS else None
    columns = {name: _measured(values, starts, blocks) for name, values in rows.fields.items()}
    columns |= _counted(rows, starts, by_day=blocks is not None)
    received_at = np.maximum.reduceat(rows.received_at, starts)
    parts = []
    for name, column in columns.items():
        held = np.flatnonzero(column.count)
        at = starts[held]
        parts.append(
            Rollup(
                every,
                rows.names,
                rows.link[at],
                rows.source[at],
                np.full(len(held), _CODE[name], np.int8),
                bucket[at],
                column.count[held].astype(np.int32),
                column.total[held],
                column.least[held],
                column.greatest[held],
                received_at[held],
                None if column.sketches is None else column.sketches.take(held),
            )
        )
    return newest_of(parts)


def _measured(values: FloatArray, starts: IntArray, blocks: Sequence[Block] | None) -> _Column:
    """One field in buckets that begin at `starts`: the sums and extremes of `answers.bucketed`, to the last bit."""
    absent = np.isnan(values)
    lengths = np.diff(np.append(starts, len(values)))
    some = bool(absent.any())
    count = lengths - np.add.reduceat(absent, starts, dtype=np.int64) if some else lengths
    return _Column(
        count,
        np.add.reduceat(np.where(absent, 0.0, values) if some else values, starts),
        np.fmin.reduceat(values, starts),
        np.fmax.reduceat(values, starts),
        None if blocks is None else sketched(values, count, blocks),
    )


def seconds_held(rows: Rows) -> IntArray:
    """How long each merged row speaks for its line, in milliseconds: its seconds, but not beyond the start of the next
    row of its series."""
    held = rows.seconds.astype(np.int64) * 1000
    same = (rows.link[1:] == rows.link[:-1]) & (rows.source[1:] == rows.source[:-1])
    held[:-1] = np.where(same, np.minimum(held[:-1], np.diff(rows.time)), held[:-1])
    return held


def _counted(rows: Rows, starts: IntArray, *, by_day: bool) -> dict[str, _Column]:
    """The pseudo-fields of each bucket."""
    held, states = seconds_held(rows), sample_states(rows.fields, len(rows))
    nothing = np.full(len(starts), np.nan)
    sketches = no_sketches(len(starts)) if by_day else None

    def column(count: IntArray, total: FloatArray) -> _Column:
        return _Column(count, total, nothing, nothing, sketches)

    lengths = np.diff(np.append(starts, len(rows)))
    columns = {SAMPLES: column(lengths, lengths.astype(np.float64))}
    for name, state in ((UP, LinkState.UP), (DOWN, LinkState.DOWN)):
        said = states == state
        count = np.add.reduceat(said, starts, dtype=np.int64)
        columns[name] = column(count, np.add.reduceat(np.where(said, held, 0), starts) / 1000)
    return columns


def _identities(rollup: Rollup) -> IntArray:
    """Each row's identity as one number, ascending in the order of a roll-up's rows."""
    series = rollup.link.astype(np.int64) * len(SOURCES) + rollup.source
    return (series * len(ROLLED) + rollup.field) * _TIMES + rollup.time // (rollup.every * 1000)


def newest_of(rollups: Sequence[Rollup]) -> Rollup:
    """Roll-ups of one kind as one, in order; of rows of one identity the last one stays. At least one is given."""
    if any(rollup.every != rollups[0].every for rollup in rollups):
        raise ValueError("roll-ups of hours and of days cannot be put together")
    rollup = _joined(rollups)
    identity = _identities(rollup)
    if (identity[1:] > identity[:-1]).all():
        return rollup
    order = np.argsort(identity, kind="stable")
    last = np.append(np.diff(identity[order]) != 0, True)
    return rollup.take(order[last])


def _joined(rollups: Sequence[Rollup]) -> Rollup:
    """One after the other, links brought to one numbering, ascending by name."""
    if len(rollups) == 1:
        return rollups[0]
    names = rollups[0].names
    if any(rollup.names != names for rollup in rollups):
        names = tuple(sorted({name for rollup in rollups for name in rollup.names}))
        rollups = [_renamed(rollup, names) for rollup in rollups]
    return Rollup(
        rollups[0].every,
        names,
        np.concatenate([rollup.link for rollup in rollups]),
        np.concatenate([rollup.source for rollup in rollups]),
        np.concatenate([rollup.field for rollup in rollups]),
        np.concatenate([rollup.time for rollup in rollups]),
        np.concatenate([rollup.count for rollup in rollups]),
        np.concatenate([rollup.total for rollup in rollups]),
        np.concatenate([rollup.least for rollup in rollups]),
        np.concatenate([rollup.greatest for rollup in rollups]),
        np.concatenate([rollup.received_at for rollup in rollups]),
        joined_sketches([rollup.sketches for rollup in rollups if rollup.sketches is not None]),
    )


def _renamed(rollup: Rollup, names: tuple[str, ...]) -> Rollup:
    position = {name: code for code, name in enumerate(names)}
    codes = np.array([position[name] for name in rollup.names], np.int32)
    return replace(rollup, names=names, link=codes[rollup.link] if len(rollup) else rollup.link)


def buckets_of_hours(hours: Rollup, every_ms: int, how: Aggregate) -> Rows:
    """What `answers.bucketed` makes of the samples, for buckets of a whole number of the roll-up's hours (or days).

    To the last bit for one hour; for more, sums are added in another order. A bucket is there when `hours` has any row
    of it, so the pseudo-field `samples` must be among them. Raises ValueError for other buckets.
    """
    if every_ms % (hours.every * 1000):
        raise ValueError(f"buckets of {every_ms} ms are no multiple of {hours.every} s")
    series = hours.link.astype(np.int64) * len(SOURCES) + hours.source
    bucket = series * _TIMES + hours.time // every_ms
    starts = starts_of(hours.field, bucket)
    buckets, place = np.unique(bucket[starts], return_inverse=True)
    received_at = np.zeros(len(buckets), np.int64)
    np.maximum.at(received_at, place, np.maximum.reduceat(hours.received_at, starts) if len(hours) else 0)
    fields = {}
    for code in np.unique(hours.field[starts]).tolist():
        if ROLLED[code] in FIELDS:
            rows = np.flatnonzero(hours.field == code)
            of_field = hours.take(rows)
            begins = starts_of(bucket[rows])
            column = np.full(len(buckets), np.nan)
            column[np.searchsorted(buckets, bucket[rows][begins])] = _gathered(of_field, begins, how)
            fields[ROLLED[code]] = column
    series = buckets // _TIMES
    return Rows(
        hours.names,
        (series // len(SOURCES)).astype(np.int32),
        (series % len(SOURCES)).astype(np.int8),
        buckets % _TIMES * every_ms,
        np.full(len(buckets), every_ms // 1000, np.int32),
        received_at,
        fields,
    )


def _gathered(hours: Rollup, starts: IntArray, how: Aggregate) -> FloatArray:
    if how is Aggregate.MIN:
        return np.minimum.reduceat(hours.least, starts)
    if how is Aggregate.MAX:
        return np.maximum.reduceat(hours.greatest, starts)
    total = np.add.reduceat(hours.total, starts)
    return total / np.add.reduceat(hours.count, starts, dtype=np.int64) if how is Aggregate.MEAN else total


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """One field of k series, in order of link and source, over all hours or days that a roll-up holds of them."""

    link: NDArray[np.int32]
    source: NDArray[np.int8]
    count: IntArray
    total: FloatArray
    least: FloatArray
    greatest: FloatArray


def totals(rollup: Rollup, field: str) -> Totals:
    """What each series has of a field or pseudo-field; a series that has none of it is absent. Exact."""
    of_field = replace(rollup, sketches=None).take(rollup.field == _CODE[field])
    starts = starts_of(of_field.link, of_field.source)
    if not len(of_field):
        return Totals(of_field.link, of_field.source, starts, of_field.total, of_field.least, of_field.greatest)
    return Totals(
        of_field.link[starts],
        of_field.source[starts],
        np.add.reduceat(of_field.count, starts, dtype=np.int64),
        np.add.reduceat(of_field.total, starts),
        np.minimum.reduceat(of_field.least, starts),
        np.maximum.reduceat(of_field.greatest, starts),
    )


def day_statistics(days: Rollup, field: str, stats: Sequence[Statistic]) -> tuple[Totals, dict[Statistic, FloatArray]]:
    """Each series that has this measurement field in `days`, and its statistics over all of them, float64[k] each.

    Count, mean, least and greatest are exact. Percentiles of one day are exact. Those of several are within 1 % of
    the exact nearest rank: read from the bins of all days added up, and kept within what was measured.
    """
    of_field = days.take(days.field == _CODE[field])
    found = totals(of_field, field)
    values = {
        Statistic.COUNT: found.count.astype(np.float64),
        Statistic.MEAN: found.total / found.count,
        Statistic.MIN: found.least,
        Statistic.MAX: found.greatest,
    }
    asked = [stat for stat in stats if stat in PERCENT]
    if asked and of_field.sketches is not None:
        sketches = of_field.sketches
        starts = starts_of(of_field.link, of_field.source)
        edges = np.append(starts, len(of_field))
        percents = [PERCENT[stat] for stat in asked]
        ranked = percentiles(sketches.bins, sketches.counts, sketches.first[edges], percents)
        exact = {Statistic.P50: sketches.p50, Statistic.P95: sketches.p95, Statistic.P99: sketches.p99}
        for stat, several in zip(asked, np.clip(ranked, found.least, found.greatest), strict=True):
            one = exact[stat][starts]
            values[stat] = np.where((np.diff(edges) == 1) & ~np.isnan(one), one, several)
    return found, {stat: values[stat] for stat in stats}
