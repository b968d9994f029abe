"""Tickets by mail: out to a real SMTP server, back as answers that people write."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from stub_mail import PostOffice, post_office
from ticket_far_ends import FarEnd, System

from config.clock import SystemClock
from config.database import Database
from triage.mail.port import ReceivedMail
from triage.mail.settings import SmtpSettings
from triage.mail.smtp import SmtpMailer
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.email.adapter import EmailTickets, Taken
from triage.tickets.email.settings import EmailSettings
from triage.tickets.port import TicketStatus, TicketUpdate


class Correspondent:
    """Answers mails, and works on the desk of the installation, where the tickets are remembered."""

    name = "anna@provider.example"

    def __init__(self, office: PostOffice, tickets: EmailTickets, desk: BuiltinTickets) -> None:
        self._office = office
        self._tickets = tickets
        self._desk = desk
        self._numbers = itertools.count()

    async def note(self, ticket: str, text: str) -> None:
        answered = self._office.messages()[-1]
        answer = EmailMessage(policy=policy.SMTP)
        answer["From"] = f"Anna <{self.name}>"
        answer["Subject"] = answered["Subject"]
        answer["Message-ID"] = f"<{next(self._numbers)}.answer@provider.example>"
        answer["In-Reply-To"] = answered["Message-ID"]
        quoted = answered.get_body(("plain",)).get_content()
        answer.set_content(
            f"{text}\n\nOn Sunday, Lineproof wrote:\n" + "".join(f"> {one}\n" for one in quoted.split("\n"))
        )
        taken = await self._tickets.take(ReceivedMail(id="1", raw=answer.as_bytes()), None)
        assert taken is Taken.NOTE

    async def change(self, ticket: str, *, status: TicketStatus | None = None, owner: str | None = None) -> None:
        await self._desk.update_by(
            "anna", ticket, f"anna:{ticket}:{next(self._numbers)}", TicketUpdate(status=status, owner=owner)
        )

    async def file(self, ticket: str, name: str) -> bytes:
        for message in reversed(self._office.messages()):
            for part in message.iter_attachments():
                if part.get_filename() == name:
                    return part.get_payload(decode=True)
        raise FileNotFoundError(name)

    async def with_key(self, external_id: str) -> Sequence[str]:
        return [ticket.id for ticket in await self._desk.list() if ticket.external_id == external_id]


def settings(**changes: object) -> EmailSettings:
    given = {"to": ["noc@provider.example"], "people": ["@provider.example"], "domain": "lineproof.example",
             "queues": {"Field": ["field@provider.example"]}}  # fmt: skip
    return EmailSettings.model_validate({**given, **changes})


def smtp(port: int, **changes: object) -> SmtpSettings:
    given = {"kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none", "sender": "lineproof@provider.example"}
    return SmtpSettings.model_validate({**given, **changes})


@asynccontextmanager
async def opened(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[FarEnd]:
    database = Database(folder / "records.db", throwaway=True)
    await database.create_all()
    clock = SystemClock()
    with post_office() as office:
        tickets = EmailTickets(settings(), SmtpMailer(smtp(office.port), clock), database, clock)
        person = Correspondent(office, tickets, BuiltinTickets(database, clock))
        yield FarEnd(tickets=tickets, person=person)
    await database.close()


SYSTEM = System(open=opened, lacks=frozenset({"network"}))
