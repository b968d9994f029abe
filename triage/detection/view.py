"""One source's samples of one link, divided into the judged window and the past that says what is ordinary."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray, Series, Source, TimeArray
from triage.detection.event import MINUTE
from triage.detection.habits import BINS, HALF_HOURS, bins_of, days_of, is_day_off
from triage.detection.learnt import Learnt
from triage.detection.once import Once
from triage.policy import WindowPolicy

ENOUGH = 800
"""Past samples looked at for one half hour: quantiles of more are no better and cost time."""

RECENT_DAYS = 7
ENOUGH_RECENT = 7 * 1440


@dataclass(frozen=True, eq=False)
class View(Once):
    """Rows of `series` in [start, now) are judged, earlier ones are the past.

    `excluded` are periods [from, to) that never train a baseline: maintenance and known troubles. `zone` and
    `holidays` are the site's: habits follow its clock and its days off. `learnt` is what was found to be ordinary
    before, which then need not be computed from the past rows.
    """

    series: Series
    start: int
    now: int
    windows: WindowPolicy
    excluded: Sequence[tuple[int, int]] = ()
    zone: tzinfo = UTC
    holidays: Collection[date] = ()
    learnt: Learnt | None = None

    @property
    def link(self) -> str:
        return self.series.link

    @property
    def source(self) -> Source:
        return self.series.source

    @cached_property
    def rows(self) -> slice:
        first, stop = np.searchsorted(self.series.time, [self.start, self.now])
        return slice(int(first), int(stop))

    @cached_property
    def past(self) -> slice:
        oldest = self.start - int(self.windows.baseline_days * 1440) * MINUTE
        return slice(int(np.searchsorted(self.series.time, oldest)), self.rows.start)

    @cached_property
    def time(self) -> TimeArray:
        return self.series.time[self.rows]

    @cached_property
    def step(self) -> int:
        """Usual length of a slot in milliseconds."""
        seconds = self.series.seconds[self.rows]
        if not len(seconds):
            return MINUTE
        same = (seconds == seconds[0]).all()
        return int(seconds[0] if same else np.median(seconds)) * 1000

    def end_after(self, stop: int) -> int | None:
        """The end of an event whose last row is stop - 1: None while it goes on.

        It goes on when the newest row shows it, unless that row is so old that nobody knows.
        """
        end = int(self.time[stop - 1]) + self.step
        unknown_for = self.now - end
        goes_on = stop == len(self.time) and unknown_for <= self.windows.join_minutes * MINUTE
        return None if goes_on else end

    def inside(self, onset: int, end: int | None) -> NDArray[np.bool_]:
        """Which judged rows start in [onset, end)."""
        return np.asarray((self.time >= onset) & (self.time < (self.now if end is None else end)))

    def column(self, name: str) -> FloatArray:
        return self.series.column(name)[self.rows]

    def measured(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which judged rows hold a value of at least one of the fields."""
        rows = np.zeros(len(self.time), dtype=bool)
        for name in names:
            if name in self.series.fields:
                rows |= ~np.isnan(self.column(name))
        return rows

    def past_column(self, name: str) -> FloatArray:
        return self.series.column(name)[self.past]

    def has(self, name: str) -> bool:
        """Whether the field was measured at all in the judged window."""
        return self.once(("has", name), lambda: name in self.series.fields and not np.isnan(self.column(name)).all())

    @cached_property
    def bins(self) -> NDArray[np.int64]:
        """The bin (`habits.BINS`) of each judged row."""
        return bins_of(self.time, self.zone, self.holidays)

    @cached_property
    def judged_bins(self) -> NDArray[np.int64]:
        """The bins that the judged rows fall in, ascending, each once."""
        return np.unique(self.bins)

    @cached_property
    def recent_bins(self) -> NDArray[np.int64]:
        """The bin of each `recent` row, excluded or not."""
        return bins_of(self.series.time[self.past][self.recent], self.zone, self.holidays)

    @cached_property
    def _past_bins(self) -> NDArray[np.int64]:
        time = self.series.time[self.past]
        bins = bins_of(time, self.zone, self.holidays)
        for begin, end in self.excluded:
            bins[(time >= begin) & (time < end)] = -1
        return bins

    @cached_property
    def trains(self) -> NDArray[np.bool_]:
        """Which past rows say what is ordinary: all but the excluded ones."""
        return self._past_bins >= 0

    @cached_property
    def tells_days_apart(self) -> bool:
        """Whether the past holds enough days of either kind, working days and days off, to learn each by itself."""
        days = np.unique(days_of(self.series.time[self.past][self.trains], self.zone))
        off = int(np.count_nonzero(is_day_off(days, self.holidays)))
        return min(off, len(days) - off) >= self.windows.days_of_a_kind

    def rows_near(self, bins: NDArray[np.int64], *, own_kind: bool = False) -> NDArray[np.int64]:
        """For each bin a row of indices into the past: samples from around the same time of day, thinned to at most
        about ENOUGH, of any kind of day or with `own_kind` of the bin's; -1 where there are fewer."""
        return self.once(("near", bins.tobytes(), own_kind), lambda: self._rows_near(bins, own_kind=own_kind))

    def _rows_near(self, bins: NDArray[np.int64], *, own_kind: bool) -> NDArray[np.int64]:
        minutes = self.windows.time_of_day_minutes
        near = [near_bins(wanted, minutes, own_kind=own_kind)[self._past_bins] for wanted in bins.tolist()]
        found = [self._thinned(mask) for mask in near]
        rows = np.full((len(bins), max(map(len, found), default=0)), -1, dtype=np.int64)
        for place, each in enumerate(found):
            rows[place, : len(each)] = each
        return rows

    def rows_at_all_and_near(self, bins: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `rows_near`, after a first row for the whole day."""

        def both() -> NDArray[np.int64]:
            near, day = self.rows_near(bins), self.all_ordinary_rows
            rows = np.full((1 + len(bins), max(len(day), near.shape[1])), -1, dtype=np.int64)
            rows[0, : len(day)], rows[1:, : near.shape[1]] = day, near
            return rows

        return self.once(("both", bins.tobytes()), both)

    @cached_property
    def all_ordinary_rows(self) -> NDArray[np.int64]:
        """Indices into the past of samples of the whole day, thinned to at most about ENOUGH."""
        return self._thinned(self.trains)

    @cached_property
    def recent(self) -> NDArray[np.bool_]:
        """Which past rows are looked at for what the link does by itself now and then: the last week, no more than
        ENOUGH_RECENT rows, as old habits are no excuse."""
        time = self.series.time[self.past]
        mask = time >= self.start - RECENT_DAYS * 1440 * MINUTE
        mask[:-ENOUGH_RECENT] = False
        return np.asarray(mask)

    def _thinned(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        rows = np.flatnonzero(mask)
        return rows[:: max(1, len(rows) // ENOUGH)]


@lru_cache(maxsize=1024)
def near_bins(bin_of_day: int, minutes: float, *, own_kind: bool) -> NDArray[np.bool_]:
    """Which bins count as around the same time of day, of any kind of day or of the bin's own; the last element
    answers for bin -1, what is excluded."""
    apart = np.abs(np.arange(BINS) - bin_of_day) % HALF_HOURS
    near = np.minimum(apart, HALF_HOURS - apart) <= minutes * HALF_HOURS / 1440
    if own_kind:
        near &= np.arange(BINS) // HALF_HOURS == bin_of_day // HALF_HOURS
    return np.append(near, False)
