"""Reading roll-ups: hours and days of some links from the parts that hold them."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np
import polars as pl

from collector.model import FIELDS, Source
from collector.store.manifest import DAY_MS, Kind, Part
from collector.store.port import Aggregate
from collector.store.rollup_frames import rollup_of_frame
from collector.store.rollups import HOUR_MS, ROLLED, SAMPLES, Rollup, empty_rollup
from collector.store.rows import SOURCES, IntArray, Rows, empty
from collector.store.scan import naming
from collector.store.view import View, pruned

_HOURS = DAY_MS // HOUR_MS
_CELLS = 4_000_000
_EXTREME = {Aggregate.MIN: "min", Aggregate.MAX: "max"}


def read_hours(view: View, links: Sequence[str], names: Sequence[str], days: Set[int], agg: Aggregate) -> Rollup:
    """Hours of these days, of all sources, with the columns that `agg` needs (the others hold NaN). `links`
    ascend; codes are positions in them."""
    return _read(view, Kind.HOURS, links, None, names, days, [_EXTREME.get(agg, "sum")])


def hours_as_rows(
    view: View, links: Sequence[str], fields: Sequence[str], days: Set[int], agg: Aggregate
) -> Rows | None:
    """What `buckets_of_hours` makes of `read_hours` for buckets of one hour, in less time: an hour is a cell
    of a table, and nothing is sorted. None where that table would be large.

    Hours of which there are no samples are absent; `links` ascend; codes are positions in them.
    """
    first, hours = min(days) * _HOURS, (max(days) - min(days) + 1) * _HOURS
    if len(links) * len(SOURCES) * hours > _CELLS:
        return None
    column = _EXTREME.get(agg, "sum")
    paths = [view.folder / part.name for part in _parts(view, Kind.HOURS, links, days)]
    if not paths:
        return empty(links)
    keys = ("source", "field", "time", "count", "received_at", column, *(("link",) if len(links) > 1 else ()))
    begin, end = (pl.lit(hour * HOUR_MS).cast(pl.Datetime("ms", "UTC")) for hour in (first, first + hours))
    with naming(paths):
        # All fields of the links: to compare a third column costs more than to read some rows in vain.
        frame = pl.scan_parquet(paths, glob=False).filter(_of_links(links)).select(keys).collect()
        frame = frame.filter((pl.col("time") >= begin) & (pl.col("time") < end))
        series = _codes(frame["source"], [str(source) for source in SOURCES])
        if len(links) > 1:
            series = series + _codes(frame["link"], links) * len(SOURCES)
        field = _codes(frame["field"], ROLLED)
    hour = frame["time"].to_physical().to_numpy() // HOUR_MS - first
    cell = series * hours + hour
    asked = np.zeros(hours // _HOURS, dtype=bool)
    asked[np.fromiter(days, np.int64, len(days)) - min(days)] = True
    counted = (field == ROLLED.index(SAMPLES)) & asked[hour // _HOURS]
    there = np.zeros(len(links) * len(SOURCES) * hours, dtype=bool)
    there[cell[counted]] = True
    cells = np.flatnonzero(there)
    row = np.cumsum(there, dtype=np.int32) - 1
    # Of an hour that stands in several parts the last one is kept: an assignment lets the last value stand.
    received_at = np.zeros(len(cells), np.int64)
    received_at[row[cell[counted]]] = frame["received_at"].to_physical().to_numpy()[counted]
    values, count = frame[column].to_numpy(), frame["count"].to_numpy()
    columns = {}
    for name in dict.fromkeys(fields):
        of_field = np.flatnonzero(field == ROLLED.index(name))
        of_field = of_field[there[cell[of_field]]]
        if len(of_field):
            columns[name] = np.full(len(cells), np.nan)
            told = values[of_field]
            columns[name][row[cell[of_field]]] = told / count[of_field] if agg is Aggregate.MEAN else told
    code = cells // hours
    return Rows(
        tuple(links),
        (code // len(SOURCES)).astype(np.int32),
        (code % len(SOURCES)).astype(np.int8),
        (cells % hours + first) * HOUR_MS,
        np.full(len(cells), HOUR_MS // 1000, np.int32),
        received_at,
        columns,
    )


def _codes(column: pl.Series, texts: Sequence[str]) -> IntArray:
    """Each text's position in `texts`, -1 where it has none."""
    codes = column.cast(pl.Enum(list(texts)), strict=False).to_physical()
    return codes.cast(pl.Int64).fill_null(-1).to_numpy()


def read_days(
    view: View, links: Sequence[str], source: Source, names: Sequence[str], days: Set[int], *, sketches: bool
) -> Rollup:
    """These days of one source; without `sketches` their bins are left out. `links` ascend; codes are positions in
    them."""
    return _read(view, Kind.DAYS, links, source, names, days, ["sum", "min", "max"], sketches=sketches)


def _read(
    view: View,
    kind: Kind,
    links: Sequence[str],
    source: Source | None,
    names: Sequence[str],
    days: Set[int],
    columns: Sequence[str],
    *,
    sketches: bool = False,
) -> Rollup:
    every = HOUR_MS // 1000 if kind is Kind.HOURS else DAY_MS // 1000
    parts = _parts(view, kind, links, days)
    if not parts:
        return empty_rollup(every, links)
    paths = [view.folder / part.name for part in parts]
    wanted = _of_links(links)
    if source is not None:
        wanted &= pl.col("source") == str(source)
    columns = ["link", "source", "field", "time", "count", "received_at", *columns]
    with naming(paths):
        query = pl.scan_parquet(paths, glob=False)
        # Bins are most of the bytes, and only measurements have them.
        measured = [name for name in names if sketches and name in FIELDS]
        others = [name for name in names if name not in measured]
        queries = [
            query.filter(wanted & pl.col("field").is_in(some)).select(*columns, *more)
            for some, more in ((measured, ("bins", "counts")), (others, ()))
            if some
        ]
        frame = pl.concat(pl.collect_all(queries), how="diagonal")
        schema = query.collect_schema()
        missing = [name for name in schema.names() if name not in frame.columns]
        frame = frame.with_columns(*(pl.lit(None, dtype=schema[name]).alias(name) for name in missing))
        rollup = rollup_of_frame(frame, links)
    inside = np.isin(rollup.time // DAY_MS, np.fromiter(days, np.int64, len(days)))
    return rollup if inside.all() else rollup.take(inside)


def _parts(view: View, kind: Kind, links: Sequence[str], days: Set[int]) -> list[Part]:
    """The parts that may hold these days of these links. Where roll-ups of one identity stand in several, the row of
    the part with the higher `last` counts, which is read after the others."""
    found = pruned(view.manifest.parts, (kind,), links, min(days) * DAY_MS, (max(days) + 1) * DAY_MS)
    found = [part for part in found if any(part.day + i in days for i in range(part.days))]
    return sorted(found, key=lambda part: (part.last, part.slice))


def _of_links(links: Sequence[str]) -> pl.Expr:
    return pl.col("link") == links[0] if len(links) == 1 else pl.col("link").is_in(list(links))
