"""What a person or a calendar writes of work that comes again (RFC 5545: RRULE, RDATE, EXDATE), checked and read. Pure.

Only days, weeks, months and years recur, at the time of day of the first: so a rule has few occurrences and each can
be named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time
from itertools import takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_NUMBERS = r"-?\d{1,3}(,-?\d{1,3})*"
_PARTS = {
    "FREQ": "|".join(_FREQUENCIES),
    "INTERVAL": r"[1-9]\d{0,3}",
    "COUNT": r"[1-9]\d{0,5}",
    "UNTIL": r"\d{8}(T\d{6}Z?)?",
    "BYDAY": r"[+-]?\d{0,2}(MO|TU|WE|TH|FR|SA|SU)(,[+-]?\d{0,2}(MO|TU|WE|TH|FR|SA|SU))*",
    "BYMONTHDAY": _NUMBERS,
    "BYYEARDAY": _NUMBERS,
    "BYWEEKNO": _NUMBERS,
    "BYMONTH": r"\d{1,2}(,\d{1,2})*",
    "BYSETPOS": _NUMBERS,
    "WKST": "MO|TU|WE|TH|FR|SA|SU",
}
_MOMENT = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
EXAMPLE = "FREQ=WEEKLY;BYDAY=SU, with a line EXDATE:20261227T020000 below for a time that is left out"


def checked_recurrence(text: str) -> str:
    """`text`, if it is a recurrence that has occurrences. Raises ValueError, saying what was expected."""
    lines = text.split()
    for line in lines:
        name, _, value = line.rpartition(":")
        if name in ("RDATE", "EXDATE"):
            _check_moments(value)
        elif name in ("", "RRULE"):
            _check_rule(value)
        else:
            raise ValueError(f"lines of RRULE, RDATE or EXDATE such as {EXAMPLE}")
    for rule in filter(_is_rule, lines):
        example = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall clock
        if (
            next(iter(rrulestr(wall_clock_lines(_endless(rule), ZoneInfo("UTC"), example), dtstart=example)), None)
            is None
        ):
            raise ValueError("a rule that some day follows; this one has no day at all")
    return "\n".join(lines)


def wall_clock_lines(recurrence: str, zone: ZoneInfo, first: datetime) -> str:
    """The recurrence with every moment on the wall clock of its zone, as dateutil reads it beside a naive start.

    `first` is the wall clock's first occurrence: a date stands for the occurrence of that day, and UNTIL for its end.
    """
    return "\n".join(_on_the_wall(line, zone, first.time()) for line in recurrence.split())


def ended(recurrence: str, now: datetime, zone: ZoneInfo, first: datetime) -> str:
    """The recurrence without what would begin after `now`; `first` as for `wall_clock_lines`."""
    wall = now.astimezone(zone).replace(tzinfo=None)
    lines = []
    for line in recurrence.split():
        name, _, moments = line.rpartition(":")
        if name == "RDATE":
            kept = [one for one in moments.split(",") if _wall(one, zone, first.time()) <= f"{wall:%Y%m%dT%H%M%S}"]
            lines += [f"RDATE:{','.join(kept)}"] if kept else []
        elif name == "EXDATE":
            lines.append(line)
        else:
            were = sum(1 for _ in takewhile(lambda one: one <= wall, _rule(line, zone, first)))
            lines += [f"{_endless(line)};COUNT={were}"] if were else []
    return "\n".join(lines)


def _rule(line: str, zone: ZoneInfo, first: datetime) -> Iterator[datetime]:
    return iter(rrulestr(_on_the_wall(line, zone, first.time()), dtstart=first))


def _on_the_wall(line: str, zone: ZoneInfo, at: time) -> str:
    if _is_rule(line):
        rule = line.rpartition(":")[2]
        parts = (
            f"UNTIL={_wall(part[6:], zone, time.max)}" if part.startswith("UNTIL=") else part
            for part in rule.split(";")
        )
        return "RRULE:" + ";".join(parts)
    name, _, moments = line.partition(":")
    return f"{name}:" + ",".join(_wall(moment, zone, at) for moment in moments.split(","))


def _wall(moment: str, zone: ZoneInfo, at: time) -> str:
    found = _MOMENT.fullmatch(moment)
    day, clock, utc = found.groups(default="") if found is not None else ("", "", "")
    try:
        wall = datetime.fromisoformat(f"{day}T{clock or f'{at:%H%M%S}'}")
    except ValueError:
        raise ValueError(f"a time such as 20261227T020000 or 20261227T070000Z; {moment} is not") from None
    if utc:
        wall = wall.replace(tzinfo=UTC).astimezone(zone)
    return f"{wall:%Y%m%dT%H%M%S}"


def _is_rule(line: str) -> bool:
    return line.rpartition(":")[0] in ("", "RRULE")


def _endless(rule: str) -> str:
    """The rule without its end: whether it has any day must not depend on when it is asked."""
    return ";".join(part for part in rule.split(";") if not part.startswith(("UNTIL=", "COUNT=")))


def _check_rule(rule: str) -> None:
    parts = [part.partition("=")[::2] for part in rule.split(";")]
    names = [name for name, _ in parts]
    for name, value in parts:
        if name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
            raise ValueError(f"a rule without {name}: each time begins at the time of day of the first")
        if name not in _PARTS or re.fullmatch(_PARTS[name], value) is None:
            expected = "one of " + ", ".join(_FREQUENCIES) if name == "FREQ" else f"RFC 5545, such as {EXAMPLE}"
            raise ValueError(f"{expected}; {name}={value} is not")
    if len(set(names)) < len(names) or "FREQ" not in names or {"UNTIL", "COUNT"} <= set(names):
        raise ValueError(f"FREQ, each part once, and not both UNTIL and COUNT, such as {EXAMPLE}")
    for name, value in parts:
        if name == "UNTIL":
            _check_moments(value)


def _check_moments(moments: str) -> None:
    for moment in moments.split(","):
        _wall(moment, ZoneInfo("UTC"), time())
