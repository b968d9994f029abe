"""Which statistics windows an orchestrator is asked for, and when. Pure.

VCO statistics are five-minute aggregates that may be missing until ten minutes after their interval: so a window
is asked for once its end + `late` has passed, and a second time half an hour after its end for what came later
still. Asking again is harmless because samples merge by identity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from collector.model import TimeArray
from config.clock import epoch_ms, from_epoch_ms

AGAIN_AFTER = timedelta(minutes=30)
CATCH_UP = 12
"""Windows that are caught up by aggregate calls; a longer gap is filled by each device's history."""

Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Windows before `read` have been read once, those before `reread` twice."""

    read: datetime
    reread: datetime


def floor_to(moment: datetime, tick: timedelta) -> datetime:
    """The start of the tick, aligned to 1970, that a moment lies in."""
    seconds = tick.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def started(now: datetime, newest: datetime | None, tick: timedelta, late: timedelta) -> Progress:
    """Where to go on after a start; `newest` is the start of the newest stored sample, None without one."""
    due = floor_to(now - late, tick)
    read = due
    if newest is not None:
        read = min(due, max(due - CATCH_UP * tick, newest + tick))
    return Progress(read=read, reread=read - AGAIN_AFTER)


def first_readings(progress: Progress, now: datetime, tick: timedelta, late: timedelta) -> list[Window]:
    """Windows that are due and were never read, ascending."""
    due = floor_to(now - late, tick)
    return [(progress.read + i * tick, progress.read + (i + 1) * tick) for i in range((due - progress.read) // tick)]


def second_readings(progress: Progress, now: datetime, tick: timedelta) -> list[Window]:
    """Windows that were read once and ended half an hour ago, ascending."""
    until = min(progress.read, floor_to(now - AGAIN_AFTER, tick))
    count = (until - progress.reread) // tick
    return [(progress.reread + i * tick, progress.reread + (i + 1) * tick) for i in range(count)]


def skipped_ahead(
    progress: Progress, now: datetime, tick: timedelta, late: timedelta
) -> tuple[Progress, Window | None]:
    """Progress moved to at most CATCH_UP windows behind, and the gap this leaves to the history."""
    earliest = floor_to(now - late, tick) - CATCH_UP * tick
    if progress.read >= earliest:
        return progress, None
    gap = (progress.read, earliest)
    return replace(progress, read=earliest, reread=max(progress.reread, earliest)), gap


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
