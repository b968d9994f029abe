"""Closed days rolled up into a bucket of their own, day by day, and read from there.

A day's roll-ups are trusted while its mark stands. Whoever writes late rows of a marked day calls the mark stale
first, so that no reader, in whatever process, takes the old roll-up for the new samples; then the day is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

import structlog

from collector.model import FIELDS, Source
from collector.store.influx_answers import EVERY_FIELD, Answer, link_of, rows_of_answer, samples_query
from collector.store.influx_errors import MissingBucketError
from collector.store.influx_rollup_points import (
    Mark,
    mark_line,
    marks_of,
    marks_query,
    rollup_lines,
    rollup_of,
    rollup_query,
)
from collector.store.manifest import DAY_MS, day_text
from collector.store.retention import CLOSED_AFTER_MS
from collector.store.rollups import HOUR_MS, Rollup, rolled_days, rolled_hours
from collector.store.rows import concatenated, merged

log = structlog.get_logger()

COMPARED_DAYS = 3
"""So many of the last closed days are compared with their samples, in case another process wrote some."""
_ROWS_AT_ONCE = 50_000
_LINKS_AT_ONCE = 50
_FOREVER_MS = 1 << 42

Ask = Callable[[Sequence[str]], Awaitable[Sequence[Answer]]]
Write = Callable[[Sequence[str]], Awaitable[None]]


class InfluxRollups:
    """`ask` answers statements about samples, `ask_rolled` and `write` are about the roll-ups' bucket; `writing` is
    held by whoever writes samples."""

    def __init__(self, ask: Ask, ask_rolled: Ask, write: Write, writing: asyncio.Lock) -> None:
        self._ask, self._ask_rolled, self._write, self._writing = ask, ask_rolled, write, writing
        self._marks: dict[int, Mark] | None = None
        self._touched: set[int] = set()
        self._upkeep_ms: int | None = None

    async def late(self, days: Iterable[int]) -> None:
        """Samples of these days are about to be written (the caller holds `writing`). Costs nothing unless one of
        them is marked."""
        marks = await self._known()
        days = set(days)
        self._touched |= days
        await self._mark([replace(marks[day], stale=True) for day in days & marks.keys() if not marks[day].stale])

    async def _known(self) -> dict[int, Mark]:
        if self._marks is None:
            self._marks = await self._read_marks(0, _FOREVER_MS)
        return self._marks

    async def _read_marks(self, start: int, end: int) -> dict[int, Mark]:
        try:
            return marks_of(await self._ask_rolled([marks_query(start, end)]))
        except MissingBucketError:
            return {}

    async def _mark(self, marks: Sequence[Mark]) -> None:
        if marks:
            await self._write([mark_line(mark) for mark in marks])
            (await self._known()).update({mark.day: mark for mark in marks})

    async def maintain(self, now_ms: int, raw_days: int) -> int:
        """Roll up the closed days that have none yet or whose samples changed, at most once an hour; how many."""
        if self._upkeep_ms is not None and abs(now_ms - self._upkeep_ms) < HOUR_MS:
            return 0
        marks = await self._known()
        horizon, last = now_ms // DAY_MS - raw_days, (now_ms - CLOSED_AFTER_MS) // DAY_MS - 1
        # The samples of such a day may have gone in part: what was made of them is the best there is.
        await self._mark([replace(mark, stale=False) for mark in marks.values() if mark.stale and mark.day < horizon])
        done = 0
        for day in range(await self._first_day(horizon, last), last + 1):
            mark = marks.get(day)
            changed = mark is None or mark.stale
            if not changed and day > last - COMPARED_DAYS:
                changed = mark != await self._made_of(day)
            if changed:
                await self._roll_up(day)
                done += 1
        self._upkeep_ms = now_ms
        return done

    async def _first_day(self, horizon: int, last: int) -> int:
        """The day of the oldest sample from `horizon` on; after `last` when there is none."""
        query = samples_query('first("seconds")', None, horizon * DAY_MS, (last + 1) * DAY_MS, "")
        found = await self._ask([query])
        return int(found[0]["values"][0][0]) // DAY_MS if found else last + 1

    async def _made_of(self, day: int) -> Mark:
        """The mark of a day whose roll-ups are made of what is there now."""
        chosen = 'count("seconds"), max("received_at")'
        found = await self._ask([samples_query(chosen, None, day * DAY_MS, (day + 1) * DAY_MS, "")])
        if not found:
            return Mark(day, 0, 0)
        _, rows, received_at = found[0]["values"][0]
        return Mark(day, rows, received_at)

    async def _roll_up(self, day: int) -> None:
        """Make a day's roll-ups of its samples, and then its mark."""
        self._touched.discard(day)
        start, end = day * DAY_MS, (day + 1) * DAY_MS
        mark = await self._made_of(day)
        counts = await self._ask([samples_query('count("seconds")', None, start, end, ' GROUP BY "link"')])
        for links in _shares({link_of(series): series["values"][0][1] for series in counts}):
            series = await self._ask([samples_query(EVERY_FIELD, links, start, end)])
            await self._write(await asyncio.to_thread(_lines_of_day, series))
        async with self._writing:
            if day not in self._touched:
                await self._mark([mark])
        log.info("day_rolled_up", store="influx", day=day_text(day), rows=mark.rows)

    async def days(self, start: int, end: int) -> list[int]:
        """The UTC days that start..end (epoch milliseconds) touches and whose roll-ups hold all of their samples."""
        first, last = start // DAY_MS, -(-end // DAY_MS)
        marks = await self._read_marks(first * DAY_MS, last * DAY_MS) if first < last else {}
        return sorted(day for day, mark in marks.items() if not mark.stale)

    async def read(
        self,
        every: int,
        links: Sequence[str],
        source: Source | None,
        fields: Sequence[str],
        stretches: Sequence[tuple[int, int]],
    ) -> Rollup:
        """Roll-ups of `every` seconds of these links, of all sources when None, of these fields (of ROLLED), whose
        buckets begin within these stretches (epoch milliseconds)."""
        links = list(dict.fromkeys(links))
        queries = []
        for first, last in stretches:
            rows = (last - first) // (every * 1000) * max(1, len(fields))
            at_once = max(1, min(_LINKS_AT_ONCE, _ROWS_AT_ONCE // max(1, rows)))
            shares = [links[at : at + at_once] for at in range(0, len(links), at_once)]
            queries += [rollup_query(every, share, source, fields, first, last) for share in shares]
        return await asyncio.to_thread(rollup_of, await self._ask_rolled(queries), every)


def covered(days: Sequence[int], start: int, end: int, every_ms: int) -> list[tuple[int, int]]:
    """What these days, ascending, cover of start..end (epoch milliseconds) in whole buckets of `every_ms`, of which a
    day holds a whole number; as stretches [start, end)."""
    start, end = -(-start // every_ms) * every_ms, end // every_ms * every_ms
    found: list[tuple[int, int]] = []
    for day in days:
        first, last = max(start, day * DAY_MS), min(end, (day + 1) * DAY_MS)
        if first >= last:
            continue
        if found and found[-1][1] == first:
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return found


def between(stretches: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """What stretches, ascending and within start..end, leave of it."""
    found = []
    for first, last in stretches:
        found.append((start, first))
        start = last
    return [(begin, stop) for begin, stop in (*found, (start, end)) if begin < stop]


def _shares(rows: dict[str, int]) -> list[list[str]]:
    """Links, ascending, in shares of about so many rows as may be in memory at once."""
    shares: list[list[str]] = [[]]
    held = 0
    for link in sorted(rows):
        if shares[-1] and (held + rows[link] > _ROWS_AT_ONCE or len(shares[-1]) >= _LINKS_AT_ONCE):
            shares.append([])
            held = 0
        shares[-1].append(link)
        held += rows[link]
    return [share for share in shares if share]


def _lines_of_day(series: Sequence[Answer]) -> list[str]:
    found = concatenated([rows_of_answer(one) for one in series])
    fields = {name: values for name, values in found.fields.items() if name in FIELDS}
    rows = merged(replace(found, fields=fields).named(sorted(found.names)))
    return [line for made in (rolled_hours(rows), rolled_days(rows)) for line in rollup_lines(made)]
