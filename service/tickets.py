"""Tickets as people ask for them: the list comes from our own records, one ticket from its system, and while that is
away from what we know."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import from_epoch_ms
from config.errors import LineproofError, NotFoundError
from service.installation import Installation
from triage import tables
from triage.cases import Case
from triage.evidence import EvidenceFile
from triage.tickets.port import Ticket

LONGEST_LOOK = 10.0
"""Seconds that a person at a screen waits for the ticket system before they see what we know."""

_CASE = TypeAdapter(Case)


@runtime_checkable
class HandsOutFiles(Protocol):
    """A ticket system that gives files back."""

    async def attachment(self, ticket: str, name: str) -> EvidenceFile: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTicket:
    """What we know of a ticket without asking: `status` as last seen in its system, "" where nobody has looked yet;
    `looked_at` is its last change that we know of, by its system's clock."""

    ticket: str
    system: str
    case: str
    client: str
    site: str
    name: str
    severity: str
    status: str
    opened_at: datetime
    looked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTicket:
    """A ticket as its system shows it now; None where `problem` says why it could not be asked."""

    known: KnownTicket | None
    ticket: Ticket | None
    problem: str = ""


async def known_tickets(
    connection: AsyncConnection, system: str, *, ticket: str | None = None, limit: int = 500
) -> Sequence[KnownTicket]:
    """Tickets of our cases, the newest case first; `system` is today's, for those of which no other was recorded."""
    case, row = tables.case.c, tables.case_ticket.c
    query = (
        select(case.document, row.system, row.opened_at, row.seen)
        .select_from(tables.case.outerjoin(tables.case_ticket, row.ticket == case.ticket))
        .where(case.ticket == ticket if ticket is not None else case.ticket.is_not(None))
        .order_by(case.number.desc())
        .limit(limit)
    )
    return [_known(found, system) for found in await connection.execute(query)]


async def seen_ticket(installation: Installation, identity: str) -> SeenTicket:
    """One ticket, asked for in its system. Raises NotFoundError for one that neither it nor we know."""
    async with installation.database.reading() as connection:
        found = await known_tickets(connection, installation.tickets.name, ticket=identity)
    known = found[0] if found else None
    try:
        async with asyncio.timeout(LONGEST_LOOK):
            return SeenTicket(known=known, ticket=await installation.tickets.show(identity))
    except NotFoundError as error:
        if known is None:
            raise
        problem = str(error)
    except TimeoutError:
        problem = f"the ticket system gave no answer in {LONGEST_LOOK:g} s; asking again later"
    except LineproofError as error:
        problem = str(error)
        if known is None:
            raise
    return SeenTicket(known=known, ticket=None, problem=problem)


async def saved_file(installation: Installation, ticket: str, name: str) -> EvidenceFile:
    """A file of a ticket. Raises NotFoundError where its system does not hand files out."""
    system = installation.tickets
    if not isinstance(system, HandsOutFiles):
        raise NotFoundError(
            f"{system.name} hands no files out; take {name!r} from the ticket there, or make it again with "
            "`lineproof report evidence CASE`"
        )
    return await system.attachment(ticket, name)


def _known(row: Any, system: str) -> KnownTicket:  # noqa: ANN401 - a row has no better type
    case = _CASE.validate_python(row.document)
    changed_at = (row.seen or {}).get("changed_at")
    return KnownTicket(
        ticket=case.ticket or "",
        system=row.system or system,
        case=case.id,
        client=case.client,
        site=case.site,
        name=case.title,
        severity=case.severity.value if case.severity else "",
        status=(row.seen or {}).get("status") or "",
        opened_at=from_epoch_ms(row.opened_at) if row.opened_at is not None else case.opened_at,
        looked_at=datetime.fromisoformat(changed_at) if changed_at else None,
    )
