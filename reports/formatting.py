"""Numbers and times as people read them. Everything is formatted here, once; nothing that is absent becomes a zero."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

ABSENT = "not measured"
UNSTATED = "not stated"

_RATES = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))
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


def number(value: float | None, digits: int = 1) -> str:
    """Fixed digits, thousands apart by a thin no-break space, "not measured" for None, NaN and infinity; never "-0"."""
    if value is None or not math.isfinite(value):
        return ABSENT
    rounded = round(value, digits)
    text = f"{rounded or 0.0:,.{digits}f}"
    return text.replace(",", "\u202f").replace("-", "−")


def shortest(value: float) -> str:
    """Three significant digits at least, no trailing zeros: 8 -> "8", 12.5 -> "12.5", 0.125 -> "0.125"."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit, as `collector.model.FIELDS` names units."""
    if value is None or not math.isfinite(value):
        return ABSENT
    if unit == "bit/s":
        return bit_rate(value)
    if unit == "":
        return shortest(value)
    return f"{shortest(value)} {unit}"


def aligned(value: float | None, unit: str) -> str:
    """As `quantity`, with the same number of digits for every value of a unit: for columns of a table."""
    if unit not in _DIGITS or value is None or not math.isfinite(value):
        return quantity(value, unit)
    return f"{number(value, _DIGITS[unit])} {unit}"


def bit_rate(bps: float | None) -> str:
    """Decimal multiples of bit/s, three significant digits: 48 200 000 -> "48.2 Mbit/s"."""
    return _scaled(bps, _RATES, "bit/s")


def byte_size(size: float | None) -> str:
    """Decimal multiples of bytes."""
    return _scaled(size, _SIZES, "B")


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


def zone_name(moment: datetime) -> str:
    """The zone's abbreviation at that moment, "UTC+05:30" where it has none."""
    name = moment.tzname() or ""
    return name if name[:1].isalpha() else f"UTC{moment.strftime('%z')[:3]}:{moment.strftime('%z')[3:]}"


def local_time(moment: datetime | None, zone: tzinfo) -> str:
    """Date, time and zone at the site: "2026-03-03 12:30 CST"; seconds where there are any. None is "not known"."""
    if moment is None:
        return "not known"
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d} {_clock(local)} {zone_name(local)}"


def local_span(start: datetime, end: datetime | None, zone: tzinfo) -> str:
    """ "2026-03-03 12:30 – 13:10 CST"; the date again where it differs; an open end is "since ..., still lasting"."""
    first = start.astimezone(zone)
    if end is None:
        return f"since {local_time(start, zone)}, still lasting"
    last = end.astimezone(zone)
    head = f"{first:%Y-%m-%d} {_clock(first)}"
    if first.tzname() != last.tzname():
        return f"{head} {zone_name(first)} – {local_time(end, zone)}"
    same_day = first.date() == last.date()
    tail = _clock(last) if same_day else f"{last:%Y-%m-%d} {_clock(last)}"
    return f"{head} – {tail} {zone_name(last)}"


def month_bounds(month: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Start and end in UTC of a month "YYYY-MM" as the zone's calendar has it. Raises ValueError on another form."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        raise ValueError(f"{month!r} is not a month of the form YYYY-MM")
    first = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=zone)
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return first.astimezone(UTC), following.astimezone(UTC)


def _scaled(value: float | None, multiples: tuple[tuple[float, str], ...], unit: str) -> str:
    if value is None or not math.isfinite(value):
        return ABSENT
    for size, name in multiples:
        if abs(value) >= size * 0.9995:
            return f"{shortest(value / size)} {name}"
    return f"{number(value, 0)} {unit}"


def _clock(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
