"""The built-in ticket system on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ticket_far_ends import FarEnd, System

from config.clock import SystemClock
from config.database import Database
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import TicketStatus, TicketUpdate


class Anna:
    name = "anna"

    def __init__(self, tickets: BuiltinTickets) -> None:
        self._tickets = tickets
        self._acts = 0

    def _key(self) -> str:
        self._acts += 1
        return f"anna:{self._acts}"

    async def note(self, ticket: str, text: str) -> None:
        await self._tickets.note_by(self.name, ticket, self._key(), text)

    async def change(self, ticket: str, *, status: TicketStatus | None = None, owner: str | None = None) -> None:
        await self._tickets.update_by(self.name, ticket, self._key(), TicketUpdate(status=status, owner=owner))

    async def file(self, ticket: str, name: str) -> bytes:
        return (await self._tickets.attachment(ticket, name)).content

    async def with_key(self, external_id: str) -> Sequence[str]:
        return [ticket.id for ticket in await self._tickets.list() if ticket.external_id == external_id]


@asynccontextmanager
async def opened(_request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[FarEnd]:
    database = Database(folder / "records.db", throwaway=True)
    await database.create_all()
    tickets = BuiltinTickets(database, SystemClock())
    yield FarEnd(tickets=tickets, person=Anna(tickets))
    await database.close()


SYSTEM = System(open=opened, lacks=frozenset({"network"}))
