"""Where the ticks of a chart stand. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400
_STEPS = tuple(
    [minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)]
    + [hours * _HOUR for hours in (1, 2, 3, 6, 12)]
    + [days * _DAY for days in (1, 2, 7, 14, 28)]
)


@dataclass(frozen=True, slots=True)
class TimeTick:
    """`day` is set on the first tick and on the first one of each local day."""

    at: datetime
    label: str
    day: str


def value_ticks(top: float, most: int = 5) -> tuple[float, ...]:
    """Ascending from 0 in steps of 1, 2, 2.5 or 5 times a power of ten; the last is >= `top`, at most `most` + 1.

    Raises ValueError unless top is finite and >= 0.
    """
    if not math.isfinite(top) or top < 0:
        raise ValueError(f"an axis ends at a finite value >= 0, not {top}")
    if top == 0:
        return (0.0, 1.0)
    raw = top / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10, 20) if factor * power * most >= top * (1 - 1e-12))
    count = max(1, math.ceil(top / step - 1e-9))
    return tuple(step * index for index in range(count + 1))


def time_ticks(start: datetime, end: datetime, zone: ZoneInfo, most: int = 10) -> tuple[TimeTick, ...]:
    """Round local times within [start, end], at most `most`; an hour that the zone skips or repeats stands once."""
    seconds = (end - start).total_seconds()
    step = next((step for step in _STEPS if seconds / step <= most - 1), _STEPS[-1])
    ticks: list[TimeTick] = []
    day_before = ""
    for at in _round_times(start, end, zone, step):
        local = at.astimezone(zone)
        day = f"{local.day} {local:%b}"
        label = day if step >= _DAY else f"{local:%H:%M}"
        ticks.append(TimeTick(at, label, day if day != day_before and step < _DAY else ""))
        day_before = day
    return tuple(ticks)


def _round_times(start: datetime, end: datetime, zone: ZoneInfo, step: int) -> list[datetime]:
    """Local times that are a multiple of `step` since local midnight; whole-day steps count days from the first."""
    day = start.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    if step >= _DAY and day.replace(tzinfo=zone).astimezone(UTC) < start:
        day += timedelta(days=1)
    times: list[datetime] = []
    while (midnight := day.replace(tzinfo=zone)).astimezone(UTC) <= end:
        for offset in range(0, _DAY, min(step, _DAY)):
            wall = midnight + timedelta(seconds=offset)
            at = wall.astimezone(UTC)
            exists = at.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None)
            if exists and start <= at <= end:
                times.append(at)
        day += timedelta(seconds=max(step, _DAY))
    return times
