"""When a site is open: its business hours and holidays in its own zone. Pure.

Hours are of the site's clock: a shop that opens at nine opens at nine after a change of the clock too. A time that the
clock shows twice or not at all is read as RFC 5545 (3.3.5) reads it: the first of two, and by the offset before a gap;
closing at a time that comes twice is the second of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from inventory.model import Site

LOOK_AHEAD_DAYS = 31
"""A site that does not open within a month has no next opening worth telling."""
_DAY = timedelta(days=1)

Period = tuple[datetime, datetime]


def open_periods(site: Site, start: datetime, end: datetime) -> list[Period]:
    """When it is open within [start, end): periods [from, to) in UTC, ascending, none touching another. A site that
    tells no hours is always open."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start >= end:
        return []
    if not site.business_hours:
        return [(start, end)]
    joined: list[Period] = []
    # Hours that end after midnight are the day's on which they begin.
    first, last = start.astimezone(site.zone).date() - 2 * _DAY, end.astimezone(site.zone).date()
    for opens, closes in sorted(_periods(site, first, last)):
        opens, closes = max(opens, start), min(closes, end)
        if opens >= closes:
            continue
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], closes))
        else:
            joined.append((opens, closes))
    return joined


def open_at(site: Site, moment: datetime) -> bool:
    """Whether it is open at this moment: from the opening on, no longer at the closing."""
    return bool(open_periods(site, moment, moment + timedelta(microseconds=1)))


def next_opening(site: Site, moment: datetime) -> datetime | None:
    """The first moment from this one on at which it is open, in UTC; None when there is none within a month."""
    periods = open_periods(site, moment, moment + LOOK_AHEAD_DAYS * _DAY)
    return periods[0][0] if periods else None


def open_share(site: Site, start: datetime, end: datetime) -> float:
    """The share of [start, end) in which it is open, 0 to 1; of no time at all, whether it is open then."""
    if start >= end:
        return float(open_at(site, start))
    return sum(((to - begin) for begin, to in open_periods(site, start, end)), timedelta()) / (end - start)


def _periods(site: Site, first: date, last: date) -> Iterator[Period]:
    day = first
    while day <= last:
        if day not in site.holidays:
            for hours in site.business_hours:
                if hours.weekday == day.weekday():
                    closing = day if hours.closes > hours.opens else day + _DAY
                    yield (
                        _utc(site, day, hours.opens, 0),
                        max(_utc(site, closing, hours.closes, fold) for fold in (0, 1)),
                    )
        day += _DAY


def _utc(site: Site, day: date, clock: time, fold: int) -> datetime:
    return datetime.combine(day, clock, site.zone).replace(fold=fold).astimezone(UTC)
