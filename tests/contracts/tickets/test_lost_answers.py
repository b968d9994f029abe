"""A write that was carried out and whose answer was lost: made again, it counts once."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import system_repair_api
import system_servicenow
import system_tmf621_v4
import system_tmf621_v5
from contract_values import BINARY, new, ours, told
from stub_repair_api import RepairTickets
from stub_server import serving
from stub_servicenow import Instance
from stub_tmf621 import TroubleTickets

from config.clock import ManualClock, SystemClock
from config.database import Database
from triage.tickets.port import TicketError, TicketStatus, TicketSystem, TicketUpdate
from triage.tickets.repair_api.adapter import RepairApiTickets
from triage.tickets.servicenow.adapter import ServiceNowTickets
from triage.tickets.tmf621.adapter import Tmf621Tickets

pytestmark = pytest.mark.rim


@dataclass
class Forgetful:
    tickets: TicketSystem
    habits: set[str]
    count: Callable[[], int]
    """Tickets there."""

    async def twice(self, write: Callable[[], Awaitable[object]]) -> None:
        """The write, its answer lost, and once more."""
        self.habits.add("loses_the_next_answer")
        with pytest.raises(TicketError) as raised:
            await write()
        assert raised.value.retryable
        await write()


@asynccontextmanager
async def tmf621(version: int) -> AsyncIterator[Forgetful]:
    server = TroubleTickets(version)
    made = system_tmf621_v4 if version == 4 else system_tmf621_v5
    async with serving(server.application()) as url:
        tickets = Tmf621Tickets(made.settings(url), SystemClock())
        yield Forgetful(tickets, server.habits, lambda: len(server.tickets))
        await tickets.close()


@asynccontextmanager
async def servicenow() -> AsyncIterator[Forgetful]:
    instance = Instance()
    async with serving(instance.application()) as url:
        tickets = ServiceNowTickets(system_servicenow.settings(url))
        yield Forgetful(tickets, instance.habits, lambda: len(instance.tables["incident"]))
        await tickets.close()


@asynccontextmanager
async def repair_api(folder: Path) -> AsyncIterator[Forgetful]:
    server, clock = RepairTickets(), ManualClock(datetime(2026, 11, 22, 2, 10, tzinfo=UTC))
    database = Database(folder / "records.db", throwaway=True)
    await database.create_all()
    async with serving(server.application()) as url:
        tickets = RepairApiTickets(system_repair_api.settings(url), database, clock)
        yield Forgetful(tickets, server.habits, lambda: len(server.tickets))
        await tickets.close()
    await database.close()


@pytest.fixture(params=["tmf621_v4", "tmf621_v5", "servicenow", "repair_api"])
async def forgetful(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Forgetful]:
    match request.param:
        case "servicenow":
            opened = servicenow()
        case "repair_api":
            opened = repair_api(tmp_path)
        case version:
            opened = tmf621(int(version[-1]))
    async with opened as one:
        yield one


async def test_a_ticket_is_opened_once(forgetful: Forgetful) -> None:
    await forgetful.twice(lambda: forgetful.tickets.create(new("C-7:ticket")))
    assert forgetful.count() == 1


async def test_a_note_is_written_once(forgetful: Forgetful) -> None:
    ticket = await forgetful.tickets.create(new())
    lines = [f"{number}: loss 12.5 % over the line" for number in range(300)]
    await forgetful.twice(lambda: forgetful.tickets.add_note(ticket, "C-7:note", "\n".join(lines)))
    shown = told(ours(await forgetful.tickets.show(ticket)))
    assert [line for line in shown if not line.startswith("(")] == lines


async def test_a_change_is_made_once_and_told_once(forgetful: Forgetful) -> None:
    ticket = await forgetful.tickets.create(new())
    resolve = TicketUpdate(status=TicketStatus.RESOLVED, text="stayed gone")
    await forgetful.twice(lambda: forgetful.tickets.update(ticket, "C-7:resolve", resolve))
    shown = await forgetful.tickets.show(ticket)
    assert shown.status is TicketStatus.RESOLVED
    assert told(ours(shown)) == ["stayed gone"]


async def test_a_file_is_attached_once(forgetful: Forgetful) -> None:
    ticket = await forgetful.tickets.create(new())
    await forgetful.twice(lambda: forgetful.tickets.attach(ticket, BINARY))
    shown = await forgetful.tickets.show(ticket)
    digest = hashlib.sha256(BINARY.content).hexdigest()
    named = sum(digest in note.text for note in ours(shown))
    assert len(shown.attachments) + named == 1
