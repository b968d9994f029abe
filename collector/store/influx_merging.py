"""How rows that come late or again are merged in a server that merges by order of writing.

Nothing in the server is newer than what is remembered of each series, so that a row beyond it can be written as it is:
no question in steady state. Any other row is read back, merged by our rule and written whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from collector.model import Source
from collector.store.manifest import DAY_MS
from collector.store.own_times import overlaid, with_own_times
from collector.store.rows import SOURCES, IntArray, Rows, concatenated, starts_of

Key = TypeVar("Key")
SeriesKey = tuple[str, Source]


@dataclass(slots=True)
class Frontier(Generic[Key]):
    """The time of each key beyond which the server has nothing of it; unknown until it was asked."""

    _reached: dict[Key, int] = field(default_factory=dict)

    def unknown(self, keys: Sequence[Key]) -> list[Key]:
        return [key for key in keys if key not in self._reached]

    def learn(self, keys: Sequence[Key], found: Mapping[Key, int], since: int) -> None:
        """The server was asked for the newest of `keys` with time >= since, and has `found`."""
        self._reached |= {key: max(found.get(key, since - 1), since - 1) for key in keys}

    def of(self, keys: Sequence[Key]) -> IntArray:
        return np.fromiter((self._reached[key] for key in keys), np.int64, len(keys))

    def written(self, newest: Mapping[Key, int]) -> None:
        for key, time in newest.items():
            self._reached[key] = max(time, self._reached.get(key, time))

    def forget(self, keys: Sequence[Key]) -> None:
        """A write of these failed: what the server has of them is not known."""
        for key in keys:
            self._reached.pop(key, None)


Newest = Callable[[Sequence[str], int], Awaitable[Mapping[SeriesKey, int]]]
Stored = Callable[[Sequence[str], int, int], Awaitable[Rows]]


class SampleMerger:
    """Turns rows into what is to stand in the server. `newest(links, since)` asks it for the newest time of each of
    their series, `stored(links, start, end)` for their rows with every field it has."""

    def __init__(self, newest: Newest, stored: Stored) -> None:
        self._newest, self._stored = newest, stored
        self._frontier: Frontier[SeriesKey] = Frontier()

    async def points(self, rows: Rows) -> Rows:
        """One row per (link, source, time) of `rows`, with own times, to be written whole. Raises StoreError."""
        rows = with_own_times(rows)
        if not len(rows):
            return rows
        starts = starts_of(rows.link, rows.source)
        keys = _keys(rows, starts)
        unknown = self._frontier.unknown(keys)
        if unknown:
            asked = set(unknown)
            since = int(rows.time[starts[[key in asked for key in keys]]].min())
            found = await self._newest(list(dict.fromkeys(link for link, _ in unknown)), since)
            self._frontier.learn(unknown, found, since)
        reached = np.repeat(self._frontier.of(keys), np.diff(np.append(starts, len(rows))))
        late = rows.time <= reached
        if not late.any():
            return rows
        return concatenated([rows.take(~late), overlaid(await self._read_back(rows.take(late)), rows.take(late))])

    async def _read_back(self, rows: Rows) -> Rows:
        """What the server has at the times of these rows, and more; a day at once, for late rows may lie far apart."""
        days = rows.time // DAY_MS
        tables = []
        for day in np.unique(days):
            some = rows.take(days == day)
            links = [rows.names[code] for code in np.unique(some.link).tolist()]
            tables.append(await self._stored(links, int(some.time.min()), int(some.time.max()) + 1))
        return concatenated(tables)

    def written(self, rows: Rows) -> None:
        """These rows of `points` are in the server."""
        ends = np.append(starts_of(rows.link, rows.source)[1:], len(rows)) - 1 if len(rows) else np.empty(0, np.int64)
        newest: dict[SeriesKey, int] = {}
        for key, time in zip(_keys(rows, ends), rows.time[ends].tolist(), strict=True):
            newest[key] = max(time, newest.get(key, time))
        self._frontier.written(newest)

    def failed(self, rows: Rows) -> None:
        """These rows may be in the server, or not."""
        self._frontier.forget(_keys(rows, starts_of(rows.link, rows.source)))


def _keys(rows: Rows, at: IntArray) -> list[SeriesKey]:
    return [
        (rows.names[link], SOURCES[source])
        for link, source in zip(rows.link[at].tolist(), rows.source[at].tolist(), strict=True)
    ]
