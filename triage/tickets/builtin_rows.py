"""Rows of the built-in ticket system as values, and what else a ticket there is kept with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import from_epoch_ms
from triage import tables
from triage.tickets.port import Attachment, NewTicket, Ticket, TicketNote, TicketStatus
from triage.tickets.tmf621.document import CHILD, PARENT, StatusChange, TroubleTicket

AUTHOR = "lineproof"
CHANNEL = "lineproof"
_SERVICE = ("circuit", "service", "device", "interface")


def details_of(new: NewTicket) -> dict[str, str]:
    """What has no column of its own; empty values are left out."""
    details = {
        "circuit": new.circuit,
        "service": new.service_number,
        "device": new.serial,
        "interface": new.interface,
        "reported_by": new.reported_by,
        "client_reference": new.client_reference,
    }
    return {name: value for name, value in details.items() if value}


async def relate(connection: AsyncConnection, child: int, parent: int) -> None:
    """Both tickets know of each other."""
    rows = [
        {"ticket_number": child, "related": f"T-{parent}", "relation": PARENT},
        {"ticket_number": parent, "related": f"T-{child}", "relation": CHILD},
    ]
    await connection.execute(insert(tables.ticket_relation), rows)


def ticket_of(row: Any, notes: Sequence[Any] = (), files: Sequence[Any] = ()) -> Ticket:  # noqa: ANN401 - rows
    return Ticket(
        id=f"T-{row.number}",
        external_id=row.external_id,
        status=TicketStatus(row.status),
        severity=row.severity,
        name=row.name,
        description=row.description,
        client=row.client,
        site=row.site,
        created_at=from_epoch_ms(row.created_at),
        updated_at=from_epoch_ms(row.updated_at),
        resolved_at=from_epoch_ms(row.resolved_at) if row.resolved_at is not None else None,
        owner=row.owner,
        queue=row.queue,
        notes=tuple(
            TicketNote(
                id=str(note.number),
                author=note.author,
                made_at=from_epoch_ms(note.made_at),
                text=note.text,
                ours=note.ours,
            )
            for note in notes
        ),
        attachments=tuple(
            Attachment(name=file.name, media_type=file.media_type, sha256=file.sha256, size=file.size) for file in files
        ),
    )


async def whole(connection: AsyncConnection, number: int, ticket: Ticket) -> TroubleTicket:
    table, change, relation = tables.ticket, tables.ticket_status_change, tables.ticket_relation
    row = (
        await connection.execute(select(table.c.ticket_type, table.c.document).where(table.c.number == number))
    ).one()
    changes = await connection.execute(select(change).where(change.c.ticket_number == number).order_by(change.c.number))
    relations = await connection.execute(
        select(relation.c.related, relation.c.relation)
        .where(relation.c.ticket_number == number)
        .order_by(relation.c.number)
    )
    details: dict[str, str] = row.document
    return TroubleTicket(
        ticket=ticket,
        ticket_type=row.ticket_type,
        channel=CHANNEL,
        history=history_of(ticket, changes.all()),
        relations=tuple((one.related, one.relation) for one in relations),
        service={name: details[name] for name in _SERVICE if name in details},
        reported_by=details.get("reported_by", ""),
        client_reference=details.get("client_reference", ""),
    )


def history_of(ticket: Ticket, rows: Sequence[Any]) -> tuple[StatusChange, ...]:
    """The status that it began with, and each change to another one."""
    history = [StatusChange(status=TicketStatus.ACKNOWLEDGED, changed_at=ticket.created_at, author=AUTHOR, reason="")]
    for row in rows:
        if row.status != history[-1].status.value:
            moment = from_epoch_ms(row.changed_at)
            history.append(
                StatusChange(status=TicketStatus(row.status), changed_at=moment, author=row.author, reason=row.reason)
            )
    return tuple(history)
