"""The tickets of our cases as rows (`triage_ticket`): in which system, and what they last showed."""

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
from triage.cases import CaseStatus, Effect, EffectKind
from triage.repository import OutboxStatus
from triage.ticket_comparison import LINKED, Seen

_SEEN = TypeAdapter(Seen)
_ASKING = tuple(kind.value for kind in (EffectKind.UPDATE_TICKET, EffectKind.RESOLVE_TICKET))
_AT_ONCE = 500
"""So many ids are named in one query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTicket:
    """`looked_at`: all changes of it up to then, by its system's clock, are known; None before it was looked at."""

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
    learnt = {"case_number": number, "key": key, "opened_at": epoch_ms(now), "seen": {}}
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


async def linked_tickets(connection: AsyncConnection, system: str) -> list[str]:
    """Those that people opened there, and that are the tickets of cases that are not closed."""
    row, case = tables.case_ticket.c, tables.case.c
    query = select(row.ticket).join(tables.case, case.number == row.case_number).order_by(row.number)
    linked = row.system == system, row.key.like(f"%{LINKED}"), case.status != CaseStatus.CLOSED.value
    return list(await connection.scalars(query.where(*linked)))


async def next_in_turn(connection: AsyncConnection, system: str, after: int) -> tuple[int, KnownTicket] | None:
    """Of the tickets that were looked at, of cases that are not closed, the one after a number, round and round."""
    row, case = tables.case_ticket.c, tables.case.c
    query = select(tables.case_ticket).join(tables.case, case.number == row.case_number).limit(1)
    query = query.where(row.system == system, row.looked_at.is_not(None), case.status != CaseStatus.CLOSED.value)
    for rest in (query.where(row.number > after), query):
        for found in await connection.execute(rest.order_by(row.number)):
            return found.number, _known(found)
    return None


async def last_change_seen(connection: AsyncConnection, system: str) -> datetime | None:
    """Up to when, by the system's clock, all changes of all tickets are known."""
    row = tables.case_ticket.c
    newest = await connection.scalar(select(func.max(row.looked_at)).where(row.system == system))
    return None if newest is None else from_epoch_ms(newest)


async def save_seen(connection: AsyncConnection, known: KnownTicket, seen: Seen) -> None:
    """What a ticket shows now."""
    shown = _SEEN.dump_python(seen, mode="json")
    await connection.execute(update(tables.case_ticket).where(*_is(known)).values(seen=shown))


async def save_looks(connection: AsyncConnection, system: str, looked: Sequence[KnownTicket], until: datetime) -> None:
    """All changes of these up to the moment, by the system's clock, are inputs now, and none is missing of others."""
    row = tables.case_ticket.c
    table = update(tables.case_ticket).where(row.system == system).values(looked_at=epoch_ms(until))
    if not looked:
        newest = select(func.max(row.looked_at)).where(row.system == system).scalar_subquery()
        await connection.execute(table.where(row.looked_at == newest))
    for known in looked:
        await connection.execute(table.where(*_is(known)))


async def asked_since(connection: AsyncConnection, known: KnownTicket) -> list[Effect]:
    """Our effects on a ticket that may have come into force since it was seen: those that were tried since, or have no
    answer yet. What was never tried is not to be seen there.

    Of every case that has the ticket: a system may give a second trouble the ticket of the first. Before it was seen
    it began when we tried to open it, or were told of it.
    """
    row, case = tables.outbox.c, tables.case.c
    since = known.seen.looked if known.seen is not None else known.opened_at
    if known.seen is None:
        tried = await connection.scalar(select(row.tried_at).where(row.key == known.key))
        since = since if tried is None else min(since, from_epoch_ms(tried))
    sharing = select(case.number).where(case.ticket == known.ticket)
    of_it = or_(row.case_number == repository.number_of(known.case), row.case_number.in_(sharing))
    waiting = row.status.in_((OutboxStatus.PENDING.value, OutboxStatus.TRYING.value))
    in_force = or_(waiting, func.coalesce(row.done_at, row.tried_at) >= epoch_ms(since))
    query = select(tables.outbox).where(of_it, row.kind.in_(_ASKING), row.tried_at.is_not(None), in_force)
    return [repository.outbox_row(one).effect for one in await connection.execute(query.order_by(row.number))]


def _of(system: str) -> Select[Any]:
    row = tables.case_ticket.c
    return select(tables.case_ticket).where(row.system == system).order_by(row.number)


def _is(known: KnownTicket) -> tuple[Any, ...]:
    """Its row, unless a newer case has the ticket by now."""
    row, number = tables.case_ticket.c, repository.number_of(known.case)
    return (row.system == known.system, row.ticket == known.ticket, row.case_number == number)


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
