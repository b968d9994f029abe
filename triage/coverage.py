"""Was the claimed time measured? What is there, what is missing, and what may still come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from collector.measures import slot_count
from collector.model import Cadence, Source
from config.clock import from_epoch_ms
from triage.detection.event import MINUTE
from triage.detection.link import QUALITY, Examined
from triage.detection.view import View
from triage.model import Coverage
from triage.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """`share` of the due slots that are there, all where none was due; `may_hide`: enough is still to come that a fault
    could be in it, by the policy's minutes, or because as much of the claimed time is to come as is there."""

    coverage: Coverage
    share: float
    may_hide: bool
    rejudge_at: datetime | None


NOTHING = Covered(
    coverage=Coverage(present=0, expected=0, pending=0, newest=None), share=0.0, may_hide=False, rejudge_at=None
)


def covered(
    main: Examined | None,
    cadences: Mapping[Source, Cadence],
    since: int,
    until: int,
    now: int,
    policy: Policy,
    off: Sequence[tuple[int, int]] = (),
) -> Covered:
    """Coverage of [since, until) by the source that covers it best. A claim of this very moment looks back two
    slots, so that there is something to look at. Sources never blend: slots of two are not added up. What is silent
    while the site is switched off for the night (`off`) lacks nothing.

    Where a source measures latency, jitter or loss of the line, only such a one, and only these fields of it, can say
    that it was ordinary: counters that are there do not stand for statistics that have yet to arrive, nor for a path
    that was not there."""
    if main is None:
        return NOTHING
    views = {view.source: view for view in main.views}
    telling = [source for source, view in views.items() if _tells_quality(view)] or list(views) or list(cadences)
    answers = [
        _of_source(views.get(source), cadence, since, until, now, policy, off)
        for source, cadence in cadences.items()
        if source in telling
    ]
    return max(answers, key=lambda each: (each.share, -each.coverage.pending), default=NOTHING)


def _tells_quality(view: View) -> bool:
    return any(name in view.series.fields and not np.isnan(view.series.fields[name]).all() for name in QUALITY)


def _of_source(
    view: View | None,
    cadence: Cadence,
    since: int,
    until: int,
    now: int,
    policy: Policy,
    off: Sequence[tuple[int, int]],
) -> Covered:
    time, seconds = np.empty(0, np.int64), np.empty(0, np.int32)
    if view is not None:
        telling = QUALITY if _tells_quality(view) else ("oper_up", "rx_bps", "tx_bps")
        measured = view.measured(telling)
        time, seconds = view.time[measured], view.series.seconds[view.rows][measured]
    start = min(since, until - 2 * cadence.every * 1000)
    count = slot_count(time, seconds, start, until, cadence, now)
    newest = time[time < until]
    closed = [
        slot_count(time, seconds, max(begin, start), min(end, until), cadence, now)
        for begin, end in off
        if begin < until and end > start
    ]
    expected = count.expected - sum(each.expected - each.present for each in closed)
    share = count.present / expected if expected else float(bool(closed))
    hidden = count.pending * cadence.every / 60
    # The slot that the claimed time ends in is due last.
    rejudge = -(-until // (cadence.every * 1000)) * cadence.every * 1000 + cadence.late * 1000
    return Covered(
        coverage=Coverage(
            present=count.present,
            expected=expected,
            pending=count.pending,
            newest=from_epoch_ms(int(newest[-1])) if len(newest) else None,
        ),
        share=share,
        may_hide=hidden >= policy.claims.pending_minutes or 0 < count.pending >= count.present,
        rejudge_at=from_epoch_ms(max(rejudge, now + MINUTE)) if count.pending else None,
    )
