"""Times as people write them: RFC 3339, or the wall clock of a site. Pure; desk and command line share it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.clock import rfc3339
from config.errors import LineproofError
from triage.wall_clock import readings

_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_LOCAL = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")


class UsageError(LineproofError):
    """Something was typed that cannot be meant (exit code 2); the sentence says what to write instead."""


def parse_moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment that `text` means at a place in `zone`, as aware UTC, never later than `now`.

    RFC 3339 (`2026-03-03T18:30:00Z`), `YYYY-MM-DD HH:MM` on the zone's wall clock, or `HH:MM`: the last time that
    the wall clock showed it, today or yesterday. A time that the clock change leaves out, or one that it repeats and
    that can be meant twice, is refused with what to write instead. Raises UsageError.
    """
    written = text.strip()
    try:
        moment = _moment(written, zone, now.astimezone(UTC))
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise UsageError(_not_a_time(written, zone))
    if moment > now:
        here = now.astimezone(zone)
        raise UsageError(
            f"{_shown(written)} is in the future: it is {here:%Y-%m-%d %H:%M} in {zone.key} now; "
            "give a time that has been"
        )
    return moment


def parse_ahead(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """A time that somebody promised, as `parse_moment` reads it but for the future: `HH:MM` is the next time that the
    wall clock shows it. One that has passed is taken too. Raises UsageError."""
    written = text.strip()
    try:
        moment = _promised(written, zone, now.astimezone(UTC))
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise UsageError(_not_a_time(written, zone))
    return moment


def _promised(written: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    if _RFC_3339.fullmatch(written):
        return datetime.fromisoformat(written.upper()).astimezone(UTC)
    if match := _LOCAL.fullmatch(written):
        day, hour, minute, second = match.groups()
        return _at(date.fromisoformat(day), time(int(hour), int(minute), int(second or 0)), zone, _END)
    if match := _CLOCK.fullmatch(written):
        hour, minute, second = match.groups()
        clock = time(int(hour), int(minute), int(second or 0))
        today = now.astimezone(zone).date()
        moment = _at(today, clock, zone, _END)
        return moment if moment > now else _at(today + timedelta(days=1), clock, zone, _END)
    return None


_END = datetime.max.replace(tzinfo=UTC)
"""As `now`, so that a time which is there twice is refused in the future too."""


def _not_a_time(written: str, zone: ZoneInfo) -> str:
    return (
        f"{_shown(written)} is not a time; write HH:MM or YYYY-MM-DD HH:MM (in {zone.key}), "
        "or RFC 3339 such as 2026-03-03T18:30:00Z"
    )


def _moment(written: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    if _RFC_3339.fullmatch(written):
        return datetime.fromisoformat(written.upper()).astimezone(UTC)
    if match := _LOCAL.fullmatch(written):
        day, hour, minute, second = match.groups()
        return _at(date.fromisoformat(day), time(int(hour), int(minute), int(second or 0)), zone, now)
    if match := _CLOCK.fullmatch(written):
        hour, minute, second = match.groups()
        clock = time(int(hour), int(minute), int(second or 0))
        today = now.astimezone(zone).date()
        moment = _at(today, clock, zone, now)
        return moment if moment <= now else _at(today - timedelta(days=1), clock, zone, now)
    return None


def _at(day: date, clock: time, zone: ZoneInfo, now: datetime) -> datetime:
    """The UTC moment at which the wall clock of `zone` shows `day` and `clock`.

    Raises UsageError when that happened never or twice before `now`.
    """
    first, second = readings(day, clock, zone)
    if first == second or now < min(first, second):
        return first
    if first > second:
        before, after = second.astimezone(zone), first.astimezone(zone)
        raise UsageError(
            f"{clock:%H:%M} on {day} does not exist in {zone.key}: the clocks went forward; "
            f"write {before:%H:%M} or {after:%H:%M}, or RFC 3339 such as {rfc3339(first)}"
        )
    if first <= now < second:
        return first
    raise UsageError(
        f"{clock:%H:%M} on {day} is there twice in {zone.key}: the clocks went back; "
        f"write {rfc3339(first)} for the first or {rfc3339(second)} for the second"
    )


def _shown(written: str) -> str:
    return repr(written if len(written) <= 40 else written[:37] + "...")
