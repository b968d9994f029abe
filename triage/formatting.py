"""Numbers and times as people read them, wherever they read them; nothing that is absent becomes a zero."""

from __future__ import annotations

import math
from datetime import datetime, tzinfo

ABSENT = "not measured"

RATES = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))


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


def bit_rate(bps: float | None) -> str:
    """Decimal multiples of bit/s, three significant digits: 48 200 000 -> "48.2 Mbit/s"."""
    return scaled(bps, RATES, "bit/s")


def zone_name(moment: datetime) -> str:
    """The zone's abbreviation at that moment, "UTC+05:30" where it has none."""
    name = moment.tzname() or ""
    return name if name[:1].isalpha() else f"UTC{moment.strftime('%z')[:3]}:{moment.strftime('%z')[3:]}"


def local_time(moment: datetime | None, zone: tzinfo) -> str:
    """Date, time and zone at the site: "2026-03-03 12:30 CST"; seconds where there are any. None is "not known"."""
    if moment is None:
        return "not known"
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d} {clock(local)} {zone_name(local)}"


def since_time(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """Time and zone at the site, with the date only where it is not today's: "12:30 CST"."""
    local = moment.astimezone(zone)
    day = "" if local.date() == now.astimezone(zone).date() else f"{local:%Y-%m-%d} "
    return f"{day}{local:%H:%M} {zone_name(local)}"


def in_a_sentence(value: float, unit: str) -> str:
    """A measured value as a sentence says it: one digit is enough, and 0.0 says that there is next to nothing."""
    return f"{number(value)} {unit}" if unit in ("%", "ms") else quantity(value, unit)


def scaled(value: float | None, multiples: tuple[tuple[float, str], ...], unit: str) -> str:
    if value is None or not math.isfinite(value):
        return ABSENT
    for size, name in multiples:
        if abs(value) >= size * 0.9995:
            return f"{shortest(value / size)} {name}"
    return f"{number(value, 0)} {unit}"


def clock(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
