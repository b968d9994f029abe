"""A wall clock and the moments at which it shows a time: once, never (clocks go forward) or twice (back). Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def readings(day: date, clock: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """UTC moments of `day` and `clock` in `zone` by the offset before and after a change of the clocks (PEP 495).

    Equal: the clock shows it once. Ascending: twice. Descending: never; it was skipped. Raises OverflowError at the
    ends of the calendar.
    """
    local = datetime.combine(day, clock, zone)
    return local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)


def skipping(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The moment at which the wall clock skipped `day` and `clock`."""
    after, before = readings(day, clock, zone)
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
