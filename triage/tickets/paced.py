"""A ticket system that is called at most so often: what counts are the requests that reach it, as far as its adapter
tells of them (`next_request`), and else the calls of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from triage.evidence import EvidenceFile
from triage.metrics import TICKET_CALLS
from triage.reach import Pace
from triage.tickets.port import Changes, NewTicket, Ticket, TicketSystem, TicketUpdate


@dataclass(slots=True)
class _Call:
    pace: Pace
    paid: bool = True
    """Whether the turn that was waited for before the call is not used yet: its first request is that one."""


_CALL: ContextVar[_Call | None] = ContextVar("ticket_call", default=None)


async def next_request() -> None:
    """For adapters, before each request: waits for a turn. Outside a paced call there is nothing to wait for."""
    call = _CALL.get()
    if call is None:
        return
    if not call.paid:
        await _turn(call.pace)
    call.paid = False


async def _turn(pace: Pace) -> None:
    await pace.take()
    TICKET_CALLS.inc()


class PacedTickets:
    """Implements TicketSystem in front of another: each call waits for its turn in the minute."""

    def __init__(self, inner: TicketSystem, pace: Pace) -> None:
        self._inner = inner
        self._pace = pace

    @property
    def name(self) -> str:
        return self._inner.name

    async def find(self, external_id: str) -> str | None:
        async with self._call():
            return await self._inner.find(external_id)

    async def create(self, new: NewTicket) -> str:
        async with self._call():
            return await self._inner.create(new)

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        async with self._call():
            await self._inner.add_note(ticket, key, text)

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        async with self._call():
            await self._inner.attach(ticket, file)

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        async with self._call():
            await self._inner.update(ticket, key, update)

    async def show(self, ticket: str) -> Ticket:
        async with self._call():
            return await self._inner.show(ticket)

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:
        async with self._call():
            return await self._inner.changed_since(moment, linked)

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        await _turn(self._pace)
        token = _CALL.set(_Call(self._pace))
        try:
            yield
        finally:
            _CALL.reset(token)
