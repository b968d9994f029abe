"""The fleet's samples and facts in the order in which they arrived: what a sweep that runs over history follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from collector.model import Fact, TimeArray
from collector.store.hot import HotWindow
from collector.store.hot_facts import HotFacts
from collector.store.hot_follower import AT_ONCE, HotFollower, Watched, rows_of_series
from collector.store.port import MeasurementStore
from collector.store.rows import Rows, concatenated
from config.clock import epoch_ms, from_epoch_ms
from triage.replay.history import History

SAMPLES_AT_ONCE = 1_500_000
"""Minutes of all lines together that are read at the same time: bounds memory, not speed."""
SHORTEST, LONGEST = timedelta(minutes=30), timedelta(days=1)
TOO_LATE = timedelta(days=1)
"""What arrives later than this is of no use to a sweep, which looks back over hours."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    """What was measured and said from `start` to `end` (epoch milliseconds), ascending in arrival."""

    start: int
    end: int
    rows: Rows
    arrival: TimeArray
    facts: Sequence[Fact]
    known: TimeArray


class Arrivals:
    """Reads all of the fleet, hours at a time; any number of followers are told the same rows, each once.

    `minutes` is how long the longest of their windows is.
    """

    def __init__(self, history: History, minutes: int) -> None:
        self._history = history
        self._reach = minutes * 60_000
        self._stretches: list[_Stretch] = []

    async def between(self, watched: Watched, after: int, upto: int) -> tuple[list[Rows], list[Fact]]:
        """What became known with after < arrival <= upto (epoch milliseconds), of slots that a window at `upto` can
        hold. Followers go on side by side: none is asked for what is a day older than another's. Raises StoreError."""
        await self._read(watched, upto)
        rows: list[Rows] = []
        facts: list[Fact] = []
        for stretch in self._stretches:
            first, last = np.searchsorted(stretch.arrival, (after, upto), side="right")
            if last > first:
                rows.append(stretch.rows.take(np.arange(first, last)))
            first, last = np.searchsorted(stretch.known, (after, upto), side="right")
            facts += stretch.facts[first:last]
        return rows, facts

    async def _read(self, watched: Watched, upto: int) -> None:
        minutes = int(SAMPLES_AT_ONCE / max(1, len(watched.links)))
        length = epoch_ms_of(min(LONGEST, max(SHORTEST, timedelta(minutes=minutes))))
        if not self._stretches:
            start = (upto - self._reach) // length * length
            self._stretches.append(await self._stretch(watched, start, start + length))
        while self._stretches[-1].end <= upto:
            start = self._stretches[-1].end
            self._stretches.append(await self._stretch(watched, start, start + length))
            oldest = upto - self._reach - epoch_ms_of(TOO_LATE)
            self._stretches = [each for each in self._stretches if each.end > oldest]

    async def _stretch(self, watched: Watched, start: int, end: int) -> _Stretch:
        """Of the future the arrival tells when it is to be known; what comes too late is left out."""
        store, begin, until = self._history.store, from_epoch_ms(start), from_epoch_ms(end)
        tables, arrivals = [], []
        for first in range(0, len(watched.links), AT_ONCE):
            found = await store.window(watched.links[first : first + AT_ONCE], watched.fields, begin, until)
            tables.append(rows_of_series(found))
            arrivals += [self._history.arrival(one) for one in found]
        arrival = np.concatenate([np.empty(0, np.int64), *arrivals])
        rows = concatenated(tables)
        kept = np.flatnonzero(arrival <= end + epoch_ms_of(TOO_LATE))
        order = kept[np.argsort(arrival[kept], kind="stable")]
        facts: list[Fact] = []
        subjects = (*watched.links, *watched.others)
        for first in range(0, len(subjects), AT_ONCE):
            facts += await store.facts(subjects[first : first + AT_ONCE], begin, until, watched.kinds)
        facts.sort(key=lambda fact: (self._history.known_at(fact), fact))
        known = np.array([epoch_ms(self._history.known_at(fact)) for fact in facts], np.int64)
        return _Stretch(start, end, rows.take(order), arrival[order], facts, known)


class HistoryFollower(HotFollower):
    """A hot window that is told what arrived since the last look, as its own journal would have told it."""

    def __init__(self, arrivals: Arrivals) -> None:
        super().__init__()
        self._arrivals = arrivals
        self._told = 0

    async def follow(
        self,
        store: MeasurementStore,  # noqa: ARG002 - what it is asked for at each look comes from `arrivals`
        watched: Watched,
        now: datetime,
        upto: int | None = None,  # noqa: ARG002 - of the journal, which is not played
    ) -> HotWindow:
        moment = epoch_ms(now)
        if self._watched != watched:
            self.window = HotWindow(watched.links, watched.fields, watched.minutes)
            subjects = (*watched.links, *watched.others)
            self.facts = HotFacts(subjects, watched.kinds, watched.notable, watched.moments)
            self._watched, self._told, self.since = watched, 0, now
        self.window.advance(moment)
        rows, facts = await self._arrivals.between(watched, self._told, moment)
        for some in rows:
            self.window.take_in(some)
        self.facts.take_in(facts)
        self.facts.forget(moment - watched.minutes * 60_000)
        self._told = moment
        return self.window

    async def keep_up(self, now: datetime, upto: int | None = None) -> None:
        """Nothing to catch up with: history is not trimmed."""


def epoch_ms_of(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)
