"""The built-in ticket system, shaped as TMF621: tables of its own, in the records database."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock, epoch_ms, from_epoch_ms
from config.database import Database
from config.errors import NotFoundError
from triage import tables
from triage.evidence import EvidenceFile
from triage.repository import next_number, number_of
from triage.tickets import builtin_rows
from triage.tickets.builtin_rows import AUTHOR
from triage.tickets.notes import one_line, printable
from triage.tickets.port import Changes, NewTicket, Ticket, TicketStatus, TicketUpdate
from triage.tickets.tmf621.document import TroubleTicket


class BuiltinTickets:
    """Implements TicketSystem; fails with the database's RecordsError.

    A note's key and an attachment's (name, SHA-256) make each count once.
    """

    name = "builtin"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, external_id: str) -> str | None:
        async with self._database.reading() as connection:
            return await _find(connection, external_id)

    async def create(self, new: NewTicket) -> str:
        async with self._database.writing() as connection:
            now = self._now()
            known = await _find(connection, new.external_id)
            if known is not None:
                return known
            number = await next_number(connection, tables.ticket)
            await connection.execute(
                insert(tables.ticket).values(
                    number=number,
                    external_id=new.external_id,
                    status=TicketStatus.ACKNOWLEDGED.value,
                    severity=new.severity.value if new.severity else "minor",
                    name=one_line(new.name),
                    description=printable(new.description),
                    client=new.client,
                    site=new.site,
                    ticket_type=new.ticket_type.value,
                    document=builtin_rows.details_of(new),
                    created_at=now,
                    updated_at=now,
                )
            )
            if new.parent:
                await builtin_rows.relate(connection, number, await _existing(connection, new.parent))
            return f"T-{number}"

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        await self.note_by(AUTHOR, ticket, key, text)

    async def note_by(self, author: str, ticket: str, key: str, text: str) -> None:
        """A note of a person who works in this system itself."""
        async with self._database.writing() as connection:
            now = self._now()
            await _note(connection, ticket, key, text, now, author)

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        digest = hashlib.sha256(file.content).hexdigest()
        attachment = tables.ticket_attachment.c
        async with self._database.writing() as connection:
            number = await _existing(connection, ticket)
            known = await connection.scalar(
                select(attachment.number).where(
                    attachment.ticket_number == number, attachment.name == file.name, attachment.sha256 == digest
                )
            )
            if known is None:
                await connection.execute(
                    insert(tables.ticket_attachment).values(
                        ticket_number=number,
                        name=file.name,
                        media_type=file.media_type,
                        sha256=digest,
                        content=file.content,
                    )
                )

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        await self.update_by(AUTHOR, ticket, key, update)

    async def update_by(self, author: str, ticket: str, key: str, update: TicketUpdate) -> None:
        """A change by a person who works in this system itself."""
        async with self._database.writing() as connection:
            now = self._now()
            number = await _existing(connection, ticket)
            change = tables.ticket_status_change
            known = await connection.scalar(select(change.c.number).where(change.c.key == key))
            if known is not None:
                return
            if update.text:
                await _note(connection, ticket, key, update.text, now, author)
            wanted = {"severity": update.severity, "queue": update.queue, "owner": update.owner}
            values: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
            row = (await connection.execute(select(tables.ticket).where(tables.ticket.c.number == number))).one()
            if update.status is not None and update.status.value != row.status:
                values |= {"status": update.status.value, "resolved_at": now if update.status.ended else None}
            if values:
                await connection.execute(
                    sql_update(tables.ticket).where(tables.ticket.c.number == number).values(updated_at=now, **values)
                )
            await connection.execute(
                insert(change).values(
                    ticket_number=number,
                    key=key,
                    status=values.get("status", row.status),
                    changed_at=now,
                    author=author,
                    reason=printable(update.text),
                )
            )

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:  # noqa: ARG002 - all are ours
        ticket = tables.ticket.c
        query = select(ticket.number, ticket.updated_at).where(ticket.updated_at >= epoch_ms(moment))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(ticket.number))).all()
        newest = max((row.updated_at for row in rows), default=None)
        return Changes([f"T-{row.number}" for row in rows], None if newest is None else from_epoch_ms(newest))

    async def show(self, ticket: str) -> Ticket:
        async with self._database.reading() as connection:
            number = await _existing(connection, ticket)
            row = (await connection.execute(select(tables.ticket).where(tables.ticket.c.number == number))).one()
            notes = await connection.execute(
                select(tables.ticket_note)
                .where(tables.ticket_note.c.ticket_number == number)
                .order_by(tables.ticket_note.c.number)
            )
            column = tables.ticket_attachment.c
            files = await connection.execute(
                select(column.name, column.media_type, column.sha256, func.length(column.content).label("size"))
                .where(column.ticket_number == number)
                .order_by(column.number)
            )
            return builtin_rows.ticket_of(row, notes.all(), files.all())

    async def trouble_ticket(self, ticket: str) -> TroubleTicket:
        """The ticket with its history and relations."""
        shown = await self.show(ticket)
        async with self._database.reading() as connection:
            return await builtin_rows.whole(connection, await _existing(connection, ticket), shown)

    async def list(self, *, client: str | None = None, limit: int = 500) -> Sequence[Ticket]:
        query = select(tables.ticket).order_by(tables.ticket.c.number.desc()).limit(limit)
        if client is not None:
            query = query.where(tables.ticket.c.client == client)
        async with self._database.reading() as connection:
            return [builtin_rows.ticket_of(row) for row in await connection.execute(query)]

    def _now(self) -> int:
        """Within a transaction, of which there is one at a time: changes stand in the order of their times."""
        return epoch_ms(self._clock.now())

    async def attachment(self, ticket: str, name: str) -> EvidenceFile:
        """The newest attachment of that name."""
        async with self._database.reading() as connection:
            number = await _existing(connection, ticket)
            column = tables.ticket_attachment.c
            row = (
                await connection.execute(
                    select(column.name, column.media_type, column.content)
                    .where(column.ticket_number == number, column.name == name)
                    .order_by(column.number.desc())
                    .limit(1)
                )
            ).one_or_none()
        if row is None:
            raise NotFoundError(f"{ticket} has no attachment {name!r}; `lineproof ticket show {ticket}` lists them")
        return EvidenceFile(row.name, row.media_type, row.content)


async def _find(connection: AsyncConnection, external_id: str) -> str | None:
    number = await connection.scalar(select(tables.ticket.c.number).where(tables.ticket.c.external_id == external_id))
    return None if number is None else f"T-{number}"


async def _existing(connection: AsyncConnection, ticket: str) -> int:
    number = await connection.scalar(
        select(tables.ticket.c.number).where(tables.ticket.c.number == number_of(ticket, "T"))
    )
    if number is None:
        raise NotFoundError(f"there is no ticket {ticket}; `lineproof ticket list` shows the tickets")
    return int(number)


async def _note(connection: AsyncConnection, ticket: str, key: str, text: str, now: int, author: str) -> None:
    number = await _existing(connection, ticket)
    known = await connection.scalar(select(tables.ticket_note.c.number).where(tables.ticket_note.c.key == key))
    if known is not None:
        return
    await connection.execute(
        insert(tables.ticket_note).values(
            ticket_number=number, key=key, author=author, made_at=now, text=printable(text), ours=author == AUTHOR
        )
    )
    await connection.execute(sql_update(tables.ticket).where(tables.ticket.c.number == number).values(updated_at=now))
