"""Known troubles: when each link was in one. What was measured then teaches no baseline.

A row stands from the verdict that first says so; its end is open while the trouble goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import epoch_ms
from config.database import Database
from triage import tables
from triage.cases import Case, CaseStatus
from triage.model import Cause, Verdict, VerdictKind
from triage.repository import AT_ONCE, number_of

Periods = Mapping[str, Sequence[tuple[int, int]]]
"""By link: [from, to) in epoch milliseconds."""
TroublesOf = Callable[[Sequence[str], datetime, datetime], Awaitable[Periods]]
"""The known troubles of these links that overlap [start, end)."""

SAME = 15 * 60_000
"""Milliseconds between the end of one and the onset of another that are still one: three slots of an orchestrator."""
OURS = (Cause.MANAGEMENT_LOST, Cause.NO_DATA, Cause.DEVICE)
"""Causes that say nothing of the line: what was measured all the same is as ordinary as ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A period [onset, end) in epoch milliseconds; end None while it goes on. `number` None: not stored yet."""

    link: str
    cause: Cause
    onset: int
    end: int | None
    number: int | None = None

    def meets(self, other: Trouble) -> bool:
        """Whether both are one trouble of one link, as two looks at it place its edges."""
        if (self.link, self.cause) != (other.link, other.cause):
            return False
        first, second = sorted((self, other), key=lambda one: one.onset)
        return first.end is None or second.onset <= first.end + SAME


def troubles_of(verdict: Verdict) -> list[Trouble]:
    """The periods of what a verdict holds to be there or to have been there; none for what is as bad as always."""
    if verdict.verdict not in (VerdictKind.CONFIRMED, VerdictKind.RECOVERED) or verdict.habitual:
        return []
    return [
        Trouble(
            link=finding.link,
            cause=finding.cause,
            onset=epoch_ms(finding.onset),
            end=None if finding.end is None else epoch_ms(finding.end),
        )
        for finding in verdict.findings
        if not finding.habitual and finding.cause not in OURS
    ]


def followed(known: Sequence[Trouble], seen: Sequence[Trouble], status: CaseStatus, now: int) -> list[Trouble]:
    """What changes of a case's `known` troubles by what a later verdict has `seen`: the new and the changed ones.

    One that is seen again keeps its earlier onset, as a later look does not reach as far back, and takes the later
    look's end. When the case says that the trouble is gone, what was still open ends now at the latest.
    """
    current = dict(enumerate(known))
    for one in seen:
        same = next((place for place, other in current.items() if other.meets(one)), None)
        if same is None:
            current[len(current)] = one
        else:
            other = current[same]
            current[same] = replace(other, onset=min(other.onset, one.onset), end=one.end)
    if status is CaseStatus.MONITORING or not status.is_open:
        current = {place: replace(one, end=now if one.end is None else one.end) for place, one in current.items()}
    return [one for place, one in current.items() if place >= len(known) or one != known[place]]


async def follow(connection: AsyncConnection, cases: Sequence[tuple[Case, Verdict | None, datetime]]) -> None:
    """Keep the troubles of these cases, each once, as its newest verdict and its status tell them at that moment,
    within the caller's transaction."""
    known = await _known(connection, [number_of(case.id) for case, _, _ in cases])
    new, changed = [], []
    for case, verdict, now in cases:
        number = number_of(case.id)
        seen = troubles_of(verdict) if verdict is not None else []
        for one in followed(known.get(number, []), seen, case.status, epoch_ms(now)):
            values: dict[str, Any] = {"onset": one.onset, "end": one.end}
            if one.number is not None:
                changed.append({"changed_number": one.number, **values})
            else:
                new.append({"case_number": number, "link": one.link, "cause": one.cause.value, **values})
    if changed:
        await connection.execute(_CHANGE, changed)
    if new:
        await connection.execute(_NEW, new)


async def _known(connection: AsyncConnection, cases: Sequence[int]) -> dict[int, list[Trouble]]:
    """The troubles of these cases, each case's in their order."""
    found: dict[int, list[Trouble]] = {}
    for first in range(0, len(cases), AT_ONCE):
        rows = await connection.execute(_OF_CASES, {"cases": cases[first : first + AT_ONCE]})
        for row in rows:
            one = Trouble(link=row.link, cause=Cause(row.cause), onset=row.onset, end=row.end, number=row.number)
            found.setdefault(row.case_number, []).append(one)
    return found


_TABLE = tables.trouble.c
_OF_CASES = (
    select(tables.trouble).where(_TABLE.case_number.in_(bindparam("cases", expanding=True))).order_by(_TABLE.number)
)
_CHANGE = update(tables.trouble).where(_TABLE.number == bindparam("changed_number"))
_NEW = insert(tables.trouble)


def read_from(database: Database) -> TroublesOf:
    """The known troubles as the records database holds them."""

    async def periods(links: Sequence[str], start: datetime, end: datetime) -> Periods:
        table = tables.trouble.c
        query = select(table.link, table.onset, table.end).where(
            table.link.in_(links),
            table.onset < epoch_ms(end),
            or_(table.end.is_(None), table.end > epoch_ms(start)),
        )
        found: dict[str, list[tuple[int, int]]] = {}
        async with database.reading() as connection:
            for row in await connection.execute(query.order_by(table.onset, table.number)):
                until = epoch_ms(end) if row.end is None else min(row.end, epoch_ms(end))
                found.setdefault(row.link, []).append((row.onset, until))
        return found

    return periods
