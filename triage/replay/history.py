"""A store's history as it was known at a simulated moment: read in bulk, shared by whoever looks back, never written.

A row or fact is known from its `received_at` on; an imported one, which has no arrival of its own, from the end of its
slot and the lateness that its source promises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from collector.model import FIELDS, Cadence, Fact, FactKind, SampleBatch, Series, Source, TimeArray
from collector.store.answers import bucketed, check_question, series_of
from collector.store.hot_follower import rows_of_series
from collector.store.port import (
    Aggregate,
    MaintenanceReport,
    MeasurementStore,
    StoreError,
    StoreHealth,
    Summary,
)
from config.clock import Clock, epoch_ms, from_epoch_ms

ANSWERED = "history as of a moment answers windows and facts only; ask the store itself"
REFUSED = "history is only read; write to the installation's own store"
DAY_MS = 86_400_000
MOST_ROWS = 3_000_000
"""Rows of samples that are kept for the next question, about half a gigabyte; the lines asked for longest ago go."""


@dataclass(slots=True, eq=False)
class _Days:
    """What is kept of one link or device, by UTC day since 1970."""

    series: dict[int, list[Series]] = field(default_factory=dict)
    facts: dict[int, list[Fact]] = field(default_factory=dict)
    rows: int = 0


class History:
    """The samples and facts of whole days, future ones too; each line's day is read from the store once."""

    def __init__(self, store: MeasurementStore, cadences: Mapping[Source, Cadence], most_rows: int = MOST_ROWS) -> None:
        self.store = store
        self._cadences = cadences
        self._most_rows = most_rows
        self._kept: dict[str, _Days] = {}
        self._rows = 0
        self._answers: dict[tuple[object, ...], Sequence[Series]] = {}
        self._answered_at = -1

    def answers_at(self, now: int) -> dict[tuple[object, ...], Sequence[Series]]:
        """What has been answered as of this very moment, to be added to; an earlier moment's is forgotten."""
        if now != self._answered_at:
            self._answers, self._answered_at = {}, now
        return self._answers

    def arrival(self, series: Series) -> TimeArray:
        """When each row became known, epoch milliseconds."""
        if series.source is not Source.IMPORT:
            return series.received_at
        return series.time + (series.seconds.astype(np.int64) + self._late(Source.IMPORT)) * 1000

    def known_at(self, fact: Fact) -> datetime:
        imported = fact.source is Source.IMPORT
        return fact.time + timedelta(seconds=self._late(Source.IMPORT)) if imported else fact.received_at

    def _late(self, source: Source) -> int:
        cadence = self._cadences.get(source)
        return cadence.late if cadence is not None else 0

    async def series(self, links: Sequence[str], start: int, end: int) -> Sequence[Series]:
        """Samples with start <= time < end (epoch milliseconds): of each link, day and source one Series."""
        days = range(start // DAY_MS, -(-end // DAY_MS))
        lacking = [link for link in links if any(day not in self._days(link).series for day in days)]
        if lacking:
            first, last = _span(days, [self._days(link).series.keys() for link in lacking])
            begin, until = from_epoch_ms(first * DAY_MS), from_epoch_ms((last + 1) * DAY_MS)
            found = await self.store.window(lacking, tuple(FIELDS), begin, until)
            for link in lacking:
                self._keep(link, range(first, last + 1), [one for one in found if one.link == link])
        answer = [one for link in links for day in days for one in self._days(link).series[day]]
        self._make_room(links)
        return answer

    async def facts(self, subjects: Sequence[str], start: int, end: int) -> Sequence[Fact]:
        """Facts of the days that hold start <= time < end (epoch milliseconds), ascending in time for each subject."""
        days = range(start // DAY_MS, -(-end // DAY_MS))
        lacking = [name for name in subjects if any(day not in self._days(name).facts for day in days)]
        if lacking:
            first, last = _span(days, [self._days(name).facts.keys() for name in lacking])
            begin, until = from_epoch_ms(first * DAY_MS), from_epoch_ms((last + 1) * DAY_MS)
            for name in lacking:
                self._days(name).facts.update((day, []) for day in range(first, last + 1))
            for fact in await self.store.facts(lacking, begin, until):
                self._days(fact.subject).facts[epoch_ms(fact.time) // DAY_MS].append(fact)
        return [fact for name in subjects for day in days for fact in self._days(name).facts[day]]

    def _days(self, name: str) -> _Days:
        return self._kept.setdefault(name, _Days())

    def _keep(self, link: str, days: range, found: Sequence[Series]) -> None:
        kept = self._days(link)
        for day in days:
            pieces = [between(one, day * DAY_MS, (day + 1) * DAY_MS) for one in found]
            before = sum(map(len, kept.series.get(day, ())))
            kept.series[day] = [piece for piece in pieces if len(piece)]
            kept.rows += sum(map(len, kept.series[day])) - before
            self._rows += sum(map(len, kept.series[day])) - before

    def _make_room(self, asked: Sequence[str]) -> None:
        """Forget the lines that were asked for longest ago; those just asked for come last and stay."""
        for name in asked:
            self._kept[name] = self._kept.pop(name)
        for name in list(self._kept)[: -len(asked) or None]:
            if self._rows <= self._most_rows:
                return
            self._rows -= self._kept.pop(name).rows


def _span(days: range, known: Sequence[Mapping[int, object] | object]) -> tuple[int, int]:
    """The first and last day that any of them lacks."""
    lacking = [day for day in days if any(day not in each for each in known)]  # type: ignore[operator]
    return lacking[0], lacking[-1]


def between(series: Series, start: int, end: int) -> Series:
    """The rows with start <= time < end (epoch milliseconds); views, no copies."""
    first, last = np.searchsorted(series.time, (start, end))
    return _rows(series, slice(int(first), int(last)))


def _rows(series: Series, which: slice | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Series:
    return Series(
        series.link, series.source, series.time[which], series.seconds[which], series.received_at[which],
        {name: values[which] for name, values in series.fields.items()},
    )  # fmt: skip


def joined(pieces: Sequence[Series], fields: Sequence[str]) -> Series:
    """Pieces of one link and source, ascending in time, as one; fields that nothing measured are left out."""
    known = [name for name in fields if any(name in piece.fields for piece in pieces)]
    columns = {name: np.concatenate([piece.column(name) for piece in pieces]) for name in known}
    return Series(
        pieces[0].link, pieces[0].source, np.concatenate([piece.time for piece in pieces]),
        np.concatenate([piece.seconds for piece in pieces]), np.concatenate([piece.received_at for piece in pieces]),
        {name: values for name, values in columns.items() if not np.isnan(values).all()},
    )  # fmt: skip


class AsOf:
    """A MeasurementStore that shows what was known by the clock's now, and refuses to be written."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock

    async def window(
        self,
        links: Sequence[str],
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        every: timedelta | None = None,
        agg: Aggregate | None = None,
    ) -> Sequence[Series]:
        check_question(fields, every, agg)
        found = await self._known(tuple(dict.fromkeys(links)), tuple(fields), epoch_ms(start), epoch_ms(end))
        if every is None or agg is None:
            return found
        return series_of(bucketed(rows_of_series(found), every // timedelta(milliseconds=1), agg))

    async def _known(self, links: tuple[str, ...], fields: tuple[str, ...], begin: int, until: int) -> Sequence[Series]:
        """What was known by now, asked once by all who look from the same moment."""
        now = epoch_ms(self._clock.now())
        asked = (links, fields, begin, until)
        answers = self._history.answers_at(now)
        if asked not in answers:
            answers[asked] = await self._joined(links, fields, begin, until, now)
        return answers[asked]

    async def _joined(
        self, links: Sequence[str], fields: Sequence[str], begin: int, until: int, now: int
    ) -> Sequence[Series]:
        pieces: dict[tuple[str, Source], list[Series]] = {}
        for one in await self._history.series(links, begin, until):
            inside = between(one, begin, until)
            arrival = self._history.arrival(inside)
            known = inside if len(arrival) == 0 or arrival.max() <= now else _rows(inside, arrival <= now)
            if len(known):
                pieces.setdefault((one.link, one.source), []).append(known)
        return [joined(some, fields) for some in pieces.values()]

    async def facts(
        self, subjects: Sequence[str], start: datetime, end: datetime, kinds: Sequence[FactKind] = ()
    ) -> Sequence[Fact]:
        now = self._clock.now()
        told = await self._history.facts(tuple(dict.fromkeys(subjects)), epoch_ms(start), epoch_ms(end))
        return sorted(
            fact
            for fact in told
            if start <= fact.time < end and (not kinds or fact.kind in kinds) and self._history.known_at(fact) <= now
        )

    async def summary(self, *_: object, **__: object) -> Sequence[Summary]:
        raise StoreError(ANSWERED)

    async def latest(self, *_: object, **__: object) -> SampleBatch:
        raise StoreError(ANSWERED)

    async def write(self, *_: object, **__: object) -> None:
        raise StoreError(REFUSED)

    async def write_facts(self, *_: object, **__: object) -> None:
        raise StoreError(REFUSED)

    async def maintain(self, *_: object, **__: object) -> MaintenanceReport:
        raise StoreError(REFUSED)

    async def health(self) -> StoreHealth:
        return await self._history.store.health()

    async def close(self) -> None:
        """The store itself stays open: it is its opener's."""
