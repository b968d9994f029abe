"""One source's samples of one link, divided into the judged window and the past that says what is ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray, Series, Source, TimeArray
from config.clock import from_epoch_ms
from triage.detection.event import MINUTE
from triage.policy import WindowPolicy

BINS = 48
"""Half hours of the day in the site's zone."""
ENOUGH = 800
"""Past samples looked at for one half hour: quantiles of more are no better and cost time."""

RECENT_DAYS = 7
ENOUGH_RECENT = 7 * 1440


@dataclass(frozen=True, eq=False)
class View:
    """Rows of `series` in [start, now) are judged, earlier ones are the past.

    `excluded` are periods [from, to) that never train a baseline: maintenance and known troubles. `zone` is the
    site's: habits follow its clock.
    """

    series: Series
    start: int
    now: int
    windows: WindowPolicy
    excluded: Sequence[tuple[int, int]] = ()
    zone: tzinfo = UTC

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
        return int(np.median(seconds)) * 1000 if len(seconds) else MINUTE

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
        values = self.series.fields.get(name)
        return values is not None and not np.isnan(values[self.rows]).all()

    @cached_property
    def bins(self) -> NDArray[np.int64]:
        return half_hour(self.time, self.zone)

    @cached_property
    def _past_bins(self) -> NDArray[np.int64]:
        time = self.series.time[self.past]
        bins = half_hour(time, self.zone)
        for begin, end in self.excluded:
            bins[(time >= begin) & (time < end)] = -1
        return bins

    def ordinary_rows(self, bin_of_day: int) -> NDArray[np.int64]:
        """Indices into the past of samples from around the same time of day, thinned to at most about ENOUGH."""
        if bin_of_day not in self._rows_near:
            self._rows_near[bin_of_day] = self._thinned(self._near(bin_of_day)[self._past_bins])
        return self._rows_near[bin_of_day]

    @cached_property
    def _rows_near(self) -> dict[int, NDArray[np.int64]]:
        return {}

    @cached_property
    def all_ordinary_rows(self) -> NDArray[np.int64]:
        """As `ordinary_rows`, of the whole day."""
        return self._thinned(self._past_bins >= 0)

    @cached_property
    def recent(self) -> NDArray[np.bool_]:
        """Which past rows are looked at for what the link does by itself now and then: the last week, no more than
        ENOUGH_RECENT rows, as old habits are no excuse."""
        time = self.series.time[self.past]
        mask = time >= self.start - RECENT_DAYS * 1440 * MINUTE
        mask[:-ENOUGH_RECENT] = False
        return np.asarray(mask)

    def _near(self, bin_of_day: int) -> NDArray[np.bool_]:
        reach = self.windows.time_of_day_minutes * BINS / 1440
        apart = np.abs(np.arange(BINS) - bin_of_day)
        # The last element answers for bin -1: excluded.
        return np.append(np.minimum(apart, BINS - apart) <= reach, False)

    def _thinned(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        rows = np.flatnonzero(mask)
        return rows[:: max(1, len(rows) // ENOUGH)]


def half_hour(time: TimeArray, zone: tzinfo) -> NDArray[np.int64]:
    """The half hour of the zone's day, 0 to 47, of each of these moments."""
    return (local(time, zone) // (30 * MINUTE)) % BINS


def local(time: TimeArray, zone: tzinfo) -> TimeArray:
    """Epoch milliseconds as the zone's clock would show them. Clocks change on quarters of an hour, so each of those
    is asked once."""
    if zone is UTC or not len(time):
        return time
    quarter = 15 * MINUTE
    first, last = int(time.min()) // quarter, int(time.max()) // quarter
    offsets = _offsets(zone, first, last)
    return time + offsets[time // quarter - first]


@lru_cache(maxsize=256)
def _offsets(zone: tzinfo, first: int, last: int) -> TimeArray:
    """The offset from UTC in milliseconds of each quarter of an hour from `first` to `last`; found by halving, as it
    hardly ever changes."""
    offsets = np.empty(last - first + 1, dtype=np.int64)
    waiting = [(first, last)]
    while waiting:
        begin, end = waiting.pop()
        one, other = _offset(zone, begin), _offset(zone, end)
        if one == other and end - begin <= _A_WEEK:
            offsets[begin - first : end - first + 1] = one
        elif begin == end:
            offsets[begin - first] = one
        else:
            middle = (begin + end) // 2
            waiting += [(begin, middle), (middle + 1, end)]
    return offsets


def _offset(zone: tzinfo, quarter: int) -> int:
    moment = from_epoch_ms(quarter * 15 * MINUTE).astimezone(zone)
    return int((moment.utcoffset() or timedelta()) / timedelta(milliseconds=1))


_A_WEEK = 7 * 96
"""Quarters of an hour between two looks: no zone changes its clock twice in a week and comes back."""
