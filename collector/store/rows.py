"""Samples as one table of columns, and how repeated and late rows merge. Pure; the inside of every adapter.

The rule: for each (link, source, time) and each field the measured value with the latest `received_at` stands, of
equally late ones the one written last. `seconds` and `received_at` are those of the latest row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from collector.entries import coded
from collector.model import FloatArray, SampleBatch, Source, TimeArray

SOURCES: tuple[Source, ...] = tuple(Source)
IntArray = NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n samples of any links and sources. `names[link[i]]` is the link of row i, `SOURCES[source[i]]` its source.

    Rows stand in the order in which they were written until `ordered` sorts them.
    """

    names: tuple[str, ...]
    link: NDArray[np.int32]
    source: NDArray[np.int8]
    time: TimeArray
    seconds: NDArray[np.int32]
    received_at: TimeArray
    fields: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.time)

    def take(self, which: NDArray[np.generic]) -> Rows:
        """The rows at these indices, or where a mask is true."""
        return Rows(
            self.names,
            self.link[which],
            self.source[which],
            self.time[which],
            self.seconds[which],
            self.received_at[which],
            {name: values[which] for name, values in self.fields.items()},
        )

    def rearranged(self, spans: Sequence[slice]) -> Rows:
        """The rows of these spans, one after the other."""

        def put(column: NDArray[Number]) -> NDArray[Number]:
            return np.concatenate([column[span] for span in spans])

        return Rows(
            self.names,
            put(self.link),
            put(self.source),
            put(self.time),
            put(self.seconds),
            put(self.received_at),
            {name: put(values) for name, values in self.fields.items()},
        )

    def named(self, names: Sequence[str]) -> Rows:
        """The rows of these links only, their codes being positions in `names`."""
        position = {name: code for code, name in enumerate(names)}
        codes = np.fromiter((position.get(name, -1) for name in self.names), np.int32, len(self.names))
        link = codes[self.link] if len(self) else self.link
        wanted = link >= 0
        kept = self if wanted.all() else self.take(wanted)
        return replace(kept, names=tuple(names), link=link if kept is self else link[wanted])

    def between(self, start: int, end: int) -> Rows:
        """The rows with start <= time < end."""
        inside = (self.time >= start) & (self.time < end)
        return self if inside.all() else self.take(inside)


def empty(names: Sequence[str] = ()) -> Rows:
    none = np.empty(0, np.int64)
    return Rows(tuple(names), none.astype(np.int32), none.astype(np.int8), none, none.astype(np.int32), none, {})


def rows_of(batches: Sequence[SampleBatch]) -> Rows:
    """Batches as one table, in their order."""
    if not batches:
        return empty()
    codes: dict[str, int] = {}
    links = []
    for batch in batches:
        own = coded(batch.links)
        position = np.fromiter((codes.setdefault(name, len(codes)) for name in own.names), np.int32, len(own.names))
        links.append(position[own.codes])
    source = np.repeat(
        np.array([SOURCES.index(batch.source) for batch in batches], np.int8), [len(batch) for batch in batches]
    )
    return Rows(
        tuple(codes),
        np.concatenate(links),
        source,
        np.concatenate([batch.time for batch in batches]),
        np.concatenate([batch.seconds for batch in batches]),
        np.concatenate([batch.received_at for batch in batches]),
        _joined_fields([batch.fields for batch in batches], [len(batch) for batch in batches]),
    )


def batch_of_rows(source: Source, rows: Rows) -> SampleBatch:
    """Rows of one source as a batch, in their order; fields that nothing measured are left out."""
    return SampleBatch(
        source=source,
        links=[rows.names[code] for code in rows.link.tolist()],
        time=rows.time,
        seconds=rows.seconds,
        received_at=rows.received_at,
        fields={name: values for name, values in rows.fields.items() if not np.isnan(values).all()},
    )


def concatenated(tables: Sequence[Rows]) -> Rows:
    """Tables one after the other, links brought to one numbering."""
    tables = [table for table in tables if len(table)]
    if not tables:
        return empty()
    if len(tables) == 1:
        return tables[0]
    names = tuple(dict.fromkeys(name for table in tables for name in table.names))
    same = all(table.names == names for table in tables)
    tables = tables if same else [table.named(names) for table in tables]
    return Rows(
        names,
        np.concatenate([table.link for table in tables]),
        np.concatenate([table.source for table in tables]),
        np.concatenate([table.time for table in tables]),
        np.concatenate([table.seconds for table in tables]),
        np.concatenate([table.received_at for table in tables]),
        _joined_fields([table.fields for table in tables], list(map(len, tables))),
    )


