"""Questions about periods, from a view of the embedded store: statistics, availability, hours.

Each day is read in the cheapest way that is right: as its parts lie where nothing in it needs merging, from roll-ups
where the question allows them and they hold the whole day, else as merged rows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from collector.store.answers import bucketed
from collector.store.approximate import PERCENTILES, Asked, settled_days
from collector.store.approximate import approximate_summaries as from_days
from collector.store.history import hours_as_rows, read_days, read_hours
from collector.store.manifest import DAY_MS, Kind, Part
from collector.store.port import Aggregate, Selector, Summary
from collector.store.rollups import HOUR_MS, SAMPLES, buckets_of_hours, newest_of, rolled_hours
from collector.store.rows import Rows, concatenated, empty, ordered
from collector.store.scan import part_stretches
from collector.store.summaries import Gathered, settled_until, stretches_of
from collector.store.view import View, by_source, days_of, only, pruned

_LINK_DAYS_AT_ONCE = 6000
"""Bounds the memory of reading columns: 8.6 M rows of minutes, 70 MB a field."""
_MERGED_AT_ONCE = 600
"""Link days of which whole rows are in memory."""
_SCANNED_FROM = 16
"""So many of a part's links must be asked for before its columns are read as they lie."""


def links_at_once(asked: Asked) -> int:
    """So many links are asked about in one go."""
    return max(1, _LINK_DAYS_AT_ONCE // max(1, (asked.end - asked.start) // DAY_MS))


def summaries(view: View, selector: Selector, asked: Asked) -> list[Summary]:
    """One summary of each link, exactly, in the order of `selector.links`, which are distinct."""
    links = list(selector.links)
    tail = [only(rows, asked.columns) for rows in view.recent(links, asked.start, asked.end)]
    parts = pruned(view.manifest.parts, (Kind.SAMPLES,), links, asked.start, asked.end)
    plain = _plain(parts, links, asked, days_of(tail))
    positions = {link: place for place, link in enumerate(links)}
    states = asked.due is not None
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        found = pool.map(
            lambda part: part_stretches(
                view.folder / part.name,
                part,
                view.outlines.of(part),
                positions,
                selector.source,
                asked.fields,
                states=states,
            ),
            plain,
        )
        kept = {part.name for part in plain}
        rows = _rest(view, [part for part in parts if part.name not in kept], tail, selector, asked)
        stretches = [stretches_of(rows, asked.fields, states=states), *(one for one in found if one is not None)]
        gathered = Gathered(links, asked.start, asked.end, stretches, rows)
        return gathered.summaries(asked.fields, asked.stats, asked.due, pool)


def _plain(parts: Sequence[Part], links: Sequence[str], asked: Asked, recent: Set[int]) -> list[Part]:
    """The parts whose rows are as a reader sees them: alone in their day, of one generation, wholly in the period, and
    with nothing in them that could still be pending. Parts with few of the links are left to reading those alone."""
    ascending = np.array(sorted(links), dtype=object)
    settled = asked.end if asked.due is None else settled_until(asked.due)
    generations: dict[int, set[tuple[int, int]]] = {}
    for part in parts:
        generations.setdefault(part.day, set()).add((part.first, part.last))
    return [
        part
        for part in parts
        if part.plain
        and len(generations[part.day]) == 1
        and part.day not in recent
        and asked.start <= part.start
        and part.end < asked.end
        and (asked.due is None or part.end + DAY_MS <= settled)
        and np.searchsorted(ascending, part.last_key, side="right") - np.searchsorted(ascending, part.first_key)
        >= _SCANNED_FROM
    ]


def _rest(view: View, parts: Sequence[Part], tail: Sequence[Rows], selector: Selector, asked: Asked) -> Rows:
    """Merged rows of one source from these parts and the journal; link codes are positions in the selector's links."""
    links = selector.links
    days = {part.day for part in parts} | days_of(tail)
    at_once = max(1, _MERGED_AT_ONCE // max(1, len(days)))
    found = []
    for first in range(0, len(links), at_once):
        some = links[first : first + at_once]
        held = pruned(parts, (Kind.SAMPLES,), some, asked.start, asked.end)
        tables = [
            *view.sealed(held, some, asked.columns, asked.start, asked.end),
            *(table for run in tail if len(table := run.named(some))),
        ]
        rows = by_source(tables, some).get(selector.source)
        if rows is not None:
            found.append(replace(rows, names=links, link=(rows.link + first).astype(np.int32)))
    return concatenated(found) if found else empty(links)


def approximate_summaries(view: View, selector: Selector, asked: Asked) -> list[Summary]:
    """As `summaries`, but whole days from their roll-ups where there are any."""
    rolled = set(settled_days(sorted(_rolled(view, selector.links, asked.start, asked.end)), asked.due))
    if not rolled:
        return summaries(view, selector, asked)
    links = sorted(selector.links)
    sketches = not PERCENTILES.isdisjoint(asked.stats)
    days = read_days(view, links, selector.source, asked.rolled, rolled, sketches=sketches)
    rows = _raw(view, replace(selector, links=tuple(links)), asked, rolled)
    with ThreadPoolExecutor(1) as pool:
        found = dict(zip(links, from_days(days, rows, asked, pool), strict=True))
    return [found[link] for link in selector.links]


def hourly(
    view: View, links: Sequence[str], fields: Sequence[str], start: int, end: int, every_ms: int, agg: Aggregate
) -> Rows | None:
    """Buckets of whole hours, whole days being read from their roll-ups; None when no day has any. Links are distinct;
    their codes are positions in the answer's names."""
    rolled = _rolled(view, links, start, end) | _cut(view, start, end)
    if not rolled:
        return None
    links = sorted(links)
    parts = [part for part in pruned(view.manifest.parts, (Kind.SAMPLES,), links, start, end) if part.day not in rolled]
    tables = view.sealed(parts, links, fields, start, end) if parts else []
    tables += [_not_of(only(run, fields), rolled) for run in view.recent(links, start, end)]
    rest = by_source([table for table in tables if len(table)], links).values()
    if every_ms == HOUR_MS:
        found = hours_as_rows(view, links, fields, rolled, agg)
        if found is not None:
            found = found.take((found.time >= start) & (found.time + HOUR_MS <= end))
            return ordered(concatenated([found, *(bucketed(rows, every_ms, agg) for rows in rest)]))
    hours = read_hours(view, links, [*fields, SAMPLES], rolled, agg)
    hours = hours.take((hours.time >= start) & (hours.time + HOUR_MS <= end))
    return buckets_of_hours(newest_of([hours, *map(rolled_hours, rest)]), every_ms, agg)


def _rolled(view: View, links: Sequence[str], start: int, end: int) -> set[int]:
    """Days wholly within start <= time < end whose roll-ups hold all that there is of these links."""
    first, last = -(-start // DAY_MS), end // DAY_MS
    rolled = {day for day in view.manifest.rolled_days() if first <= day < last}
    open_days = {day for day in rolled if not view.manifest.rolled[day].final}
    return rolled - (days_of(view.recent(links, start, end)) & open_days) if open_days else rolled


def _cut(view: View, start: int, end: int) -> set[int]:
    """Days that the period cuts and whose samples have expired: their whole hours are all that there is."""
    known = view.manifest.rolled
    return {day for day in (start // DAY_MS, end // DAY_MS) if day in known and known[day].final}


def _not_of(rows: Rows, days: Set[int]) -> Rows:
    """Rows of other days; what comes for a day whose samples have expired goes with the next upkeep."""
    return rows.take(~np.isin(rows.time // DAY_MS, np.fromiter(days, np.int64, len(days))))


def _raw(view: View, selector: Selector, asked: Asked, rolled: Set[int]) -> Rows:
    """Merged rows of one source of the period's other days."""
    links = selector.links
    found = pruned(view.manifest.parts, (Kind.SAMPLES,), links, asked.start, asked.end)
    tail = [_not_of(only(run, asked.columns), rolled) for run in view.recent(links, asked.start, asked.end)]
    return _rest(view, [part for part in found if part.day not in rolled], tail, selector, asked)
