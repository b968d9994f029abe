"""How often an orchestrator is asked, and which statistics windows are due. Pure.

VCO statistics are five-minute aggregates that may be missing until ten minutes after their interval: so a window
is asked for once its end + `late` has passed, and a second time half an hour after its end for what came later
still. Asking again is harmless because samples merge by identity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from collector.availability import STATE_HOLDS
from collector.model import TimeArray
from collector.settings import OrchestratorSettings
from config.clock import epoch_ms, from_epoch_ms

AGAIN_AFTER = timedelta(minutes=30)
CATCH_UP, MOST_CAUGHT_UP = 12, 72
"""Windows that are caught up by aggregate calls; a longer gap is filled by each device's history."""
RETRY_SECONDS = 15.0

Window = tuple[datetime, datetime]


class Clocks(NamedTuple):
    """Seconds from one reading to the next."""

    states: float
    statistics: float
    events: float


def catch_up(devices: int) -> int:
    """How many windows are caught up by aggregate calls: as long as those are fewer calls than one for each device.
    Pure."""
    return min(max(CATCH_UP, devices), MOST_CAUGHT_UP)


def clocks(settings: OrchestratorSettings, stretch: float) -> Clocks:
    """The intervals while the plan is stretched; with 1 as the settings say.

    States are stretched no further than they hold, or there would be none between two readings; statistics no further
    than half of what is caught up, or windows would be left to the history, which takes a call for each device.
    """
    holding = 0.8 * STATE_HOLDS.total_seconds()
    caught_up = CATCH_UP / 2 * settings.tick
    return Clocks(
        states=max(settings.states_every, min(stretch * settings.states_every, holding)),
        statistics=max(settings.statistics_every, min(stretch * settings.statistics_every, caught_up)),
        events=stretch * settings.tick,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Windows before `read` have been read; those that start at one of `once`, ascending, are to be read again."""

    read: datetime
    once: tuple[datetime, ...] = ()


def floor_to(moment: datetime, tick: timedelta) -> datetime:
    """The start of the tick, aligned to 1970, that a moment lies in."""
    seconds = tick.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def started(now: datetime, newest: datetime | None, tick: timedelta, late: timedelta, most: int = CATCH_UP) -> Progress:
    """Where to go on after a start; `newest` is the start of the newest stored sample, None without one. Whoever ran
    before may have read the last half hour only once."""
    due = floor_to(now - late, tick)
    read = due
    if newest is not None:
        read = min(due, max(due - most * tick, floor_to(newest + tick, tick)))
    half_hour = -(-AGAIN_AFTER // tick)
    return Progress(read=read, once=tuple(read - i * tick for i in range(half_hour, 0, -1)))


def first_readings(progress: Progress, now: datetime, tick: timedelta, late: timedelta) -> list[Window]:
    """Windows that are due and were never read, ascending."""
    due = floor_to(now - late, tick)
    return [(progress.read + i * tick, progress.read + (i + 1) * tick) for i in range((due - progress.read) // tick)]


def second_readings(progress: Progress, now: datetime, tick: timedelta) -> list[Window]:
    """Windows that were read once and ended half an hour ago, ascending."""
    return [(start, start + tick) for start in progress.once if start + tick + AGAIN_AFTER <= now]


def read_once(progress: Progress, window: Window, now: datetime) -> Progress:
    """After a first reading at `now`; one that came half an hour late was the last."""
    again = (window[0],) if now < window[1] + AGAIN_AFTER else ()
    return Progress(read=window[1], once=progress.once + again)


def read_twice(progress: Progress, window: Window) -> Progress:
    """After a second reading."""
    return replace(progress, once=tuple(start for start in progress.once if start != window[0]))


def skipped_ahead(
    progress: Progress, now: datetime, tick: timedelta, late: timedelta, most: int = CATCH_UP
) -> tuple[Progress, Window | None]:
    """Progress moved to at most `most` windows behind, and the gap this leaves to the history; moved back to what is
    due where the clock was put back."""
    due = floor_to(now - late, tick)
    if progress.read > due:
        return Progress(read=due, once=tuple(start for start in progress.once if start < due)), None
    earliest = due - most * tick
    if progress.read >= earliest:
        return progress, None
    return replace(progress, read=earliest), (progress.read, earliest)


def missing_span(times: TimeArray, window: Window, tick: timedelta) -> Window | None:
    """The shortest window that holds every tick of `window` without a sample; None when there is none.

    `times` are the starts (epoch ms) of the samples that are there, in any order.
    """
    step = round(tick.total_seconds() * 1000)
    ticks = np.arange(epoch_ms(window[0]), epoch_ms(window[1]), step)
    missing = ticks[~np.isin(ticks // step, times // step)]
    if not len(missing):
        return None
    return from_epoch_ms(int(missing[0])), from_epoch_ms(int(missing[-1]) + step)