def _joined_fields(parts: Sequence[Mapping[str, FloatArray]], lengths: Sequence[int]) -> dict[str, FloatArray]:
    joined = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        columns = [part[name] if name in part else np.full(n, np.nan) for part, n in zip(parts, lengths, strict=True)]
        joined[name] = np.concatenate(columns)
    return joined


def ordered(rows: Rows) -> Rows:
    """Sorted by link code, source, time, received_at; of equal rows the one written last stands last."""
    series = rows.link * np.int32(len(SOURCES)) + rows.source
    if _ascending(series, rows.time, rows.received_at):
        return rows
    # Rows mostly come as runs of one series each in order of time: putting whole runs in order copies them fastest.
    edges = np.append(starts_of(series), len(rows)).tolist()
    runs = np.argsort(series[edges[:-1]], kind="stable").tolist()
    if len(runs) * 50 < len(rows):
        rows = rows.rearranged([slice(edges[run], edges[run + 1]) for run in runs])
        series = rows.link * np.int32(len(SOURCES)) + rows.source
        if _ascending(series, rows.time, rows.received_at):
            return rows
    return rows.take(np.lexsort((rows.received_at, rows.time, series)))


def _ascending(series: NDArray[np.int32], time: TimeArray, received_at: TimeArray) -> bool:
    same = series[1:] == series[:-1]
    if not (same | (series[1:] > series[:-1])).all():
        return False
    settled_order = ~same | (time[1:] > time[:-1])
    if settled_order.all():
        return True
    return bool((settled_order | (time[1:] == time[:-1]) & (received_at[1:] >= received_at[:-1])).all())


def starts_of(*keys: NDArray[np.generic]) -> IntArray:
    """Where a new combination of keys begins, in rows sorted by them."""
    changed = np.zeros(max(len(keys[0]) - 1, 0), dtype=bool)
    for key in keys:
        changed |= key[1:] != key[:-1]
    return np.flatnonzero(np.concatenate(([len(keys[0]) > 0], changed)))


def identity_starts(rows: Rows) -> IntArray:
    """Where each (link, source, time) begins, in ordered rows."""
    return starts_of(rows.link, rows.source, rows.time)


def _last_measured(values: FloatArray, starts: IntArray) -> IntArray:
    """Of each group the index of its last value that is not NaN; -1 when there is none."""
    measured = np.where(np.isnan(values), -1, np.arange(len(values)))
    return np.maximum.reduceat(measured, starts)


def collapsed(rows: Rows, starts: IntArray) -> Rows:
    """One row a group: each field's last measured value, everything else from the last row."""
    if len(starts) == len(rows):
        return rows
    last_rows = np.append(starts[1:], len(rows)) - 1
    fields = {}
    for name, values in rows.fields.items():
        last = _last_measured(values, starts)
        fields[name] = np.where(last >= 0, values[last], np.nan)
    return replace(rows.take(last_rows), fields=fields)


def merged(rows: Rows) -> Rows:
    """One row per (link, source, time), ordered, by the rule above: what a reader sees."""
    rows = ordered(rows)
    return collapsed(rows, identity_starts(rows))


def settled(rows: Rows) -> Rows:
    """Ordered rows without the values that later ones replaced, and without the rows that this leaves empty.

    Nearly always one row per (link, source, time). Two stay where fields of one slot were received at different
    times: a value keeps its own `received_at`, so that merging parts in any grouping gives the same answer.
    """
    rows = ordered(rows)
    rows = collapsed(rows, starts_of(rows.link, rows.source, rows.time, rows.received_at))
    starts = identity_starts(rows)
    if len(starts) == len(rows):
        return rows
    lengths = np.diff(np.append(starts, len(rows)))
    keep = np.zeros(len(rows), dtype=bool)
    keep[np.append(starts[1:], len(rows)) - 1] = True
    fields = {}
    for name, values in rows.fields.items():
        stands = np.arange(len(rows)) == np.repeat(_last_measured(values, starts), lengths)
        fields[name] = np.where(stands, values, np.nan)
        keep |= stands
    return replace(rows, fields=fields).take(keep)
