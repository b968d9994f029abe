"""Cases, proposals, timers, decisions and outbox rows in the records database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import and_, bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import epoch_ms, from_epoch_ms
from config.errors import NotFoundError
from triage import tables
from triage.cases import (
    Case,
    CaseStatus,
    Effect,
    Proposal,
    TimerKind,
)
from triage.inputs import TimerDue

ALL = 1_000_000
"""A limit for those who must see every row."""
AT_ONCE = 500
"""Values that one query names: databases bound how many it may carry."""

_CASE = TypeAdapter(Case)
_PROPOSAL = TypeAdapter(Proposal)
_EFFECT = TypeAdapter(Effect)


class OutboxStatus(StrEnum):
    PENDING = "pending"
    TRYING = "trying"
    DONE = "done"
    WITHHELD = "withheld"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    number: int
    status: OutboxStatus
    attempts: int
    """All of them, with those that were interrupted and the one under way."""
    interrupted: int = 0
    """Attempts that nobody brought to their end: the process was ended meanwhile."""
    created_at: datetime
    next_at: datetime
    done_at: datetime | None
    last_error: str
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerdict:
    """A verdict as recorded: `document` is DESIGN's verdict JSON."""

    id: str
    case: str
    made_at: datetime
    evidence_sha256: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    case: str | None
    site: str | None
    made_at: datetime
    reason: str
    policy: str
    detail: str


_IDENTITY = re.compile(r"([CPT])-([0-9]{1,15})")
_LISTED = {"C": "`lineproof case list`", "P": "`lineproof reroute options SITE`", "T": "`lineproof ticket list`"}


def number_of(identity: str, letter: str = "") -> int:
    """The number in `C-12`, which must be of that letter where one is given. Raises NotFoundError otherwise."""
    parts = _IDENTITY.fullmatch(identity)
    if parts is None or not parts[1].startswith(letter):
        kind = letter or "C"
        raise NotFoundError(f"{identity[:40]!r} is not an id like {kind}-12; {_LISTED[kind]} shows them")
    return int(parts[2])


async def next_number(connection: AsyncConnection, table: Any) -> int:  # noqa: ANN401 - any of our tables
    return int(await connection.scalar(select(func.coalesce(func.max(table.c.number), 0))) or 0) + 1


async def open_case(connection: AsyncConnection, client: str, site: str) -> Case | None:
    """The one open case of a site, if there is one."""
    document = await connection.scalar(
        select(tables.case.c.document).where(
            tables.case.c.client == client, tables.case.c.site == site, tables.case.c.open.is_(True)
        )
    )
    return None if document is None else _CASE.validate_python(document)


async def last_case(connection: AsyncConnection, client: str, site: str) -> Case | None:
    """The newest case of a site, open or ended."""
    document = await connection.scalar(
        select(tables.case.c.document)
        .where(tables.case.c.client == client, tables.case.c.site == site)
        .order_by(tables.case.c.number.desc())
        .limit(1)
    )
    return None if document is None else _CASE.validate_python(document)


async def case_by_id(connection: AsyncConnection, identity: str) -> Case:
    """Raises NotFoundError."""
    document = await connection.scalar(_BY_NUMBER, {"of_number": number_of(identity, "C")})
    if document is None:
        raise NotFoundError(f"there is no case {identity}; `lineproof case list` shows the cases")
    return _CASE.validate_python(document)


_BY_NUMBER = select(tables.case.c.document).where(tables.case.c.number == bindparam("of_number"))


async def cases(
    connection: AsyncConnection,
    *,
    client: str | None = None,
    site: str | None = None,
    parent: str | None = None,
    only_open: bool = False,
    limit: int = 500,
) -> list[Case]:
    """Cases, the newest first."""
    query = select(tables.case.c.document).order_by(tables.case.c.number.desc()).limit(limit)
    if client is not None:
        query = query.where(tables.case.c.client == client)
    if site is not None:
        query = query.where(tables.case.c.site == site)
    if parent is not None:
        query = query.where(tables.case.c.parent == number_of(parent))
    if only_open:
        query = query.where(tables.case.c.open.is_(True))
    return [_CASE.validate_python(document) for document in await connection.scalars(query)]


