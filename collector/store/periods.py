"""Questions about periods, from a view of the embedded store: statistics, availability, hours.

Each day is read in the cheapest way that is right: as its parts lie where nothing in it needs merging, from roll-ups
where the question allows them and they hold the whole day, else as merged rows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from collector.availability import SPEAKING
from collector.measures import Availability
from collector.store.history import read_days, read_hours
from collector.store.manifest import DAY_MS, Kind, Part
from collector.store.port import Aggregate, Due, Selector, Statistic, Summary
from collector.store.rollups import (
    DOWN,
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
from collector.store.rows import Rows, concatenated, empty
from collector.store.scan import part_stretches
from collector.store.summaries import Gathered, expected_seconds, settled_until, stretches_of
from collector.store.view import View, by_source, days_of, only, pruned
from config.clock import from_epoch_ms

_LINK_DAYS_AT_ONCE = 6000
"""Bounds the memory of reading columns: 8.6 M rows of minutes, 70 MB a field."""
_MERGED_AT_ONCE = 600
"""Link days of which whole rows are in memory."""
_SCANNED_FROM = 16
"""So many of a part's links must be asked for before its columns are read as they lie."""
_PERCENTILES = frozenset((Statistic.P50, Statistic.P95, Statistic.P99))


@dataclass(frozen=True, slots=True)
class Period:
    """What is asked of each link: `fields` over start <= time < end (epoch milliseconds)."""

    fields: Sequence[str]
    start: int
    end: int
    stats: Sequence[Statistic]
    due: Due | None

    @property
    def columns(self) -> list[str]:
        """The fields that must be read."""
        return list(dict.fromkeys((*self.fields, *SPEAKING) if self.due is not None else self.fields))

    @property
    def days(self) -> int:
        return max(1, -(-(self.end - self.start) // DAY_MS))


def links_at_once(period: Period) -> int:
    return max(1, _LINK_DAYS_AT_ONCE // period.days)


def summaries(view: View, selector: Selector, period: Period) -> list[Summary]:
    """One summary of each link, exactly, in the order of `selector.links`, which are distinct."""
    links = list(selector.links)
    tail = [only(rows, period.columns) for rows in view.recent(links, period.start, period.end)]
    parts = pruned(view.manifest.parts, (Kind.SAMPLES,), links, period.start, period.end)
    plain = _plain(parts, links, period, days_of(tail))
    gathered = Gathered(links, period.start, period.end)
    positions = {link: place for place, link in enumerate(links)}
    states = period.due is not None
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        found = pool.map(
            lambda part: part_stretches(
                view.folder / part.name,
                part,
                view.outlines.of(part),
                positions,
                selector.source,
                period.fields,
                states=states,
            ),
            plain,
        )
        kept = {part.name for part in plain}
        rows = _rest(view, [part for part in parts if part.name not in kept], tail, selector, period)
        gathered.pending = rows
        gathered.stretches = [stretches_of(rows, period.fields, states=states), *(one for one in found if one)]
        return gathered.summaries(period.fields, period.stats, period.due, pool)


def _plain(parts: Sequence[Part], links: Sequence[str], period: Period, recent: Set[int]) -> list[Part]:
    """The parts whose rows are as a reader sees them: alone in their day, of one generation, wholly in the period, and
    with nothing in them that could still be pending. Parts with few of the links are left to reading those alone."""
    ascending = np.array(sorted(links), dtype=object)
    settled = period.end if period.due is None else settled_until(period.due)
    generations: dict[int, set[tuple[int, int]]] = {}
    for part in parts:
        generations.setdefault(part.day, set()).add((part.first, part.last))
    return [
        part
        for part in parts
        if part.plain
        and len(generations[part.day]) == 1
        and part.day not in recent
        and period.start <= part.start
        and part.end < period.end
        and (period.due is None or part.end + DAY_MS <= settled)
        and np.searchsorted(ascending, part.last_key, side="right") - np.searchsorted(ascending, part.first_key)
        >= _SCANNED_FROM
    ]


def _rest(view: View, parts: Sequence[Part], tail: Sequence[Rows], selector: Selector, period: Period) -> Rows:
    """Merged rows of one source from these parts and the journal; link codes are positions in the selector's links."""
    links = selector.links
    days = {part.day for part in parts} | days_of(tail)
    at_once = max(1, _MERGED_AT_ONCE // max(1, len(days)))
    found = []
    for first in range(0, len(links), at_once):
        some = links[first : first + at_once]
        held = pruned(parts, (Kind.SAMPLES,), some, period.start, period.end)
        tables = [
            *view.sealed(held, some, period.columns, period.start, period.end),
            *(table for run in tail if len(table := run.named(some))),
        ]
        rows = by_source(tables, some).get(selector.source)
        if rows is not None:
            found.append(replace(rows, names=links, link=(rows.link + first).astype(np.int32)))
    return concatenated(found) if found else empty(links)


def approximate_summaries(view: View, selector: Selector, period: Period) -> list[Summary]:
    """As `summaries`, but whole days from their roll-ups where there are any."""
    rolled = _rolled(view, selector.links, period.start, period.end)
    if period.due is not None:
        settled = settled_until(period.due)
        rolled = {day for day in rolled if (day + 2) * DAY_MS <= settled}
    if not rolled:
        return summaries(view, selector, period)
    links = sorted(selector.links)
    names = [*period.fields, SAMPLES, *((UP, DOWN) if period.due is not None else ())]
    days = read_days(view, links, selector.source, names, rolled, sketches=not _PERCENTILES.isdisjoint(period.stats))
    rows = _raw(view, replace(selector, links=tuple(links)), period, rolled)
    told = set(np.unique(days.link).tolist())
    both = newest_of([days, _known(rolled_days(rows), names)]) if len(rows) else days
    available = _available(both, rows, period)
    count, newest = np.zeros(len(links), np.int64), np.full(len(links), -1, np.int64)
    counted = totals(both, SAMPLES)
    count[counted.link] = counted.count
    np.maximum.at(newest, days.link, days.time)
    np.maximum.at(newest, rows.link, rows.time)
    values: list[dict[str, dict[Statistic, float]]] = [{} for _ in links]
    for name in dict.fromkeys(period.fields):
        found, statistics = day_statistics(both, name, period.stats)
        columns = [statistics[stat].tolist() for stat in period.stats]
        for link, *row in zip(found.link.tolist(), *columns, strict=True):
            values[link][name] = dict(zip(period.stats, row, strict=True))
    asked = not _PERCENTILES.isdisjoint(period.stats)
    by_link = {
        name: Summary(
            name,
            values[place],
            int(count[place]),
            from_epoch_ms(int(newest[place])) if count[place] else None,
            available[place],
            approximate=asked and place in told and bool(values[place]),
        )
        for place, name in enumerate(links)
    }
    alone = [name for place, name in enumerate(links) if place not in told and count[place]]
    if asked and alone:
        by_link |= {one.link: one for one in summaries(view, replace(selector, links=tuple(alone)), period)}
    return [by_link[name] for name in selector.links]


def _available(both: Rollup, rows: Rows, period: Period) -> Sequence[Availability | None]:
    links = len(both.names)
    if period.due is None:
        return [None] * links
    seconds = {}
    for name in (UP, DOWN):
        found = totals(both, name)
        seconds[name] = np.zeros(links)
        seconds[name][found.link] = found.total
    expected = expected_seconds(rows, links, period.start, period.end, period.due)
    return [
        Availability(up=up, down=down, expected=float(due))
        for up, down, due in zip(seconds[UP].tolist(), seconds[DOWN].tolist(), expected.tolist(), strict=True)
    ]


def hourly(
    view: View, links: Sequence[str], fields: Sequence[str], start: int, end: int, every_ms: int, agg: Aggregate
) -> Rows | None:
    """Buckets of whole hours, whole days being read from their roll-ups; None when no day has any. Links are distinct;
    their codes are positions in the answer's names."""
    rolled = _rolled(view, links, start, end)
    if not rolled:
        return None
    links = sorted(links)
    hours = [read_hours(view, links, [*fields, SAMPLES], rolled, agg)]
    period = Period(fields, start, end, (), None)
    parts = [part for part in pruned(view.manifest.parts, (Kind.SAMPLES,), links, start, end) if part.day not in rolled]
    tables = [*view.sealed(parts, links, fields, start, end)] if parts else []
    tables += [only(run, period.columns) for run in view.recent(links, start, end)]
    hours += [rolled_hours(rows) for rows in by_source(tables, links).values()]
    return buckets_of_hours(newest_of(hours), every_ms, agg)


def _rolled(view: View, links: Sequence[str], start: int, end: int) -> set[int]:
    """Days wholly within start <= time < end whose roll-ups hold all that there is of these links."""
    first, last = -(-start // DAY_MS), end // DAY_MS
    rolled = {day for day in view.manifest.rolled_days() if first <= day < last}
    return rolled - days_of(view.recent(links, start, end)) if rolled else rolled


def _raw(view: View, selector: Selector, period: Period, rolled: Set[int]) -> Rows:
    """Merged rows of one source of the period's other days."""
    links = selector.links
    found = pruned(view.manifest.parts, (Kind.SAMPLES,), links, period.start, period.end)
    tail = [only(run, period.columns) for run in view.recent(links, period.start, period.end)]
    return _rest(view, [part for part in found if part.day not in rolled], tail, selector, period)


def _known(rollup: Rollup, names: Sequence[str]) -> Rollup:
    """The rows of these fields only."""
    return rollup.take(np.isin(rollup.field, [ROLLED.index(name) for name in names]))
