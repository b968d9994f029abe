"""Announced work as a judgement sees it: what teaches nothing, which lines are worked on, what is said of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from config.clock import MILLISECOND, epoch_ms, from_epoch_ms
from inventory.maintenance import announced, covers, occurrences, periods, touches
from inventory.model import Link, MaintenanceStatus, MaintenanceWindow
from triage.formatting import since_time
from triage.model import Cause, Picture, Verdict


def excluded_of(picture: Picture, now: datetime) -> list[tuple[int, int]]:
    """Maintenance at the site since its oldest sample, in epoch milliseconds: it teaches nothing of what is
    ordinary."""
    times = [int(one.time[0]) for measured in picture.links for one in measured.series if len(one.time)]
    return periods(picture.maintenance, from_epoch_ms(min(times, default=epoch_ms(now))), now + MILLISECOND)


def worked_on(picture: Picture, now: datetime) -> frozenset[str]:
    """The lines on which announced work is under way now."""
    return frozenset(
        measured.link.id
        for measured in picture.links
        if any(covers(window, measured.link, now) for window in picture.maintenance)
    )


def marked(verdict: Verdict, picture: Picture, since: datetime, now: datetime) -> Verdict:
    """The verdict with what was announced for its lines while the trouble lasted, or since the claimed time."""
    since, until = verdict.onset or since, verdict.end or now
    return replace(verdict, reason="; ".join([verdict.reason, *_marks(verdict, picture, since, until)]))


def _marks(verdict: Verdict, picture: Picture, since: datetime, until: datetime) -> Iterator[str]:
    """A sentence for each announced work on the verdict's lines within [since, until): cancelled work is not told."""
    lines = _lines(verdict, picture)
    for window in picture.maintenance:
        on = [link.id for link in lines if touches(window, link)]
        if not on or window.status is MaintenanceStatus.CANCELLED:
            continue
        for begins, ends in occurrences(window, since, until)[:1]:
            first, last = (since_time(moment, picture.site.zone, until) for moment in (begins, ends))
            yield f"{kind_of_work(window)} {window.id} on {', '.join(on)} from {first} until {last}"


def kind_of_work(window: MaintenanceWindow) -> str:
    """What to call work, so that nobody takes what suppresses nothing for an excuse."""
    if announced(window):
        return "announced maintenance"
    if window.status in (MaintenanceStatus.TENTATIVE, MaintenanceStatus.CANCELLED):
        return f"{window.status} maintenance"
    return f"maintenance with {window.notice.impact}"


def _lines(verdict: Verdict, picture: Picture) -> Sequence[Link]:
    links = [measured.link for measured in picture.links]
    if verdict.cause is Cause.SITE_DOWN:
        return [link for link in links if link.is_wan]
    return [link for link in links if link.id == verdict.link]