async def ended_by_site(connection: AsyncConnection, since: datetime) -> dict[str, int]:
    """How many cases each site had that began since then, held and have ended: resolved, or closed after it. None that
    was part of a carrier's trouble: those say nothing of how often a site's own begin."""
    column = tables.case.c
    held = column.document["documented_at"].as_string().is_not(None)
    ended = or_(column.status == CaseStatus.RESOLVED.value, and_(column.status == CaseStatus.CLOSED.value, held))
    own = (column.opened_at >= epoch_ms(since), column.parent.is_(None))
    rows = await connection.execute(select(column.site, func.count()).where(*own, ended).group_by(column.site))
    return {row[0]: row[1] for row in rows}


async def first_decision(connection: AsyncConnection) -> datetime | None:
    """When this installation first decided anything."""
    first = await connection.scalar(select(func.min(tables.policy.c.first_used_at)))
    return None if first is None else from_epoch_ms(first)


def case_row(case: Case) -> dict[str, Any]:
    """Its columns but the number."""
    return {
        "client": case.client,
        "site": case.site,
        "status": case.status.value,
        "open": case.status.is_open,
        "opened_at": epoch_ms(case.opened_at),
        "ended_at": epoch_ms(case.ended_at) if case.ended_at else None,
        "ticket": case.ticket,
        "parent": number_of(case.parent) if case.parent else None,
        "link": case.link,
        "cause": case.cause.value,
        "severity": case.severity.value if case.severity else None,
        "onset": epoch_ms(case.onset) if case.onset else None,
        "alone": case.alone,
        "pending": case.pending.why.value if case.pending else None,
        "sites": case.sites,
        "document": _CASE.dump_python(case, mode="json"),
    }


async def save_case(connection: AsyncConnection, case: Case) -> None:
    row = case_row(case)
    number = number_of(case.id)
    changed = await connection.execute(update(tables.case).where(tables.case.c.number == number).values(row))
    if changed.rowcount == 0:
        await connection.execute(insert(tables.case).values(number=number, **row))


async def proposal_by_id(connection: AsyncConnection, identity: str) -> Proposal:
    """Raises NotFoundError."""
    document = await connection.scalar(
        select(tables.proposal.c.document).where(tables.proposal.c.number == number_of(identity, "P"))
    )
    if document is None:
        raise NotFoundError(f"there is no proposal {identity}; `lineproof reroute options SITE` shows them")
    return _PROPOSAL.validate_python(document)


async def proposals_of(connection: AsyncConnection, case: str) -> list[Proposal]:
    """A case's proposals, the newest first."""
    documents = await connection.scalars(
        select(tables.proposal.c.document)
        .where(tables.proposal.c.case_number == number_of(case))
        .order_by(tables.proposal.c.number.desc())
    )
    return [_PROPOSAL.validate_python(document) for document in documents]


async def save_proposal(connection: AsyncConnection, proposal: Proposal) -> None:
    row = {"status": proposal.status.value, "document": _PROPOSAL.dump_python(proposal, mode="json")}
    number = number_of(proposal.id)
    changed = await connection.execute(update(tables.proposal).where(tables.proposal.c.number == number).values(row))
    if changed.rowcount == 0:
        await connection.execute(
            insert(tables.proposal).values(number=number, case_number=number_of(proposal.case), **row)
        )


async def due_timers(
    connection: AsyncConnection, now: datetime, *, without: Sequence[TimerKind] = ()
) -> list[tuple[TimerDue, datetime]]:
    """Timers that are due, the longest overdue first, each with its due time; none of the kinds in `without`."""
    rows = await connection.execute(
        select(tables.timer)
        .where(tables.timer.c.due_at <= epoch_ms(now), tables.timer.c.kind.not_in([kind.value for kind in without]))
        .order_by(tables.timer.c.due_at, tables.timer.c.case_number)
    )
    return [
        (TimerDue(case=f"C-{row.case_number}", kind=TimerKind(row.kind)), from_epoch_ms(row.due_at)) for row in rows
    ]


