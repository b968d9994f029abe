"""Episodes of our own blindness: said once when one begins and once when it ends; between them nothing of the sites is
decided. The audit trail remembers, so that a restart forgets nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import from_epoch_ms
from triage import tables
from triage.cases import Decision, TimerKind
from triage.reasons import Reason

HELD_BACK = (TimerKind.QUARANTINE, TimerKind.REJUDGE, TimerKind.RECOVERY, TimerKind.CLOSE)
"""Timers that ask what is seen of a site, or end its case: they wait for our sight."""


@dataclass(frozen=True, slots=True)
class Blindness:
    since: datetime
    why: str


async def blindness(connection: AsyncConnection) -> Blindness | None:
    """The episode that stands."""
    row = tables.audit.c
    told = (Reason.OWN_BLINDNESS.value, Reason.SIGHT_RETURNED.value)
    query = select(row.at, row.reason, row.document).where(row.site == "", row.reason.in_(told))
    newest = (await connection.execute(query.order_by(row.number.desc()).limit(1))).one_or_none()
    if newest is None or newest.reason == Reason.SIGHT_RETURNED.value:
        return None
    return Blindness(from_epoch_ms(newest.at), newest.document.get("detail", ""))


def followed(why: str, known: Blindness | None, now: datetime) -> Decision | None:
    """What is to be told of a look that found us blind (`why`) or seeing: only what is new."""
    if why and known is None:
        return Decision(case=None, reason=Reason.OWN_BLINDNESS, detail=why)
    if not why and known is not None:
        minutes = round((now - known.since).total_seconds() / 60)
        return Decision(case=None, reason=Reason.SIGHT_RETURNED, detail=f"after {minutes} minutes")
    return None
