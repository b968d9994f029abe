"""The pieces that a time is said in: clock, day, part of a day, length. Found in words of one spelling. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from triage.claim_words.forms import ANY_PIECE, MONTHS, WEEKDAYS, ZONES
from triage.claim_words.here import Here

WEEK = 7 * 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What words at [start, stop) say of a time; several pieces side by side make one time."""

    start: int
    stop: int
    day: date | None = None
    part: str = ""
    hours: tuple[int, ...] = ()
    """The hours that the clock can mean: "1:30" is 1 or 13."""
    minute: int = 0
    zone: str = ""
    """Whose clock, where the words say so."""
    length: timedelta | None = None
    moment: datetime | None = None
    now: bool = False
    bare: bool = False
    """A number alone, or a length: it says a time only after words such as "since"."""
    whole: bool = False
    """"All day": it needs no "since"."""
    recurring: bool = False
    future: bool = False
    vague_minutes: int = 0
    doubt: str = ""


def pieces_in(text: str, here: Here) -> Iterator[Piece]:
    """Every piece of a time in `text`, in its order. What cannot be a time (hour 27) is passed over."""
    place = 0
    while match := ANY_PIECE.search(text, place):
        name = str(match.lastgroup)[1:]
        blank = Piece(start=match.start(), stop=match.end())
        piece = _READERS[name](match, here, blank)
        if piece is not None:
            yield piece
            place = match.end()
        else:
            place = text.find(" ", match.start()) + 1 or len(text)


def _rfc(match: re.Match[str], _here: Here, blank: Piece) -> Piece | None:
    try:
        return replace(blank, moment=datetime.fromisoformat(match["rfc"].upper()), vague_minutes=5)
    except ValueError:
        return None


def _date(match: re.Match[str], here: Here, blank: Piece) -> Piece | None:
    return _on(blank, int(match["year"]), int(match["month"]), int(match["dom"]), here)


