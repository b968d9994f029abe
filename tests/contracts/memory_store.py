"""A MeasurementStore of plain dicts and lists, written from the words of the port alone.

It is one more adapter under the contract suite, and the model that the property tests compare the others with, so it
shares no code with them: what the port promises is said here a second time, row by row and without any array.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from collector.measures import Availability
from collector.model import FIELDS, Fact, FactKind, SampleBatch, Series, Source
from collector.store.port import (
    Aggregate,
    Due,
    MaintenanceReport,
    Selector,
    Statistic,
    StoreError,
    StoreHealth,
    Summary,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_3000_MS = 32_503_680_000_000


def milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def moment_of(time: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time)


@dataclass
class Row:
    """One (link, source, time): the newest row's slot, and of each field its newest measured value."""

    seconds: int
    received_at: int
    values: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Of each field when its value was received, and the value."""

    def take(self, seconds: int, received_at: int, values: dict[str, float]) -> None:
        if received_at >= self.received_at:
            self.seconds, self.received_at = seconds, received_at
        for name, value in values.items():
            if name not in self.values or received_at >= self.values[name][0]:
                self.values[name] = received_at, value

    def value(self, name: str) -> float:
        return self.values[name][1] if name in self.values else math.nan

    def says(self) -> str:
        """What the row says of its line: a port that is down settles it, and a contradiction says nothing."""
        loss, received, port = self.value("loss_pct"), self.value("rx_bps"), self.value("oper_up")
        if port == 0:
            return "down"
        up = loss < 100 or received >= 1000 or (self.value("loss_rx_pct") < 100 and self.value("loss_tx_pct") < 100)
        down = loss >= 100
        return "" if up == down else "up" if up else "down"


Rows = dict[int, Row]
"""The rows of one link and source by time (epoch milliseconds)."""


class MemoryStore:
    """Raw samples are kept for `raw_days` whole days after their own, what roll-ups can say of them for ever."""

    def __init__(self, raw_days: int = 95) -> None:
        self.raw_days = raw_days
        self.raw: dict[tuple[str, Source], Rows] = {}
        self.expired: dict[tuple[str, Source], Rows] = {}
        """What has expired, which only hours and days may still be asked about."""
        self.said: dict[tuple[object, ...], Fact] = {}

    async def write(self, batch: SampleBatch) -> None:
        for time in [*batch.time.tolist(), *batch.received_at.tolist()]:
            if not 0 <= time < YEAR_3000_MS:
                raise StoreError(f"{time} ms is no time")
        for i, link in enumerate(batch.links):
            measured = {name: float(column[i]) for name, column in batch.fields.items() if math.isfinite(column[i])}
            rows = self.raw.setdefault((link, batch.source), {})
            seconds, received_at = int(batch.seconds[i]), int(batch.received_at[i])
            rows.setdefault(int(batch.time[i]), Row(seconds, received_at)).take(seconds, received_at, measured)

    async def write_facts(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self.said.setdefault((fact.source, fact.subject, fact.kind, fact.time, fact.value), fact)

    async def window(
        self,
        links: Sequence[str],
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        every: timedelta | None = None,
        agg: Aggregate | None = None,
    ) -> Sequence[Series]:
        refuse_unknown(fields)
        if (every is None) != (agg is None):
            raise StoreError("a window in buckets needs both `every` and `agg`")
        if every is not None and (every < timedelta(seconds=1) or every % timedelta(seconds=1)):
            raise StoreError(f"buckets of {every} are not possible")
        found = []
        for link in dict.fromkeys(links):
            for source in Source:
                rows = self._rows(link, source, start, end)
                if every is not None and agg is not None:
                    whole_hours = every % timedelta(hours=1) == timedelta(0)
                    rows = self._rows(link, source, start, end, expired=True) if whole_hours else rows
                    rows = in_buckets(rows, fields, every // timedelta(milliseconds=1), agg)
                if rows:
                    found.append(series_of(link, source, rows, fields))
        return found

    async def facts(
        self, subjects: Sequence[str], start: datetime, end: datetime, kinds: Sequence[FactKind] = ()
    ) -> Sequence[Fact]:
        return sorted(
            fact
            for fact in self.said.values()
            if fact.subject in subjects and start <= fact.time < end and (not kinds or fact.kind in kinds)
        )

    async def summary(
        self,
        selector: Selector,
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        stats: Sequence[Statistic],
        due: Due | None = None,
        *,
        approximate: bool = False,
    ) -> Sequence[Summary]:
        refuse_unknown(fields)
        found = []
        for link in selector.links:
            rows = self._rows(link, selector.source, start, end, expired=approximate)
            values = {}
            for name in fields:
                column = sorted(row.value(name) for row in rows.values() if name in row.values)
                if column:
                    values[name] = {each: statistic(column, each) for each in stats}
            newest = moment_of(max(rows)) if rows else None
            said = None if due is None else availability(rows, start, end, due)
            found.append(Summary(link, values, len(rows), newest, said, approximate=False))
        return found

    async def latest(self, selector: Selector, now: datetime, max_age: timedelta) -> SampleBatch:
        newest = []
        for link in dict.fromkeys(selector.links):
            rows = self._rows(link, selector.source, now - max_age, moment_of(YEAR_3000_MS))
            if rows:
                newest.append((link, max(rows), rows[max(rows)]))
        measured = [name for name in FIELDS if any(name in row.values for _, _, row in newest)]
        return SampleBatch(
            source=selector.source,
            links=[link for link, _, _ in newest],
            time=np.array([time for _, time, _ in newest], np.int64),
            seconds=np.array([row.seconds for _, _, row in newest], np.int32),
            received_at=np.array([row.received_at for _, _, row in newest], np.int64),
            fields={name: np.array([row.value(name) for _, _, row in newest]) for name in measured},
        )

    async def maintain(self, now: datetime) -> MaintenanceReport:
        kept_from = (milliseconds(now) // DAY_MS - self.raw_days) * DAY_MS
        for key, rows in self.raw.items():
            for time in [time for time in rows if time < kept_from]:
                self.expired.setdefault(key, {})[time] = rows.pop(time)
        self.said = {key: fact for key, fact in self.said.items() if milliseconds(fact.time) >= kept_from}
        return MaintenanceReport(0, 0, 0)

    async def health(self) -> StoreHealth:
        times = [time for rows in self.raw.values() for time in rows]
        return StoreHealth(True, 0, moment_of(max(times)) if times else None, "in memory")

    async def close(self) -> None:
        """Nothing to close."""

    def _rows(self, link: str, source: Source, start: datetime, end: datetime, *, expired: bool = False) -> Rows:
        rows = self.raw.get((link, source), {})
        if expired:
            rows = {**self.expired.get((link, source), {}), **rows}
        return {time: rows[time] for time in sorted(rows) if milliseconds(start) <= time < milliseconds(end)}


def refuse_unknown(fields: Iterable[str]) -> None:
    for name in fields:
        if name not in FIELDS:
            raise StoreError(f"{name!r} is no measurement field")


def in_buckets(rows: Rows, fields: Sequence[str], every: int, agg: Aggregate) -> Rows:
    gather = {Aggregate.MEAN: lambda v: sum(v) / len(v), Aggregate.SUM: sum, Aggregate.MIN: min, Aggregate.MAX: max}
    buckets: dict[int, list[Row]] = {}
    for time, row in rows.items():
        buckets.setdefault(time - time % every, []).append(row)
    found = {}
    for time, members in buckets.items():
        newest = max(row.received_at for row in members)
        found[time] = Row(every // 1000, newest)
        for name in fields:
            values = [row.value(name) for row in members if name in row.values]
            if values:
                found[time].values[name] = newest, gather[agg](values)
    return found


def series_of(link: str, source: Source, rows: Rows, fields: Sequence[str]) -> Series:
    measured = [name for name in dict.fromkeys(fields) if any(name in row.values for row in rows.values())]
    return Series(
        link=link,
        source=source,
        time=np.array(list(rows), np.int64),
        seconds=np.array([row.seconds for row in rows.values()], np.int32),
        received_at=np.array([row.received_at for row in rows.values()], np.int64),
        fields={name: np.array([row.value(name) for row in rows.values()]) for name in measured},
    )


def statistic(ascending: Sequence[float], which: Statistic) -> float:
    """Of values in ascending order, at least one; percentiles are the ceil(p n / 100)-th smallest."""
    n = len(ascending)
    if which in (Statistic.P50, Statistic.P95, Statistic.P99):
        percent = int(which.removeprefix("p"))
        return ascending[-(-percent * n // 100) - 1]
    found = {
        Statistic.MEAN: math.fsum(ascending) / n,
        Statistic.MIN: ascending[0],
        Statistic.MAX: ascending[-1],
        Statistic.COUNT: float(n),
    }
    return found[which]


def availability(rows: Rows, start: datetime, end: datetime, due: Due) -> Availability:
    """Seconds that rows say up and down, each until the next one begins; expected are all slots but those that may
    still come: not over yet, or absent until their end + late."""
    seconds = {"up": 0.0, "down": 0.0, "": 0.0}
    times = list(rows)
    for i, time in enumerate(times):
        until = min([time + rows[time].seconds * 1000, *times[i + 1 : i + 2]])
        seconds[rows[time].says()] += (until - time) / 1000
    step, now = due.cadence.every * 1000, milliseconds(due.now)
    there = set()
    for time, row in rows.items():
        slot = time - time % step
        there |= {slot + i * step for i in range(max(1, row.seconds // due.cadence.every))}
    expected = 0
    slot = -(-milliseconds(start) // step) * step
    while slot < milliseconds(end) and slot + step <= now:
        expected += slot in there or slot + step + due.cadence.late * 1000 <= now
        slot += step
    return Availability(up=seconds["up"], down=seconds["down"], expected=float(expected * due.cadence.every))
