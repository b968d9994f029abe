"""Tickets as threads of mail, at least once under one Message-ID. Mail keeps no state: what was sent is remembered in
the built-in ticket tables, under the same keys, once it has been handed over."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import select

from config.clock import Clock
from config.database import Database
from triage import tables
from triage.evidence import EvidenceFile
from triage.mail.port import Mail, Mailer, MailError, ReceivedMail
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.email import threads
from triage.tickets.email.replies import parse_reply
from triage.tickets.email.settings import EmailSettings
from triage.tickets.notes import printable
from triage.tickets.port import Changes, NewTicket, Ticket, TicketError, TicketUpdate
from triage.tickets.wording import words_of

log = structlog.get_logger()


class Taken(StrEnum):
    """What became of a mail that came in."""

    NOTE = "note"
    UNVERIFIED = "unverified"
    """Of a stranger, or not to be read: kept at the ticket as a file, for people to read; it changes nothing."""
    AUTOMATIC = "automatic"
    EMPTY = "empty"
    NO_TICKET = "no ticket"


class EmailTickets:
    """Implements TicketSystem over a Mailer; `take` makes answers notes."""

    name = "email"

    def __init__(self, settings: EmailSettings, mailer: Mailer, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._mailer = mailer
        self._database = database
        self._own = BuiltinTickets(database, clock)

    async def find(self, external_id: str) -> str | None:
        return await self._own.find(external_id)

    async def create(self, new: NewTicket) -> str:
        known = await self._own.find(new.external_id)
        if known is not None:
            return known
        about = (
            ("Client", new.client), ("Site", new.site), ("Circuit", new.circuit),
            ("Service number", new.service_number), ("Serial", new.serial), ("Interface", new.interface),
            ("Client's reference", new.client_reference), ("Reported by", new.reported_by),
            ("Severity", new.severity.value if new.severity else ""), ("Part of ticket", new.parent),
        )  # fmt: skip
        told = "\n".join(f"{label}: {value}" for label, value in about if value)
        mail = Mail(
            message_id=threads.first_id(new.external_id, self._settings.domain),
            to=self._settings.to,
            subject=threads.subject(new.external_id, new.name),
            text=f"{threads.ABOVE}\n\n{printable(new.description)}\n\n{told}",
        )
        await self._send(mail)
        return await self._own.create(new)

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        shown = await self._own.show(ticket)
        if not printable(text) or await self._is_sent(key):
            return
        await self._send(self._mail(shown, key, text))
        await self._own.add_note(ticket, key, text)

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        shown = await self._own.show(ticket)
        digest = hashlib.sha256(file.content).hexdigest()
        if (file.name, digest) in {(one.name, one.sha256) for one in shown.attachments}:
            return
        text = f"Evidence: {file.name}, {len(file.content)} bytes, SHA-256 {digest}"
        await self._send(self._mail(shown, f"file:{file.name}:{digest}", text, (file,)))
        await self._own.attach(ticket, file)

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        shown = await self._own.show(ticket)
        if await self._is_sent(key):
            return
        told = "\n".join(filter(None, (words_of(update), printable(update.text))))
        if told:
            desks = [desk for desk in (update.queue, shown.queue) if desk]
            await self._send(self._mail(shown, key, told, desks=desks))
        await self._own.update(ticket, key, update)

    async def show(self, ticket: str) -> Ticket:
        return await self._own.show(ticket)

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:
        return await self._own.changed_since(moment, linked)

    async def take(self, mail: ReceivedMail, authenticated_by: str | None) -> Taken:
        """An answer of one of the settings' people becomes a note, once, however often it is taken."""
        reply = parse_reply(mail.raw, self._settings, authenticated_by)
        ticket = await self._named(reply.keys)
        if ticket is None:
            return Taken.NO_TICKET
        if reply.automatic:
            log.info("mail_automatic", ticket=ticket, sender=reply.sender)
            return Taken.AUTOMATIC
        digest = hashlib.sha256(mail.raw).hexdigest()
        if not reply.known or reply.text is None:
            log.warning("mail_unverified", ticket=ticket, sender=reply.sender)
            kept = EvidenceFile(f"unverified-mail-{digest[:16]}.eml", "message/rfc822", mail.raw)
            await self._own.attach(ticket, kept)
            return Taken.UNVERIFIED
        if not reply.text:
            return Taken.EMPTY
        named = hashlib.sha256(reply.id.encode()).hexdigest() if reply.id else digest
        await self._own.note_by(reply.sender or "", ticket, f"mail:{ticket}:{named}", reply.text)
        return Taken.NOTE

    async def _named(self, keys: Sequence[str]) -> str | None:
        for key in keys:
            ticket = await self._own.find(key)
            if ticket is not None:
                return ticket
        return None

    def _mail(
        self,
        ticket: Ticket,
        key: str,
        text: str,
        attachments: tuple[EvidenceFile, ...] = (),
        desks: Sequence[str] = (),
    ) -> Mail:
        to = [
            address
            for desk in desks or (ticket.queue,)
            for address in self._settings.queues.get(desk, self._settings.to)
        ]
        return Mail(
            message_id=threads.later_id(ticket.external_id, key, self._settings.domain),
            to=tuple(dict.fromkeys(to)),
            subject="Re: " + threads.subject(ticket.external_id, ticket.name),
            text=f"{threads.ABOVE}\n\n{printable(text)}",
            in_reply_to=threads.first_id(ticket.external_id, self._settings.domain),
            attachments=attachments,
        )

    async def _send(self, mail: Mail) -> None:
        try:
            await self._mailer.send(mail)
        except MailError as error:
            raise TicketError(str(error), retryable=error.retryable, blame=error.blame) from error

    async def _is_sent(self, key: str) -> bool:
        async with self._database.reading() as connection:
            for table in (tables.ticket_note, tables.ticket_status_change):
                if await connection.scalar(select(table.c.number).where(table.c.key == key)) is not None:
                    return True
        return False
