"""The hot window: the last minutes of every watched line's samples as arrays in memory, for the sweep alone.

A float32 matrix a field, of the series (link and source) that ever measured it. In memory a minute of all series lies
together: as such a minute arrives, and as rules look at all lines at once. What is decided is decided from stored
float64 values: this only tells where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from collector.store.rows import SOURCES, Rows

MINUTE_MS = 60_000
AHEAD = 16
"""Minutes kept beyond the newest one: a slot may reach past it, and a clock may be a little ahead of ours."""
COUNTED = ("flaps",)
"""Counts: a slot of many minutes counts in its first one, and slots within one minute add up."""
TRAFFIC = ("rx_bps", "tx_bps", "rx_capacity_bps", "tx_capacity_bps")
LEAST = ("oper_up",)
_EMPTY = np.iinfo(np.int32).min

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]
Shorts = NDArray[np.int32]
Scalar = TypeVar("Scalar", bound=np.generic)


class HotWindow:
    """The last `minutes` of these `fields` of these `links`. Not safe for threads at the same time.

    In each minute the slot that began last speaks, of the same slot the row received last, and a field that it did
    not measure is what an earlier row said of that minute. Of several slots within one minute a quality field holds
    the worst, so that a second's loss is seen; traffic holds the last. A row received before the one that stands, or of
    a slot that began before it, fills only what that one left open, and the first to fill it stays.
    """

    def __init__(self, links: Sequence[str], fields: Sequence[str], minutes: int) -> None:
        self.links, self.fields, self.minutes = tuple(links), tuple(fields), minutes
        self.now_minute = 0
        """Minutes since 1970 of the newest column that `matrix` may be asked for."""
        self._columns = minutes + AHEAD
        self._code = {link: code for code, link in enumerate(self.links)}
        self._row: Shorts = np.full(len(self.links) * len(SOURCES), -1, np.int32)
        self._count = 0
        self._series: Numbers = np.empty(0, np.int64)
        self._newest: Numbers = np.empty(0, np.int64)
        self._seconds: Shorts = np.empty(0, np.int32)
        self._age: Shorts = np.empty((self._columns, 0), np.int32)
        self._lag: Shorts = np.empty((self._columns, 0), np.int32)
        self._several: NDArray[np.bool_] = np.empty((self._columns, 0), np.bool_)
        self._matrices = {name: _Matrix(self._columns) for name in self.fields}

    def __len__(self) -> int:
        """How many series have measured anything."""
        return self._count

    @property
    def link(self) -> Numbers:
        """Per series the position of its link in `links`."""
        return self._series[: self._count] // len(SOURCES)

    @property
    def source(self) -> Numbers:
        """Per series the position of its source in `collector.store.rows.SOURCES`."""
        return self._series[: self._count] % len(SOURCES)

    @property
    def newest(self) -> Numbers:
        """Per series the start of its newest slot, epoch milliseconds."""
        return self._newest[: self._count]

    @property
    def slot_minutes(self) -> Numbers:
        """Per series the length of its newest slot in whole minutes, at least 1."""
        return _minutes_of(self._seconds[: self._count])

    @property
    def slot_seconds(self) -> Shorts:
        """Per series the length of its newest slot in seconds."""
        return self._seconds[: self._count]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        own = (self._row, self._series, self._newest, self._seconds, self._age, self._lag, self._several)
        return sum(array.nbytes for array in own) + sum(matrix.nbytes for matrix in self._matrices.values())

    def measured(self, name: str) -> Shorts:
        """The series that ever measured a field: the rows of its matrix."""
        return self._matrices[name].series

    def matrix(self, name: str, minute: int, rows: slice | NDArray[np.integer] = slice(None)) -> Floats:
        """Values of a field in the `minutes` up to and with `minute` (since 1970), a row for each of `measured(name)`
        (of these rows of it), the newest column last; NaN where nothing was measured or kept. Columns lie together."""
        wanted = np.arange(minute - self.minutes + 1, minute + 1)
        values = self._matrices[name].taken(wanted % self._columns, rows)
        newest = self.now_minute + AHEAD
        values[(wanted <= newest - self._columns) | (wanted > newest)] = np.nan
        return values.T

    def rows_of(self, name: str, series: NDArray[np.integer]) -> Shorts:
        """Where these series stand in a field's matrix; -1 for those that never measured it."""
        return self._matrices[name].find(series)

    def advance(self, now_ms: int) -> None:
        """Let the newest column be that of this moment; never backwards."""
        minute = now_ms // MINUTE_MS
        fresh = min(minute - self.now_minute, self._columns)
        if fresh <= 0:
            return
        self.now_minute = minute
        columns = np.arange(minute + AHEAD - fresh + 1, minute + AHEAD + 1) % self._columns
        self._age[columns] = _EMPTY
        self._several[columns] = False
        for matrix in self._matrices.values():
            matrix.forget(columns)

    def take_in(self, rows: Rows) -> None:
        """Put rows where they belong, in the order in which they were written; what is too old, too far ahead, or of
        a link that is not watched is passed over."""
        codes = np.fromiter((self._code.get(name, -1) for name in rows.names), np.int64, len(rows.names))
        link = codes[rows.link] if len(rows) else np.empty(0, np.int64)
        minute, width = rows.time // MINUTE_MS, _minutes_of(rows.seconds)
        newest = self.now_minute + AHEAD
        kept = (link >= 0) & (minute + width > newest - self._columns + 1) & (minute <= newest)
        if not kept.all():
            rows, link, minute, width = rows.take(kept), link[kept], minute[kept], width[kept]
        if not len(rows):
            return
        series = self._places(link * len(SOURCES) + rows.source)
        self._note_newest(series, rows)
        width = np.minimum(width, self._columns)
        row = np.repeat(np.arange(len(rows)), width)
        offset = np.arange(len(row)) - np.repeat(np.cumsum(width) - width, width)
        inside = (minute[row] + offset <= newest) & (minute[row] + offset > newest - self._columns)
        row, offset = row[inside], offset[inside]
        column = (minute[row] + offset) % self._columns
        for turn in _turns(series[row] * self._columns + column):
            self._put(rows, series[row[turn]], row[turn], column[turn], offset[turn])

    def _put(
        self,
        rows: Rows,
        series: NDArray[np.integer],
        row: NDArray[np.integer],
        column: NDArray[np.integer],
        offset: NDArray[np.integer],
    ) -> None:
        """One row a cell."""
        age = ((rows.time[row] // MINUTE_MS + offset) * MINUTE_MS - rows.time[row]).astype(np.int32)
        lag = _int32(rows.received_at[row] - rows.time[row])
        there, was = self._age[column, series], self._lag[column, series]
        empty, same = there == _EMPTY, there == age
        newer = empty | (age < there)
        wins = newer | (same & (lag >= was))
        brief = rows.seconds[row] < 60
        beside = brief & ~empty & ((~same & (there <= 0)) | (same & self._several[column, series]))
        self._age[column[wins], series[wins]] = age[wins]
        self._lag[column[wins], series[wins]] = lag[wins]
        self._several[column[beside], series[beside]] = True
        for name, matrix in self._matrices.items():
            values = rows.fields.get(name)
            if values is None:
                continue
            new = values[row].astype(np.float32)
            measured = ~np.isnan(new)
            if not measured.any():
                continue
            if name in COUNTED:
                new[offset > 0] = 0.0
            matrix.put(
                name, series[measured], column[measured], new[measured], wins[measured], beside[measured],
                newer[measured],
            )  # fmt: skip

    def _places(self, keys: Numbers) -> Numbers:
        """Row of each series, new ones getting the next free rows."""
        fresh = np.unique(keys[self._row[keys] < 0])
        if len(fresh):
            first, self._count = self._count, self._count + len(fresh)
            self._series = _room(self._series, self._count, 0)
            self._newest = _room(self._newest, self._count, 0)
            self._seconds = _room(self._seconds, self._count, 60)
            self._age = _room(self._age, self._count, _EMPTY)
            self._lag = _room(self._lag, self._count, 0)
            self._several = _room(self._several, self._count, 0)
            self._series[first : self._count] = fresh
            self._row[fresh] = np.arange(first, self._count)
        return self._row[keys].astype(np.int64)

    def _note_newest(self, series: Numbers, rows: Rows) -> None:
        np.maximum.at(self._newest, series, rows.time)
        latest = rows.time == self._newest[series]
        self._seconds[series[latest]] = rows.seconds[latest]


class _Matrix:
    """One field: of each series that measured it a value a minute; the minutes are the first axis."""

    def __init__(self, columns: int) -> None:
        self._values: Floats = np.empty((columns, 0), np.float32)
        self._series: Shorts = np.empty(0, np.int32)
        self._row: Shorts = np.empty(0, np.int32)
        self._count = 0

    @property
    def nbytes(self) -> int:
        return self._values.nbytes + self._series.nbytes + self._row.nbytes

    @property
    def series(self) -> Shorts:
        return self._series[: self._count]

    def taken(self, columns: NDArray[np.integer], rows: slice | NDArray[np.integer]) -> Floats:
        """A copy of these minutes of these series."""
        if isinstance(rows, slice):
            return np.asarray(self._values[:, : self._count][:, rows].take(columns, axis=0))
        return np.asarray(self._values[columns[:, None], rows])

    def forget(self, columns: NDArray[np.integer]) -> None:
        self._values[columns] = np.nan

    def find(self, series: NDArray[np.integer]) -> Shorts:
        known = series < len(self._row)
        row = np.full(len(series), -1, np.int32)
        row[known] = self._row[series[known]]
        return row

    def put(
        self,
        name: str,
        series: NDArray[np.integer],
        column: NDArray[np.integer],
        new: Floats,
        wins: NDArray[np.bool_],
        beside: NDArray[np.bool_],
        newer: NDArray[np.bool_],
    ) -> None:
        """Measured values into cells; `beside` are those that share their minute with other slots."""
        row = self._places(series)
        old = self._values[column, row]
        values = np.where(wins | np.isnan(old), new, old)
        if beside.any() and name not in TRAFFIC:
            values = np.where(beside, _gathered(name, old, new, newer), values)
        self._values[column, row] = values

    def _places(self, series: NDArray[np.integer]) -> Shorts:
        row = self.find(series)
        fresh = np.unique(series[row < 0])
        if not len(fresh):
            return row
        first, self._count = self._count, self._count + len(fresh)
        self._values = _room(self._values, self._count, np.nan)
        self._series = _room(self._series, self._count, -1)
        self._row = _room(self._row, int(fresh[-1]) + 1, -1)
        self._series[first : self._count] = fresh
        self._row[fresh] = np.arange(first, self._count)
        return np.asarray(self._row[series])


def _gathered(name: str, old: Floats, new: Floats, newer: NDArray[np.bool_]) -> Floats:
    """What a minute of several slots says: the worst; of counts their sum, a repeated slot adding nothing."""
    if name in COUNTED:
        return np.where(newer, np.nan_to_num(old) + new, np.fmax(old, new))
    return np.asarray((np.fmin if name in LEAST else np.fmax)(old, new))


def _turns(cells: Numbers) -> Sequence[NDArray[np.intp]]:
    """Indices in as many turns as the fullest cell needs, so that each turn meets a cell once, in the given order."""
    order = np.argsort(cells, kind="stable")
    first = np.concatenate(([True], np.diff(cells[order]) != 0))
    if first.all():
        return [np.arange(len(cells))]
    place = np.arange(len(cells))
    occurrence = place - np.maximum.accumulate(np.where(first, place, 0))
    return [order[occurrence == turn] for turn in range(int(occurrence.max()) + 1)]


def _minutes_of(seconds: Shorts) -> Numbers:
    return np.maximum(seconds.astype(np.int64) // 60, 1)


def _int32(values: Numbers) -> Shorts:
    return np.clip(values, -(2**31) + 1, 2**31 - 1).astype(np.int32)


def _room(array: NDArray[Scalar], series: int, fill: float) -> NDArray[Scalar]:
    """The array with room for so many series, its last axis, grown by more than asked so that growing is rare."""
    held = array.shape[-1]
    if series <= held:
        return array
    grown = np.full((*array.shape[:-1], max(series, held + held // 8)), fill, array.dtype)
    grown[..., :held] = array
    return grown
