"""Reading roll-ups: hours and days of some links from the parts that hold them."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np
import polars as pl

from collector.model import FIELDS, Source
from collector.store.manifest import DAY_MS, Kind
from collector.store.port import Aggregate
from collector.store.rollup_frames import rollup_of_frame
from collector.store.rollups import HOUR_MS, Rollup, empty_rollup
from collector.store.scan import naming
from collector.store.view import View, pruned

_EXTREME = {Aggregate.MIN: "min", Aggregate.MAX: "max"}


def read_hours(view: View, links: Sequence[str], names: Sequence[str], days: Set[int], agg: Aggregate) -> Rollup:
    """Hours of these days, of all sources, with the columns that `agg` needs (the others hold NaN). `links`
    ascend; codes are positions in them."""
    column = _EXTREME.get(agg, "sum")
    return _read(view, Kind.HOURS, links, None, names, days, [column])


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
    start, end = min(days) * DAY_MS, (max(days) + 1) * DAY_MS
    parts = pruned(view.manifest.parts, (kind,), links, start, end)
    # Where roll-ups of one identity stand in several parts, the row of the part with the higher `last` stays.
    parts.sort(key=lambda part: (part.last, part.slice))
    parts = [part for part in parts if any(part.day + i in days for i in range(part.days))]
    if not parts:
        return empty_rollup(every, links)
    paths = [view.folder / part.name for part in parts]
    wanted = pl.col("link").is_in(list(links)) if len(links) > 1 else pl.col("link") == links[0]
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
