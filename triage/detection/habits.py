"""The half hour of the day and the kind of day that a moment belongs to, by the clock of the site."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, timedelta, tzinfo
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from collector.model import TimeArray
from config.clock import from_epoch_ms
from triage.detection.event import MINUTE

HALF_HOURS = 48
"""Half hours of a day."""
BINS = 2 * HALF_HOURS
"""Half hours of working days, then those of days off: Saturdays, Sundays and the site's holidays."""
DAY = 1440 * MINUTE
EPOCH = date(1970, 1, 1)


def bins_of(time: TimeArray, zone: tzinfo, holidays: Collection[date] = ()) -> NDArray[np.int64]:
    """The bin, 0 to BINS - 1, of each of these moments (epoch milliseconds)."""
    shown = local(time, zone)
    return (shown // (30 * MINUTE)) % HALF_HOURS + HALF_HOURS * is_day_off(shown // DAY, holidays)


def days_of(time: TimeArray, zone: tzinfo) -> NDArray[np.int64]:
    """The zone's day, counted from 1970, of each of these moments."""
    return local(time, zone) // DAY


def is_day_off(days: NDArray[np.int64], holidays: Collection[date]) -> NDArray[np.bool_]:
    """Which of these days (counted from 1970, a Thursday) are Saturdays, Sundays or holidays."""
    off = (days + 3) % 7 >= 5
    if holidays:
        off |= np.isin(days, [(day - EPOCH).days for day in holidays])
    return np.asarray(off)


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
