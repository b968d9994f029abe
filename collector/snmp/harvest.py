"""The last two readings of every interface as arrays, and what a second's worth of polls says about their links."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray, SampleBatch, Source
from collector.snmp.continuity import AgentClocks
from collector.snmp.interfaces import READ_COLUMNS, Column
from collector.snmp.rates import COLUMN_AT, Readings, measure
from collector.snmp.template import FastValue
from inventory.model import Link

Clocks = tuple[int, int, int, int]
"""sysUpTime (1/100 s), snmpEngineBoots, snmpEngineTime (s), hrSystemUptime (1/100 s); -1 where not answered."""
NO_CLOCKS: Clocks = (-1, -1, -1, -1)


@dataclass(slots=True)
class _Columns:
    """One reading of each of n interfaces."""

    moment: FloatArray
    clocks: NDArray[np.int64]
    values: NDArray[np.uint64]
    there: NDArray[np.bool_]

    @classmethod
    def empty(cls, n: int) -> _Columns:
        shape = (n, len(READ_COLUMNS))
        return cls(
            np.full(n, math.nan), np.full((n, 4), -1, np.int64), np.zeros(shape, np.uint64), np.zeros(shape, np.bool_)
        )

    def readings(self, rows: NDArray[np.intp]) -> Readings:
        return Readings(
            moment=self.moment[rows],
            clocks=AgentClocks(*self.clocks[rows].T),
            values=self.values[rows],
            there=self.there[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """What was measured: `rows` of the harvest, and for each the fields (NaN: not known)."""

    rows: NDArray[np.intp]
    batch: SampleBatch


class Harvest:
    """Rows are links in the order given; those that are polled one after the other should stand so, as what is near in
    memory is cheap to reach. Nothing here waits or asks for the time."""

    def __init__(self, links: Sequence[Link]) -> None:
        n = len(links)
        self.links = tuple(link.id for link in links)
        self._names = np.array(self.links, dtype=object)
        self._wan = np.array([link.is_wan for link in links], dtype=np.bool_)
        committed = [max(link.committed_down_bps or 0.0, link.committed_up_bps or 0.0) for link in links]
        self._committed = np.array([bps or math.nan for bps in committed], dtype=np.float64)
        self._before, self._now = _Columns.empty(n), _Columns.empty(n)
        self._place = np.zeros(n, dtype=np.intp)
        self._slot, self._every = np.zeros(n, np.int64), np.zeros(n, np.int32)
        self._numbers, self._cells = array("Q"), list[NDArray[np.intp]]()
        self._rows: list[NDArray[np.intp]] = []
        self._moments, self._clocks = array("d"), array("q")
        self._slots, self._everies = array("q"), array("i")
        self._gauges: dict[str, list[tuple[int, float]]] = {}
        self.round = 0
        """Counts the times that were settled, so that a device knows whether its last poll still waits."""

    def expect(self, row: int, columns: Sequence[Column]) -> None:
        """From now on this row is read in these columns."""
        self._now.there[row] = False
        self._now.there[row, [COLUMN_AT[column] for column in columns]] = True

    def recall(self, rows: NDArray[np.intp], clocks: Clocks) -> None:
        """What the agent's other clocks must have shown at the last reading, for telling a restart from a wrap."""
        self._before.clocks[rows, 1:] = clocks[1:]

    @staticmethod
    def cells(row: int, columns: Sequence[Column]) -> NDArray[np.intp]:
        """Where these columns of a row lie."""
        return np.array([row * len(READ_COLUMNS) + COLUMN_AT[column] for column in columns], dtype=np.intp)

    def put(self, cells: NDArray[np.intp], numbers: Sequence[FastValue]) -> bool:
        """The numbers of one datagram, for the cells they belong to; False, and nothing is kept, when one is negative
        or no number."""
        size = len(self._numbers)
        try:
            self._numbers.extend(numbers)  # type: ignore[arg-type]
        except (OverflowError, TypeError):
            del self._numbers[size:]
            return False
        self._cells.append(cells)
        return True

    def put_gauge(self, row: int, field: str, value: float) -> None:
        self._gauges.setdefault(field, []).append((row, value))

    def polled(self, rows: NDArray[np.intp], moment: float, clocks: Clocks, slot_ms: int, every: int) -> None:
        """A device's rows were read at `moment` (seconds of our clock) for the slot that began at `slot_ms`; once at
        most before the next `settle`."""
        self._rows.append(rows)
        self._moments.append(moment)
        self._clocks.extend(clocks)
        self._slots.append(slot_ms)
        self._everies.append(every)

    def values(self, row: int) -> Mapping[Column, int]:
        """What the last reading of a row held."""
        there = self._now.there[row]
        return {column: int(self._now.values[row, at]) for column, at in COLUMN_AT.items() if there[at]}

    def settle(self, received_ms: int) -> Settled | None:
        """Everything polled since the last time, as samples; a link of which nothing is known has no row in them."""
        if not self._rows:
            return None
        self.round += 1
        rows = np.concatenate(self._rows)
        sizes = [len(each) for each in self._rows]
        self._take(rows, sizes)
        if not len(rows):
            return None
        before, now = self._before, self._now
        every = self._every[rows]
        fields = measure(
            before.readings(rows),
            now.readings(rows),
            known=~np.isnan(before.moment[rows]),
            wan=self._wan[rows],
            every=every.astype(np.float64),
            committed_bps=self._committed[rows],
        )
        fields |= self._gauge_columns(rows)
        for column in ("moment", "clocks", "values", "there"):
            getattr(before, column)[rows] = getattr(now, column)[rows]
        known = ~np.isnan(np.stack(list(fields.values()))).all(axis=0)
        if not known.all():
            rows, every = rows[known], every[known]
            fields = {name: column[known] for name, column in fields.items()}
        batch = SampleBatch(
            source=Source.SNMP,
            links=self._names[rows].tolist(),
            time=self._slot[rows],
            seconds=every,
            received_at=np.full(len(rows), received_ms, dtype=np.int64),
            fields=fields,
        )
        return Settled(rows, batch)

    def _take(self, rows: NDArray[np.intp], sizes: Sequence[int]) -> None:
        """Move what was gathered into the arrays."""
        if self._cells:
            self._now.values.reshape(-1)[np.concatenate(self._cells)] = np.frombuffer(self._numbers, dtype=np.uint64)
        self._now.moment[rows] = np.repeat(np.frombuffer(self._moments), sizes)
        clocks = np.frombuffer(self._clocks, dtype=np.int64).reshape(-1, 4)
        self._now.clocks[rows] = np.repeat(clocks, sizes, axis=0)
        self._slot[rows] = np.repeat(np.frombuffer(self._slots, dtype=np.int64), sizes)
        self._every[rows] = np.repeat(np.frombuffer(self._everies, dtype=np.int32), sizes)
        self._numbers, self._cells, self._rows = array("Q"), [], []
        self._moments, self._clocks = array("d"), array("q")
        self._slots, self._everies = array("q"), array("i")

    def _gauge_columns(self, rows: NDArray[np.intp]) -> dict[str, FloatArray]:
        if not self._gauges:
            return {}
        self._place[rows] = np.arange(len(rows))
        columns = {}
        for field, entries in self._gauges.items():
            column = columns[field] = np.full(len(rows), math.nan)
            column[self._place[[row for row, _ in entries]]] = [value for _, value in entries]
        self._gauges = {}
        return columns
