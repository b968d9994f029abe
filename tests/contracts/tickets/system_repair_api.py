"""A repair API that behaves as reports of one describe it; no real one was reached."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from stub_repair_api import CLIENT, SECRET, RepairTickets
from stub_server import dead_ends, serving
from ticket_far_ends import WRONG_SECRET, FarEnd, System

from config.clock import ManualClock
from config.database import Database
from triage.tickets.port import TicketStatus
from triage.tickets.repair_api.adapter import RepairApiTickets
from triage.tickets.repair_api.settings import RepairApiSettings

STATUSES = {TicketStatus.IN_PROGRESS: "O", TicketStatus.RESOLVED: "R"}


class Technician:
    name = "anna@provider.example"

    def __init__(self, server: RepairTickets) -> None:
        self._server = server

    async def note(self, ticket: str, text: str) -> None:
        self._server.note(self._server.tickets[int(ticket)], text, self.name)

    async def change(self, ticket: str, *, status: TicketStatus | None = None, owner: str | None = None) -> None:
        (detail,) = self._server.tickets[int(ticket)]["details"]
        if status is not None:
            detail["detailStatus"] = STATUSES[status]
        if owner is not None:
            detail["assignedToName"] = owner

    async def file(self, ticket: str, name: str) -> bytes:
        raise NotImplementedError("there are no files")

    async def with_key(self, external_id: str) -> Sequence[str]:
        reference = f"Our reference: {external_id}"
        return [str(one["ticketID"]) for one in self._server.tickets.values() if reference in one["description"]]


def settings(url: str, **changes: object) -> RepairApiSettings:
    given = {
        "url": url, "token_url": f"{url}/identity/connect/token", "client_id": CLIENT, "client_secret": SECRET,
        "clients": {"acme": 9994}, "page": 2,
        "desks": {"Field": {"result": "Field repair", "task": "Field Investigate"}},
    }  # fmt: skip
    return RepairApiSettings.model_validate({**given, **changes})


@asynccontextmanager
async def opened(_request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[FarEnd]:
    server = RepairTickets()
    database = Database(folder / "records.db", throwaway=True)
    await database.create_all()
    clock = ManualClock(datetime(2026, 11, 22, 2, 10, tzinfo=UTC))
    async with serving(server.application()) as url, dead_ends() as ends:
        tickets = RepairApiTickets(settings(url), database, clock)
        others = {
            "away": RepairApiTickets(settings(ends.away), database, clock),
            "refused": RepairApiTickets(settings(url, client_secret=WRONG_SECRET), database, clock),
            "silent": RepairApiTickets(settings(ends.silent, timeout=0.5), database, clock),
        }
        yield FarEnd(tickets=tickets, person=Technician(server), absent="999999", **others)
        for one in (tickets, *others.values()):
            await one.close()
    await database.close()


SYSTEM = System(open=opened, lacks=frozenset({"files", "owner", "changes", "pending", "a_ticket_for_each_key"}))
