"""The tickets of our cases as rows (`triage_ticket`): in which system, what we asked of them, what they last showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, Select, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import epoch_ms, from_epoch_ms
from triage import repository, tables
from triage.cases import Effect, EffectKind
from triage.repository import OutboxStatus
from triage.ticket_comparison import Seen

_SEEN = TypeAdapter(Seen)
_ASKING = tuple(kind.value for kind in (EffectKind.UPDATE_TICKET, EffectKind.RESOLVE_TICKET))
_AT_ONCE = 500
"""So many ids are named in one query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTicket:
    """`looked_at` is the ticket's own last change, by its system's clock, when we looked; None before that."""

    system: str
    ticket: str
    case: str
    key: str
    opened_at: datetime
    looked_at: datetime | None
    seen: Seen | None


async def keep_ticket(
    connection: AsyncConnection, system: str, ticket: str, case: str, key: str, now: datetime
) -> None:
    """A case has learnt its ticket. A second time changes nothing.

    A system that gives a second trouble the ticket of the first gives the ticket to the newer case: from now on what
    people do there is told to that one, and all that they have done to it yet.
    """
    row, number = tables.case_ticket.c, repository.number_of(case)
    learnt = {"case_number": number, "key": key, "opened_at": epoch_ms(now), "asked": {}, "seen": {}}
    holder = await connection.scalar(select(row.case_number).where(row.system == system, row.ticket == ticket))
    if holder is None:
        await connection.execute(insert(tables.case_ticket).values(system=system, ticket=ticket, **learnt))
    elif holder < number:
        passed = update(tables.case_ticket).where(row.system == system, row.ticket == ticket)
        await connection.execute(passed.values(**learnt, looked_at=None))


async def holder_of(connection: AsyncConnection, system: str, ticket: str) -> str | None:
    """The case that a ticket stands for now; None for a ticket that no case has learnt."""
    row = tables.case_ticket.c
    number = await connection.scalar(select(row.case_number).where(row.system == system, row.ticket == ticket))
    return None if number is None else f"C-{number}"


async def known_tickets(connection: AsyncConnection, system: str, tickets: Sequence[str]) -> list[KnownTicket]:
    """Those of the named tickets that are ours."""
    found = []
    for start in range(0, len(tickets), _AT_ONCE):
        named = tables.case_ticket.c.ticket.in_(list(tickets[start : start + _AT_ONCE]))
        found += await _tickets(connection, _of(system).where(named))
    return found


async def never_looked_at(connection: AsyncConnection, system: str) -> list[KnownTicket]:
    return await _tickets(connection, _of(system).where(tables.case_ticket.c.looked_at.is_(None)))


async def last_change_seen(connection: AsyncConnection, system: str) -> datetime | None:
    """The newest change of any ticket that we have looked at, by its system's clock."""
    row = tables.case_ticket.c
    newest = await connection.scalar(select(func.max(row.looked_at)).where(row.system == system))
    return None if newest is None else from_epoch_ms(newest)


async def save_seen(connection: AsyncConnection, known: KnownTicket, seen: Seen, asked: Sequence[Effect]) -> None:
    """What a ticket shows now, and what was last asked of it."""
    wanted = {
        name: str(value)
        for effect in asked
        for name, value in (
            ("status", effect.status), ("owner", effect.owner), ("queue", effect.queue), ("severity", effect.severity),
        )
        if value is not None
    }  # fmt: skip
    values: dict[str, Any] = {"seen": _SEEN.dump_python(seen, mode="json")}
    if wanted:
        values["asked"] = wanted
    await connection.execute(update(tables.case_ticket).where(*_is(known)).values(**values))


async def save_look(connection: AsyncConnection, known: KnownTicket, changed_at: datetime) -> None:
    """All changes up to this one, by the system's clock, are inputs now."""
    await connection.execute(update(tables.case_ticket).where(*_is(known)).values(looked_at=epoch_ms(changed_at)))


async def asked_since(connection: AsyncConnection, case: str, moment: datetime | None) -> list[Effect]:
    """Our effects on a case's ticket that are not done yet, or were tried at or after the moment; all without one."""
    row = tables.outbox.c
    query = select(tables.outbox).where(row.case_number == repository.number_of(case), row.kind.in_(_ASKING))
    if moment is not None:
        waiting = row.status.in_((OutboxStatus.PENDING.value, OutboxStatus.TRYING.value))
        query = query.where(or_(waiting, func.coalesce(row.done_at, row.tried_at) >= epoch_ms(moment)))
    return [repository.outbox_row(one).effect for one in await connection.execute(query.order_by(row.number))]


def _of(system: str) -> Select[Any]:
    row = tables.case_ticket.c
    return select(tables.case_ticket).where(row.system == system).order_by(row.number)


def _is(known: KnownTicket) -> tuple[Any, ...]:
    row = tables.case_ticket.c
    return (row.system == known.system, row.ticket == known.ticket)


async def _tickets(connection: AsyncConnection, query: Select[Any]) -> list[KnownTicket]:
    return [_known(row) for row in await connection.execute(query)]


def _known(row: Row[Any]) -> KnownTicket:
    return KnownTicket(
        system=row.system,
        ticket=row.ticket,
        case=f"C-{row.case_number}",
        key=row.key,
        opened_at=from_epoch_ms(row.opened_at),
        looked_at=from_epoch_ms(row.looked_at) if row.looked_at is not None else None,
        seen=_SEEN.validate_python(row.seen) if row.seen else None,
    )