_QUANTITIES = {"half": 0.5, "1/2": 0.5, "quarter": 0.25, "couple": 2.0, "few": 3.0, "several": 5.0, "a": 1.0, "an": 1.0}
_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": WEEK}
_SLACK = {"m": 5, "h": 15, "d": 720, "w": WEEK // 2}


def _length(match: re.Match[str], _here: Here, blank: Piece) -> Piece | None:
    """Ten weeks and longer say nothing that a claim could be about."""
    said, unit = match["quantity"], match["unit"][0]
    words = said.split()
    amount = next((_QUANTITIES[word] for word in words if word in _QUANTITIES and word not in ("a", "an")), None)
    if words[0].replace(".", "").isdigit():
        amount = float(words[0]) + (0.5 if len(words) > 1 else 0.0)
    elif amount is None:
        amount = 1.0
    if said in ("few", "a few") and unit == "m":
        amount = 5.0
    if match["half"]:
        amount += 0.5
    minutes = amount * _MINUTES[unit] + int(match["more"] or 0)
    if minutes > 10 * WEEK:
        return None
    return replace(blank, length=timedelta(minutes=minutes), bare=True, vague_minutes=_SLACK[unit])


def _open_length(match: re.Match[str], _here: Here, blank: Piece) -> Piece:
    return replace(blank, doubt=f"“{match['units']}” does not say since when; ask when it was last bad")


def _one_unit(match: re.Match[str], _here: Here, blank: Piece) -> Piece:
    unit = match["one"][0]
    return replace(blank, length=timedelta(minutes=_MINUTES[unit]), whole=True, vague_minutes=_SLACK[unit])


def _slashed(match: re.Match[str], here: Here, blank: Piece) -> Piece | None:
    """Month first in America, day first elsewhere, whichever has been; in doubt where both are dates that have been."""
    a, b = int(match["first"]), int(match["second"])
    year = match["slashed_year"]
    american = here.zone.key.startswith(("America/", "US/", "Pacific/Honolulu"))
    orders = [(a, b), (b, a)] if american else [(b, a), (a, b)]
    read = [_on(blank, int(year) % 100 + 2000 if year else None, month, dom, here) for month, dom in orders]
    dates = [piece for piece in read if piece is not None]
    if not dates:
        return None
    if len(dates) > 1 and dates[0].day != dates[1].day:
        return replace(dates[0], doubt=f"{match[0]} may be {dates[0].day} or {dates[1].day}")
    return dates[0]


def _month_day(match: re.Match[str], here: Here, blank: Piece) -> Piece | None:
    year = int(match["named_year"]) if match["named_year"] else None
    return _on(blank, year, MONTHS.index(match["named"][:3]) + 1, int(match["named_day"]), here)


def _day_month(match: re.Match[str], here: Here, blank: Piece) -> Piece | None:
    year = int(match["year_third"]) if match["year_third"] else None
    return _on(blank, year, MONTHS.index(match["month_second"][:3]) + 1, int(match["day_first"]), here)


def _on(blank: Piece, year: int | None, month: int, dom: int, here: Here) -> Piece | None:
    """The last such date that has been."""
    for each in (year,) if year else (here.today.year, here.today.year - 1):
        try:
            day = date(each, month, dom)
        except ValueError:
            continue
        if day <= here.today:
            return replace(blank, day=day)
    return None


def _dom(match: re.Match[str], here: Here, blank: Piece) -> Piece | None:
    wanted = int(match["the"])
    days = (here.today - timedelta(days=back) for back in range(62))
    day = next((each for each in days if each.day == wanted), None)
    return replace(blank, day=day) if day else None


def _recurring(match: re.Match[str], here: Here, blank: Piece) -> Piece:
    each = match["each"] or match["often"]
    doubt = f"“{match[0]}” is said to come back; the last time is taken"
    if each in WEEKDAYS:
        return replace(blank, day=_last(each, here), recurring=True, doubt=doubt)
    return replace(blank, part="" if each == "day" else each.rstrip("s"), recurring=True, doubt=doubt)


def _whole(match: re.Match[str], here: Here, blank: Piece) -> Piece:
    named = match["all"]
    if named == "night":
        return replace(blank, day=here.today - timedelta(days=1), part="night", whole=True)
    if named.startswith("week"):
        return replace(_week(named, here, blank), whole=True)
    return replace(blank, day=here.today, part=named, whole=True, vague_minutes=120 if named == "day" else 0)


def _week(named: str, here: Here, blank: Piece) -> Piece:
    back = here.today.weekday() if named == "week" else (here.today.weekday() - 5) % 7
    return replace(blank, day=here.today - timedelta(days=back), vague_minutes=2 * 1440)


def _past_hour(match: re.Match[str], _here: Here, blank: Piece) -> Piece | None:
    minutes = {"quarter": 15, "half": 30}.get(match["to"]) or int(match["to"])
    if not 0 < minutes < 60 or (match["to"] == "half" and match["side"] not in ("past", "after")):
        return None
    named = {"noon": "12", "midnight": "0"}.get(match["of"], match["of"])
    half = match["of_half"] if match["of_half"] in ("am", "pm") else None
    if match["side"] in ("past", "after"):
        return _clock(blank, named, minutes, half)
    clock = _clock(blank, named, 60 - minutes, half)
    return replace(clock, hours=tuple((hour - 1) % 24 for hour in clock.hours)) if clock else None


def _clock(blank: Piece, hour: str, minute: int, half_day: str | None, *, bare: bool = False) -> Piece | None:
    """Both halves of the day where neither am nor pm is said; a leading nought is the 24-hour clock."""
    value = int(hour)
    if value > 23 or minute > 59 or (half_day and not 1 <= value <= 12):
        return None
    if half_day:
        hours: tuple[int, ...] = (value % 12 + (12 if half_day[0] == "p" else 0),)
    else:
        hours = (value % 12, value % 12 + 12) if 1 <= value <= 12 and hour[0] != "0" else (value,)
    return replace(blank, hours=hours, minute=minute, bare=bare, vague_minutes=5 if minute % 30 else 15)


def _military(match: re.Match[str], _here: Here, blank: Piece) -> Piece | None:
    digits, half = match["hhmm"], match["hhmm_half"]
    return _clock(blank, digits[:-2], int(digits[-2:]), half, bare=half is None)


def _weekday(match: re.Match[str], here: Here, blank: Piece) -> Piece:
    day = _last(match["weekday"], here)
    if day == here.today and not (match["which"] or "").startswith("this"):
        doubt = f"“{match[0]}” may be today; that of last week is taken"
        return replace(blank, day=day - timedelta(days=7), doubt=doubt)
    return replace(blank, day=day)


def _last(weekday: str, here: Here) -> date:
    return here.today - timedelta(days=(here.today.weekday() - WEEKDAYS.index(weekday)) % 7)


def _part(match: re.Match[str], here: Here, blank: Piece) -> Piece | None:
    named = {"am": "morning", "pm": "afternoon"}.get(match["part"], match["part"])
    if match["part"] in ("am", "pm") and match["this"] != "this ":
        return None
    return replace(blank, part=named, day=here.today if match["this"] == "this " else None)


def _back(days: int, here: Here, blank: Piece, part: str = "") -> Piece:
    return replace(blank, day=here.today - timedelta(days=days), part=part)


_READERS: Mapping[str, Callable[[re.Match[str], Here, Piece], Piece | None]] = {
    "rfc": _rfc,
    "date": _date,
    "hour_h": lambda match, _here, blank: _clock(blank, match["h24"], int(match["m60"]), None),
    "length": _length,
    "open_length": _open_length,
    "one_unit": _one_unit,
    "slashed": _slashed,
    "month_day": _month_day,
    "day_month": _day_month,
    "dom": _dom,
    "recurring": _recurring,
    "whole": _whole,
    "past_hour": _past_hour,
    "half_hour": lambda match, _here, blank: _clock(blank, match["half_hour"], 30, None),
    "clock": lambda match, _here, blank: _clock(blank, match["hour"], int(match["minute"]), match["half_day"]),
    "clock_half": lambda match, _here, blank: _clock(blank, match["h12"], 0, match["ap"]),
    "oclock": lambda match, _here, blank: _clock(blank, match["oclock"], 0, None),
    "military": _military,
    "noon": lambda _match, _here, blank: replace(blank, hours=(12,), vague_minutes=15),
    "midnight": lambda _match, _here, blank: replace(blank, hours=(0,), vague_minutes=15),
    "day_before": lambda _match, here, blank: _back(2, here, blank),
    "yesterday": lambda _match, here, blank: _back(1, here, blank),
    "last_night": lambda _match, here, blank: _back(1, here, blank, "night"),
    "overnight": lambda _match, here, blank: replace(_back(1, here, blank, "overnight"), whole=True),
    "today": lambda _match, here, blank: _back(0, here, blank),
    "tonight": lambda _match, here, blank: _back(0, here, blank, "evening"),
    "future": lambda _match, _here, blank: replace(blank, future=True),
    "weekday": _weekday,
    "last_week": lambda _match, here, blank: replace(_back(here.today.weekday() + 7, here, blank), vague_minutes=WEEK),
    "this_week": lambda _match, here, blank: replace(_back(here.today.weekday(), here, blank), vague_minutes=2 * 1440),
    "weekend": lambda _match, here, blank: _week("weekend", here, blank),
    "lunch": lambda match, _here, blank: replace(blank, part="after lunch" if match["after"] else "lunch"),
    "opening": lambda _match, here, blank: _back(0, here, blank, "opening"),
    "part": _part,
    "zone": lambda match, _here, blank: replace(blank, zone=ZONES[match["zone"]]),
    "now": lambda _match, _here, blank: replace(blank, now=True),
    "bare": lambda match, _here, blank: _clock(blank, match["bare"], 0, None, bare=True),
}
