"""From merged rows to the answers of the port: series and buckets. Pure, and the same for every adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np

from collector.model import FIELDS, Fact, FloatArray, Series
from collector.store.port import Aggregate, StoreError
from collector.store.rows import SOURCES, IntArray, Rows, starts_of

_IGNORING_NAN: Mapping[Aggregate, np.ufunc] = {
    Aggregate.MIN: np.fmin,
    Aggregate.MAX: np.fmax,
}


def check_question(fields: Sequence[str], every: timedelta | None, agg: Aggregate | None) -> None:
    """Raise StoreError when a window or summary asks for what cannot be."""
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        raise StoreError(f"{unknown[0]!r} is no measurement field; known are {', '.join(FIELDS)}")
    if (every is None) != (agg is None):
        raise StoreError("a window in buckets needs both `every` and `agg`; give both or neither")
    if every is not None and (every <= timedelta(0) or every % timedelta(seconds=1)):
        raise StoreError(f"buckets of {every} are not possible; give whole seconds, at least one")


def identity(fact: Fact) -> tuple[object, ...]:
    """What makes two facts the same."""
    return fact.source, fact.subject, fact.kind, fact.time, fact.value


def distinct(facts: Sequence[Fact]) -> list[Fact]:
    """Facts without repetitions, the first of each staying."""
    known: dict[tuple[object, ...], Fact] = {}
    for fact in facts:
        known.setdefault(identity(fact), fact)
    return list(known.values())


def series_of(rows: Rows) -> list[Series]:
    """One Series per (link, source) of merged rows, in their order; fields that nothing measured are left out."""
    edges = np.append(starts_of(rows.link, rows.source), len(rows)) if len(rows) else ()
    found = []
    for start, end in pairwise(edges):
        span = slice(int(start), int(end))
        columns = {name: values[span] for name, values in rows.fields.items()}
        found.append(
            Series(
                link=rows.names[rows.link[start]],
                source=SOURCES[rows.source[start]],
                time=rows.time[span],
                seconds=rows.seconds[span],
                received_at=rows.received_at[span],
                fields={name: values for name, values in columns.items() if not np.isnan(values).all()},
            )
        )
    return found


def bucketed(rows: Rows, every_ms: int, how: Aggregate) -> Rows:
    """Merged rows gathered in buckets of `every_ms` aligned to 1970; unmeasured values are left out of each."""
    bucket = rows.time // every_ms * every_ms
    starts = starts_of(rows.link, rows.source, bucket)
    if not len(rows):
        return rows
    first = replace(rows, fields={}).take(starts)
    return replace(
        first,
        time=bucket[starts],
        seconds=np.full(len(starts), every_ms // 1000, np.int32),
        received_at=np.maximum.reduceat(rows.received_at, starts),
        fields={name: _gathered(values, starts, how) for name, values in rows.fields.items()},
    )


def _gathered(values: FloatArray, starts: IntArray, how: Aggregate) -> FloatArray:
    if how in _IGNORING_NAN:
        return np.asarray(_IGNORING_NAN[how].reduceat(values, starts), np.float64)
    measured = ~np.isnan(values)
    count = np.add.reduceat(measured.astype(np.int64), starts)
    total = np.add.reduceat(np.where(measured, values, 0.0), starts)
    if how is Aggregate.MEAN:
        total = total / np.maximum(count, 1)
    return np.where(count > 0, total, np.nan)
