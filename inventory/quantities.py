"""How people write rates, volumes, zones and opening hours, read into what the model holds. Pure.

Every function raises ValueError whose text says what was expected.
"""

from __future__ import annotations

import re
from datetime import time
from zoneinfo import ZoneInfo, available_timezones

from config.expected import closest, one_of
from inventory.model import OpeningHours

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:(?:bit|b)?(?:/s|ps)|bit)?", re.IGNORECASE)
_BYTES_PER_SECOND = re.compile(r"B(?:/s|ps)?$")
_VOLUME = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)B?", re.IGNORECASE)


def parse_rate(text: str) -> float:
    """bit/s of `100M`, `1.5G`, `20 Mbit/s`, `512 kbps` or `20000000`. Prefixes are decimal, as carriers sell."""
    found = _RATE.fullmatch(text.strip())
    if found is None or _BYTES_PER_SECOND.search(text.strip()):
        raise ValueError("a rate in bits per second such as 100M, 1G, 20 Mbit/s or 20000000")
    return float(found[1]) * _DECIMAL[found[2].lower()]


def parse_volume(text: str) -> int:
    """Bytes of `50 GB` (decimal), `50 GiB` (binary) or `50000000000`."""
    found = _VOLUME.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise ValueError("a volume in bytes such as 50 GB, 500 MB, 2 GiB or 50000000000")
    scale = _BINARY if found[3] else _DECIMAL
    return round(float(found[1]) * scale[found[2].lower()])


def checked_zone(name: str) -> str:
    """`name` if it is a zone of the IANA time zone database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        zones = available_timezones()
        # A person who knows only the city still finds the zone.
        by_city = {zone.rsplit("/", 1)[-1]: zone for zone in sorted(zones)}
        guess = closest(name, zones) or by_city.get(closest(name, by_city) or "")
        hint = f" (did you mean {guess}?)" if guess else ""
        raise ValueError(f"an IANA time zone such as America/New_York{hint}") from None
    return name


def parse_time(text: str) -> time:
    """`09:00`, or `24:00`, which is midnight at the day's end."""
    if text.strip() == "24:00":
        return time(0)
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text.strip())
    if found is None:
        raise ValueError(f"a time of day such as 09:30, not {text.strip()!r}")
    return time(int(found[1]), int(found[2]))


def parse_weekdays(text: str) -> tuple[int, ...]:
    """Weekdays, 0 = Monday, of `mon`, `mon-fri`, `sat,sun` or `fri-mon` (over the week's end)."""
    days: list[int] = []
    for part in text.lower().split(","):
        first, _, last = (piece.strip()[:3] for piece in part.partition("-"))
        for name in (first, last or first):
            if name not in WEEKDAYS:
                raise ValueError(f"a weekday or a span of them such as mon-fri, not {text!r}; {one_of(name, WEEKDAYS)}")
        start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days += [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]
    return tuple(days)


def parse_opening_hours(value: object) -> tuple[OpeningHours, ...]:
    """Opening hours of `{mon-fri: "08:00-18:00", sat: "09:00-12:00, 13:00-17:00"}`, of the same as one text
    `mon-fri 08:00-18:00 | sat 09:00-13:00`, or of `24x7`; ordered by weekday and opening time."""
    if isinstance(value, str) and value.strip().lower() == "24x7":
        value = {"mon-sun": "00:00-24:00"}
    elif isinstance(value, str):
        value = dict(_day_and_hours(part) for part in value.split("|"))
    if not isinstance(value, dict) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise ValueError('opening hours such as {mon-fri: "08:00-18:00", sat: "09:00-13:00"} or 24x7')
    hours = [
        OpeningHours(weekday=day, opens=opens, closes=closes)
        for days, spans in value.items()
        for day in parse_weekdays(days)
        for opens, closes in map(_parse_span, spans.split(","))
    ]
    return tuple(sorted(hours, key=lambda span: (span.weekday, span.opens, span.closes)))


def _day_and_hours(part: str) -> tuple[str, str]:
    days, _, hours = part.strip().partition(" ")
    return days, hours


def _parse_span(text: str) -> tuple[time, time]:
    opens, dash, closes = text.partition("-")
    if not dash:
        raise ValueError(f"hours such as 08:00-18:00, not {text.strip()!r}")
    return parse_time(opens), parse_time(closes)