async def verdicts_of(connection: AsyncConnection, case: str) -> list[StoredVerdict]:
    """A case's verdicts, the newest first."""
    rows = await connection.execute(
        select(tables.verdict)
        .where(tables.verdict.c.case_number == number_of(case))
        .order_by(tables.verdict.c.number.desc())
    )
    return [
        StoredVerdict(
            id=f"V-{row.number}",
            case=case,
            made_at=from_epoch_ms(row.made_at),
            evidence_sha256=row.evidence_sha256,
            document=row.document,
        )
        for row in rows
    ]


async def decisions_of(connection: AsyncConnection, *, site: str, limit: int = 100) -> list[StoredDecision]:
    """What was decided about a site, the newest first; the audit trail keeps it."""
    row = tables.audit.c
    decided = select(tables.audit).where(row.site == site, row.kind == "decision")
    return [_stored_decision(one) for one in await connection.execute(decided.order_by(row.number.desc()).limit(limit))]


async def decisions_on(connection: AsyncConnection, inbox_seq: int) -> list[StoredDecision]:
    """What was decided on one input."""
    row = tables.audit.c
    decided = select(tables.audit).where(row.inbox_seq == inbox_seq, row.kind == "decision")
    return [_stored_decision(one) for one in await connection.execute(decided.order_by(row.number))]


def _stored_decision(row: Any) -> StoredDecision:  # noqa: ANN401 - a row has no better type
    return StoredDecision(
        case=f"C-{row.case_number}" if row.case_number is not None else None,
        site=row.site,
        made_at=from_epoch_ms(row.at),
        reason=row.reason,
        policy=row.document["policy"],
        detail=row.document["detail"],
    )


def effect_row(effect: Effect, now: datetime) -> dict[str, Any]:
    """Its columns but the number, as it is meant."""
    return {
        "key": effect.key,
        "case_number": number_of(effect.case),
        "kind": effect.kind.value,
        "status": OutboxStatus.PENDING.value,
        "attempts": 0,
        "interrupted": 0,
        "next_at": epoch_ms(now),
        "created_at": epoch_ms(now),
        "last_error": "",
        "document": _EFFECT.dump_python(effect, mode="json"),
    }


async def outbox(
    connection: AsyncConnection, *, statuses: Sequence[OutboxStatus] = (), due: datetime | None = None, limit: int = 100
) -> list[OutboxRow]:
    """Outbox rows in the order they were meant; of all statuses when none is named."""
    query = select(tables.outbox).order_by(tables.outbox.c.number).limit(limit)
    if statuses:
        query = query.where(tables.outbox.c.status.in_([status.value for status in statuses]))
    if due is not None:
        query = query.where(tables.outbox.c.next_at <= epoch_ms(due))
    return [outbox_row(row) for row in await connection.execute(query)]


def outbox_row(row: Any) -> OutboxRow:  # noqa: ANN401 - a row has no better type
    return OutboxRow(
        number=row.number,
        status=OutboxStatus(row.status),
        attempts=row.attempts,
        interrupted=row.interrupted,
        created_at=from_epoch_ms(row.created_at),
        next_at=from_epoch_ms(row.next_at),
        done_at=from_epoch_ms(row.done_at) if row.done_at is not None else None,
        last_error=row.last_error,
        effect=_EFFECT.validate_python(row.document),
    )


async def mark_outbox(connection: AsyncConnection, row: OutboxRow) -> None:
    await connection.execute(
        update(tables.outbox)
        .where(tables.outbox.c.number == row.number)
        .values(
            status=row.status.value,
            attempts=row.attempts,
            interrupted=row.interrupted,
            next_at=epoch_ms(row.next_at),
            done_at=epoch_ms(row.done_at) if row.done_at is not None else None,
            last_error=row.last_error,
        )
    )


async def keep_policy(connection: AsyncConnection, digest: str, document: Mapping[str, Any], now: datetime) -> None:
    """Keep a policy by its hash, once, so that every decision can be explained later."""
    known = await connection.scalar(select(tables.policy.c.hash).where(tables.policy.c.hash == digest))
    if known is None:
        await connection.execute(
            insert(tables.policy).values(hash=digest, first_used_at=epoch_ms(now), document=dict(document))
        )
