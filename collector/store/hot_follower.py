"""Keeps the hot window full: follows the journal by a position in memory, and fills itself from the store.

No durable cursor, so it holds up no trimming. From the store it is filled at first, when other lines are watched, when
entries were trimmed past it, and when the journal has been still for a minute (it may be another machine's).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from collector.journal import Entry, Journal
from collector.model import FactKind, Series
from collector.store.hot import HotWindow
from collector.store.hot_facts import HotFacts
from collector.store.port import MeasurementStore
from collector.store.rows import SOURCES, Rows, rows_of
from config.clock import epoch_ms

AT_ONCE = 1000
"""Lines whose samples are read from the store at the same time: bounds memory, not speed."""
ENTRIES_AT_ONCE = 100
STILL = timedelta(seconds=60)
"""A journal without a new entry for so long is no proof that nothing was measured."""
LATE = timedelta(minutes=30)
"""How far back a still journal's window is read again: an orchestrator's slots come up to a quarter of an hour late."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the hot window is about: lines, other subjects of facts, and how much of them."""

    links: tuple[str, ...]
    others: tuple[str, ...]
    fields: tuple[str, ...]
    kinds: tuple[FactKind, ...]
    minutes: int


class HotFollower:
    """The hot window of whatever is watched; without a journal the store is read anew at each `follow`."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._watched: Watched | None = None
        self._filled_at: datetime | None = None
        self._moved_at: datetime | None = None
        self.since: datetime | None = None
        """When following began: what was not heard before is no silence."""
        self.position = 0
        """The newest journal entry that the window holds; 0 without a journal."""
        self.window = HotWindow((), (), 1)
        self.facts = HotFacts((), ())

    async def follow(
        self, store: MeasurementStore, watched: Watched, now: datetime, upto: int | None = None
    ) -> HotWindow:
        """The window as of `now`, with all journal entries up to `upto` (all there are when None). Raises StoreError.

        What was filled from the store, or read before, may be newer than `upto`.
        """
        if self._watched != watched or self._journal is None or await asyncio.to_thread(self._left_behind):
            await self._fill_anew(store, watched, now)
        self.window.advance(epoch_ms(now))
        self.facts.forget(epoch_ms(now) - watched.minutes * 60_000)
        if self._journal is not None:
            before = self.position
            while await asyncio.to_thread(self._read_on, upto):
                continue
            if self.position > before or self._moved_at is None:
                self._moved_at = now
            if now - self._moved_at >= STILL and self._filled_at is not None and now - self._filled_at >= STILL:
                await self._fill(store, watched, self._filled_at - LATE, now)
        self.since = self.since or now
        return self.window

    async def _fill_anew(self, store: MeasurementStore, watched: Watched, now: datetime) -> None:
        self._watched = None
        self.window = HotWindow(watched.links, watched.fields, watched.minutes)
        self.facts = HotFacts((*watched.links, *watched.others), watched.kinds)
        # What the store may lack yet, since its writer is not done with it, is still in the journal.
        self.position = await asyncio.to_thread(_first_needed, self._journal) if self._journal is not None else 0
        await self._fill(store, watched, now - timedelta(minutes=watched.minutes), now)
        self._watched = watched

    async def _fill(self, store: MeasurementStore, watched: Watched, start: datetime, now: datetime) -> None:
        end = now + timedelta(milliseconds=1)
        self.window.advance(epoch_ms(now))
        for first in range(0, len(watched.links), AT_ONCE):
            links = watched.links[first : first + AT_ONCE]
            series = await store.window(links, watched.fields, start, end)
            await asyncio.to_thread(self.window.take_in, rows_of_series(series))
        subjects = (*watched.links, *watched.others)
        for first in range(0, len(subjects), AT_ONCE):
            some = subjects[first : first + AT_ONCE]
            self.facts.take_in(await store.facts(some, start, end, watched.kinds))
        self._filled_at = now

    def _left_behind(self) -> bool:
        return self._journal is not None and self._journal.trimmed() > self.position

    def _read_on(self, upto: int | None) -> bool:
        """Take in the next entries; whether there may be more."""
        if self._journal is None or (upto is not None and self.position >= upto):
            return False
        most = ENTRIES_AT_ONCE if upto is None else min(ENTRIES_AT_ONCE, upto - self.position)
        entries: Sequence[Entry] = self._journal.read(self.position, limit=most)
        if not entries:
            return False
        self.window.take_in(rows_of([batch for entry in entries for batch in entry.batches]))
        self.facts.take_in([fact for entry in entries for fact in entry.facts])
        self.position = entries[-1].seq
        return True


def _first_needed(journal: Journal) -> int:
    return max(journal.trimmed(), min(journal.cursors().values(), default=0))


def rows_of_series(series: Sequence[Series]) -> Rows:
    """Series one after the other as one table."""
    names = tuple(dict.fromkeys(one.link for one in series))
    code = {name: place for place, name in enumerate(names)}
    lengths = np.array([len(one) for one in series], np.int64)
    fields = dict.fromkeys(name for one in series for name in one.fields)
    nothing = np.empty(0, np.int64)
    return Rows(
        names,
        np.repeat(np.array([code[one.link] for one in series], np.int32), lengths),
        np.repeat(np.array([SOURCES.index(one.source) for one in series], np.int8), lengths),
        np.concatenate([nothing, *(one.time for one in series)]),
        np.concatenate([nothing.astype(np.int32), *(one.seconds for one in series)]),
        np.concatenate([nothing, *(one.received_at for one in series)]),
        {name: np.concatenate([one.column(name) for one in series]) for name in fields},
    )
