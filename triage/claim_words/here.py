"""Where and when something is said: the site's clock, its opening hours, and when the parts of a day begin. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from inventory.model import Site
from triage.hours import open_periods

_AROUND_OPENING = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Here:
    """Where and when it was said: the clock that is read, and the site, which may tell its opening hours."""

    local: datetime
    zone: ZoneInfo
    site: Site

    @property
    def today(self) -> date:
        return self.local.date()

    def at(self, zone: str) -> Here:
        """The same moment by another clock."""
        other = ZoneInfo(zone)
        return Here(self.local.astimezone(other), other, self.site)

    def opens(self, day: date) -> time | None:
        return min((one.opens for one in self.site.business_hours if one.weekday == day.weekday()), default=None)

    def staffed(self, moment: datetime) -> bool:
        """Whether people are at the site, an hour before opening and after closing included."""
        return bool(open_periods(self.site, moment - _AROUND_OPENING, moment + _AROUND_OPENING))


@dataclass(frozen=True, slots=True)
class DayPart:
    """When a part of the day begins, and how much later the trouble may have begun all the same."""

    begins: time
    minutes: int
    from_opening: bool = False


PARTS = {
    "day": DayPart(time(8), 600, True),
    "opening": DayPart(time(8), 60, True),
    "morning": DayPart(time(8), 240, True),
    "lunch": DayPart(time(12), 60),
    "after lunch": DayPart(time(13), 60),
    "afternoon": DayPart(time(13), 240),
    "evening": DayPart(time(18), 240),
    "night": DayPart(time(20), 600),
    "overnight": DayPart(time(22), 480),
}
"""The conventions of docs/claims-in-words.md: people say a part of the day and mean some time within it."""
