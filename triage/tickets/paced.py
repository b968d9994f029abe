"""A ticket system that is called at most so often."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from triage.evidence import EvidenceFile
from triage.metrics import TICKET_CALLS
from triage.reach import Pace
from triage.tickets.port import NewTicket, Ticket, TicketSystem, TicketUpdate


class PacedTickets:
    """Implements TicketSystem in front of another: each call waits for its turn in the minute."""

    def __init__(self, inner: TicketSystem, pace: Pace) -> None:
        self._inner = inner
        self._pace = pace

    @property
    def name(self) -> str:
        return self._inner.name

    async def find(self, external_id: str) -> str | None:
        await self._turn()
        return await self._inner.find(external_id)

    async def create(self, new: NewTicket) -> str:
        await self._turn()
        return await self._inner.create(new)

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        await self._turn()
        await self._inner.add_note(ticket, key, text)

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        await self._turn()
        await self._inner.attach(ticket, file)

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        await self._turn()
        await self._inner.update(ticket, key, update)

    async def show(self, ticket: str) -> Ticket:
        await self._turn()
        return await self._inner.show(ticket)

    async def changed_since(self, moment: datetime) -> Sequence[str]:
        await self._turn()
        return await self._inner.changed_since(moment)

    async def _turn(self) -> None:
        await self._pace.take()
        TICKET_CALLS.inc()
