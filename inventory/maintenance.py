"""When announced work is under way, and on what: the one rule behind suppression, marks and every exclusion. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr

from config.clock import epoch_ms
from inventory.model import Impact, Inventory, Link, MaintenanceStatus, MaintenanceWindow
from inventory.recurrence import ended, wall_clock_lines

Span = tuple[datetime, datetime]


def announced(window: MaintenanceWindow) -> bool:
    """Whether the window counts at all: work that may never come, or that the carrier says no one will notice, makes
    no trouble ordinary. NANOG BCOP: TENTATIVE and CANCELLED work is not to be relied upon; with NO-IMPACT and
    REDUCED-REDUNDANCY the service itself goes on."""
    if window.status in (MaintenanceStatus.TENTATIVE, MaintenanceStatus.CANCELLED):
        return False
    return window.notice.impact not in (Impact.NO_IMPACT, Impact.REDUCED_REDUNDANCY)


def touches(window: MaintenanceWindow, link: Link) -> bool:
    """Whether the work is on this line or at its site."""
    return link.id in window.links or link.site in window.sites


def occurrences(window: MaintenanceWindow, start: datetime, end: datetime) -> list[Span]:
    """Each time of the work that meets [start, end), ascending, as aware UTC [from, to) in full.

    All last as long as the first in elapsed time, across changes of the clock too (RFC 5545, 3.8.5.3: DTEND). Whether
    the window counts is not asked here (`announced`).
    """
    lasts = window.end - window.start
    if not window.recurrence:
        spans = [(window.start, window.end)] if window.start < end and window.end > start else []
        return [(begins.astimezone(UTC), ends.astimezone(UTC)) for begins, ends in spans]
    starts = _starts(window.recurrence, window.timezone, window.start, end.astimezone(UTC).year + 1)
    return [(begins, begins + lasts) for begins in starts if begins < end and begins + lasts > start]


def upcoming(window: MaintenanceWindow, now: datetime) -> Span | None:
    """The time that is under way at `now`, or else the next one; of recurring work within two years."""
    return next(iter(occurrences(window, now, max(now, window.start) + _AHEAD)), None)


def covers(window: MaintenanceWindow, link: Link, moment: datetime) -> bool:
    """Whether announced work is under way on this line at this moment."""
    return announced(window) and touches(window, link) and bool(occurrences(window, moment, moment + _INSTANT))


def covering(inventory: Inventory, link: Link, moment: datetime) -> MaintenanceWindow | None:
    """The window that covers a line at a moment, the first by its start where there are several."""
    windows = inventory.work_on([link.site], [link.id])
    return next((window for window in windows if covers(window, link, moment)), None)


def periods(windows: Iterable[MaintenanceWindow], start: datetime, end: datetime) -> list[tuple[int, int]]:
    """The periods of those that count within reach of [start, end), in epoch milliseconds."""
    return [
        (epoch_ms(begins), epoch_ms(ends))
        for window in windows
        if announced(window)
        for begins, ends in occurrences(window, start, end)
    ]


def called_off(window: MaintenanceWindow, now: datetime) -> MaintenanceWindow:
    """The window without what has not begun yet. Recurring work ends; the times that were keep what they excuse."""
    if not window.recurrence or window.start >= now:
        return replace(window, status=MaintenanceStatus.CANCELLED)
    zone = ZoneInfo(window.timezone)
    first = window.start.astimezone(zone).replace(tzinfo=None)
    return replace(window, recurrence=ended(window.recurrence, now, zone, first))


def at_site(inventory: Inventory, site: str) -> list[MaintenanceWindow]:
    """Work at a site or on any of its lines, as it can touch all of them; whether or not it counts."""
    return inventory.work_on([site], [link.id for link in inventory.links_at(site)])


_INSTANT = timedelta(microseconds=1)
_AHEAD = timedelta(days=731)


@lru_cache(maxsize=4096)
def _starts(recurrence: str, timezone: str, first: datetime, before_year: int) -> tuple[datetime, ...]:
    """When each occurrence before that year begins, in UTC, the first one always (RFC 5545, 3.8.5.3: DTSTART).

    A wall time that the clock skips is read with the offset before the gap, one that it shows twice is the first
    (RFC 5545, 3.3.5): what `fold=0` says.
    """
    zone = ZoneInfo(timezone)
    wall = first.astimezone(zone).replace(tzinfo=None)
    rules: rruleset = rrulestr(wall_clock_lines(recurrence, zone, wall), dtstart=wall, forceset=True)
    rules.rdate(wall)
    until = datetime(min(before_year, 9999), 1, 1)  # noqa: DTZ001 - a wall clock
    return tuple(
        first.astimezone(UTC) if begins == wall else begins.replace(tzinfo=zone).astimezone(UTC)
        for begins in takewhile(lambda one: one < until, rules)
    )
