"""The open cases as a tick looks at them: a few columns of each, not the whole documents of a hundred thousand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import EPOCH, from_epoch_ms
from triage import tables
from triage.cases import Case, CaseStatus, Pending, PendingWhy, TimerKind
from triage.model import Cause, Scope, Severity
from triage.repository import AT_ONCE
from triage.scope import SHARED
from triage.turns import Standing

_C = tables.case.c
_COLUMNS = (
    _C.number, _C.client, _C.site, _C.status, _C.ticket, _C.parent, _C.link, _C.cause, _C.severity, _C.onset, _C.alone,
    _C.pending, _C.sites,
)  # fmt: skip
_CASE = TypeAdapter(Case)
_STATUS = {status.value: status for status in CaseStatus}
_CAUSE = {cause.value: cause for cause in Cause}
_SEVERITY = {severity.value: severity for severity in Severity}


async def sites_standing(connection: AsyncConnection) -> list[Standing]:
    """Every open case, the oldest first."""
    columns = (_C.number, _C.site, _C.status, _C.cause, _C.pending, _C.parent, _C.client)
    rows = await connection.execute(select(*columns).where(_C.open.is_(True)).order_by(_C.number))
    return [
        Standing(
            f"C-{number}",
            site,
            _STATUS[status],
            _CAUSE[cause],
            PendingWhy(pending) if pending else None,
            f"C-{parent}" if parent is not None else None,
            not client,
        )
        for number, site, status, cause, pending, parent, client in rows
    ]


async def with_timer(connection: AsyncConnection, kind: TimerKind) -> set[str]:
    """The cases that have such a timer."""
    query = select(tables.timer.c.case_number).where(tables.timer.c.kind == kind.value)
    return {f"C-{number}" for number in await connection.scalars(query)}


async def options_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Sequence[Mapping[str, object]]]:
    """The options that the newest verdicts of these cases offered, as they are kept."""
    numbers, verdict = [int(one.removeprefix("C-")) for one in ids], tables.verdict.c
    found: dict[str, Sequence[Mapping[str, object]]] = {}
    for first in range(0, len(numbers), AT_ONCE):
        some = verdict.case_number.in_(numbers[first : first + AT_ONCE])
        query = select(verdict.case_number, verdict.document).where(some).order_by(verdict.number)
        found |= {f"C-{number}": document["options"] for number, document in await connection.execute(query)}
    return found


async def lines_in_trouble(connection: AsyncConnection) -> Sequence[str]:
    """The lines of the open cases that a carrier's trouble may be behind."""
    query = select(_C.link).where(_C.open.is_(True), _in_common(), _C.link.is_not(None))
    return [link for link in await connection.scalars(query) if link]


async def related(connection: AsyncConnection, wanted: Callable[[str], bool]) -> list[Case]:
    """Sketches of parents and of their children, and of the cases on a `wanted` line that a carrier's trouble may be
    behind."""
    kin = or_(_C.client == "", _C.parent.is_not(None))
    return await _sketches(connection, or_(kin, _in_common()) if wanted is not nothing else kin, wanted)


def nothing(_link: str) -> bool:
    return False


async def children(connection: AsyncConnection, parent: str) -> list[Case]:
    """Sketches of a parent's open cases."""
    return await _sketches(connection, _C.parent == int(parent.removeprefix("C-")), nothing)


async def whole(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Case]:
    """The whole cases with these ids."""
    numbers = [int(one.removeprefix("C-")) for one in ids]
    found: dict[str, Case] = {}
    for first in range(0, len(numbers), AT_ONCE):
        query = select(_C.document).where(_C.number.in_(numbers[first : first + AT_ONCE]))
        found |= {case.id: case for case in map(_CASE.validate_python, await connection.scalars(query))}
    return found


async def sites_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
    """The sites of these cases."""
    numbers = [int(one.removeprefix("C-")) for one in ids]
    found: dict[str, str] = {}
    for first in range(0, len(numbers), AT_ONCE):
        rows = await connection.execute(
            select(_C.number, _C.site).where(_C.number.in_(numbers[first : first + AT_ONCE]))
        )
        found |= {f"C-{number}": site for number, site in rows}
    return found


def _in_common() -> ColumnElement[bool]:
    return and_(
        _C.status.in_([CaseStatus.SUSPECTED.value, CaseStatus.OPEN.value]),
        _C.alone.is_(False),
        _C.onset.is_not(None),
        _C.cause.in_([cause.value for cause in SHARED]),
    )


async def _sketches(
    connection: AsyncConnection, which: ColumnElement[bool], wanted: Callable[[str], bool]
) -> list[Case]:
    rows = await connection.execute(select(*_COLUMNS).where(_C.open.is_(True), which).order_by(_C.number.desc()))
    return [_sketch(row) for row in rows if not row.client or row.parent is not None or wanted(row.link or "")]


def _sketch(row: Any) -> Case:  # noqa: ANN401 - a row has no better type
    """A case that knows what its columns say. It must never be saved."""
    number, client, site, status, ticket, parent, link, cause, severity, onset, alone, pending, sites = row
    return Case(
        id=f"C-{number}",
        client=client,
        site=site,
        status=_STATUS[status],
        origins=(),
        title="",
        cause=_CAUSE[cause],
        scope=Scope.SITE,
        severity=_SEVERITY[severity] if severity else None,
        link=link,
        onset=from_epoch_ms(onset) if onset is not None else None,
        opened_at=_LONG_AGO,
        updated_at=_LONG_AGO,
        ticket=ticket,
        parent=f"C-{parent}" if parent is not None else None,
        alone=alone,
        sites=sites,
        pending=Pending(why=PendingWhy(pending), since=_LONG_AGO) if pending else None,
    )


_LONG_AGO: datetime = EPOCH
