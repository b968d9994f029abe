"""Keeps the hot window full: follows the journal by a position in memory, and fills itself from the store.

No durable cursor, so it holds up no trimming. From the store it is filled at first and when other lines are watched;
the last half hour of it when entries were trimmed before it read them, and when the journal has been still for a
minute (it may be another machine's).
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
from collector.store.hot_facts import HotFacts, Notable, everything
from collector.store.port import MeasurementStore
from collector.store.rows import SOURCES, Rows, rows_of
from config.clock import epoch_ms

AT_ONCE = 250
"""Lines whose samples are read from the store at the same time: bounds memory, not speed."""
ENTRIES_AT_ONCE = 100
STILL = timedelta(seconds=60)
"""A journal without a new entry for so long is no proof that nothing was measured."""
LATE = timedelta(minutes=30)
"""How much older than what was missed its slots may be: an orchestrator's come up to a quarter of an hour late."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the hot window is about: lines, other subjects of facts, and how much of them (see `HotFacts`)."""

    links: tuple[str, ...]
    others: tuple[str, ...]
    fields: tuple[str, ...]
    kinds: tuple[FactKind, ...]
    minutes: int
    notable: Notable = everything
    moments: tuple[FactKind, ...] = ()


class HotFollower:
    """The hot window of whatever is watched; without a journal the store is read anew at each `follow`.

    `all_of_it`: nothing reaches the store but through this journal, so that its stillness means that there is nothing.
    """

    def __init__(self, journal: Journal | None = None, *, all_of_it: bool = False) -> None:
        self._journal = journal
        self._all_of_it = all_of_it
        self._watched: Watched | None = None
        self._filled_at: datetime | None = None
        self._moved_at: datetime | None = None
        self._whole_at: datetime | None = None
        self._missed = False
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
        if self._watched != watched or self._journal is None or await asyncio.to_thread(self._is_another):
            await self._fill_anew(store, watched, now)
        await self.keep_up(now, upto)
        self.facts.forget(epoch_ms(now) - watched.minutes * 60_000)
        if self._missed or self._is_still(now):
            await self._fill(store, watched, (self._whole_at or now) - LATE, now)
            self._missed = False
        self._whole_at = now
        self.since = self.since or now
        return self.window

    async def keep_up(self, now: datetime, upto: int | None = None) -> None:
        """Take in what the journal holds, so that trimming seldom outruns us; nothing before the first `follow`."""
        if self._watched is None or self._journal is None:
            return
        self.window.advance(epoch_ms(now))
        before = self.position
        while await asyncio.to_thread(self._read_on, self._journal, upto):
            continue
        if self.position > before:
            self._moved_at = now
        if not self._missed and upto is None:
            self._whole_at = now

    def _is_still(self, now: datetime) -> bool:
        """Whether neither journal nor store has said anything for a while."""
        told = [moment for moment in (self._moved_at, self._filled_at) if moment is not None]
        doubtful = self._journal is not None and not self._all_of_it
        return doubtful and all(now - moment >= STILL for moment in told)

    async def _fill_anew(self, store: MeasurementStore, watched: Watched, now: datetime) -> None:
        self._watched = None
        self.window = HotWindow(watched.links, watched.fields, watched.minutes)
        subjects = (*watched.links, *watched.others)
        self.facts = HotFacts(subjects, watched.kinds, watched.notable, watched.moments)
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

    def _is_another(self) -> bool:
        """Whether the journal begins anew: it was replaced by another."""
        return self._journal is not None and self._journal.position() < self.position

    def _read_on(self, journal: Journal, upto: int | None) -> bool:
        """Take in the next entries; whether there may be more."""
        if upto is not None and self.position >= upto:
            return False
        most = ENTRIES_AT_ONCE if upto is None else min(ENTRIES_AT_ONCE, upto - self.position)
        entries: Sequence[Entry] = journal.read(self.position, limit=most)
        # Numbers have no holes: what is not there any more was trimmed unread.
        reached = entries[0].seq - 1 if entries else journal.trimmed()
        self._missed |= reached > self.position
        self.position = max(self.position, reached)
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
