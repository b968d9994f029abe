"""Numbers and times as people read them. Everything is formatted here, once; nothing that is absent becomes a zero."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from triage.formatting import ABSENT, bit_rate, clock, local_time, number, quantity, scaled, shortest, zone_name

__all__ = ["ABSENT", "bit_rate", "local_time", "number", "quantity", "shortest", "zone_name"]
"""What is used from here though it stands in `triage/formatting.py`, as tickets say it too."""

UNSTATED = "not stated"

_DIGITS = {"ms": 1, "%": 2, "packets": 0, "changes": 0, "dBm": 0, "dB": 1}
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def plain(text: str) -> str:
    """The text without what no page can show: control characters and direction overrides become U+FFFD.

    Overrides could make a name read as another one (Unicode TR 36, bidirectional spoofing).
    """
    return _CONTROL.sub("�", text.replace("\r\n", "\n").replace("\t", " "))


def opening(text: str) -> str:
    """The text as a sentence begins; the rest of it stays as it is."""
    return text[:1].upper() + text[1:]


def stated(text: str | None) -> str:
    """What the inventory says, or that it does not say."""
    return text if text and text.strip() else UNSTATED


def aligned(value: float | None, unit: str) -> str:
    """As `quantity`, with the same number of digits for every value of a unit: for columns of a table."""
    if unit not in _DIGITS or value is None or not math.isfinite(value):
        return quantity(value, unit)
    return f"{number(value, _DIGITS[unit])} {unit}"


def byte_size(size: float | None) -> str:
    """Decimal multiples of bytes."""
    return scaled(size, _SIZES, "B")


def percent(value: float | None, digits: int = 1) -> str:
    text = number(value, digits)
    return text if text == ABSENT else f"{text} %"


def availability(value: float | None) -> str:
    """Percent to three digits, cut and not rounded: 99.9996 % is not 100 %."""
    return percent(None if value is None else math.floor(value * 1000 + 1e-6) / 1000, 3)


def duration(seconds: float) -> str:
    """The two largest units: "2 d 3 h", "1 h 12 min", "45 s"."""
    whole = round(seconds)
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    for index, (size, name) in enumerate(units):
        if whole >= size:
            rest = whole % size // units[index + 1][0] if index + 1 < len(units) else 0
            return f"{whole // size} {name}" + (f" {rest} {units[index + 1][1]}" if rest else "")
    return "0 s"


def local_span(start: datetime, end: datetime | None, zone: tzinfo) -> str:
    """ "2026-03-03 12:30 – 13:10 CST"; the date again where it differs; an open end is "since ..., still lasting"."""
    first = start.astimezone(zone)
    if end is None:
        return f"since {local_time(start, zone)}, still lasting"
    last = end.astimezone(zone)
    head = f"{first:%Y-%m-%d} {clock(first)}"
    if first.tzname() != last.tzname():
        return f"{head} {zone_name(first)} – {local_time(end, zone)}"
    same_day = first.date() == last.date()
    tail = clock(last) if same_day else f"{last:%Y-%m-%d} {clock(last)}"
    return f"{head} – {tail} {zone_name(last)}"


def month_bounds(month: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Start and end in UTC of a month "YYYY-MM" as the zone's calendar has it. Raises ValueError on another form."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        raise ValueError(f"{month!r} is not a month of the form YYYY-MM")
    first = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=zone)
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return first.astimezone(UTC), following.astimezone(UTC)


def yes_or_no(value: bool | None, more: str = "") -> str:
    """Yes, no, or that nobody said."""
    if value is None:
        return stated("")
    return f"yes, {more}" if value and more else "yes" if value else "no"
