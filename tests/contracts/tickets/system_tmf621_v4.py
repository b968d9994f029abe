"""A TMF621 server of version 4: a bearer token, whole lists, and an ETag."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from stub_server import dead_ends, serving
from stub_tmf621 import TOKEN, TroubleTickets
from ticket_far_ends import WRONG_SECRET, FarEnd, System
from tmf621_people import TroubleTicketPerson

from config.clock import SystemClock
from triage.tickets.tmf621.adapter import Tmf621Tickets
from triage.tickets.tmf621.settings import Tmf621Settings


def settings(url: str, **changes: object) -> Tmf621Settings:
    given = {"url": f"{url}/tmf-api/troubleTicket/v4", "version": 4, "token": TOKEN}
    return Tmf621Settings.model_validate({**given, **changes})


@asynccontextmanager
async def opened(_request: pytest.FixtureRequest, _folder: Path) -> AsyncIterator[FarEnd]:
    server = TroubleTickets(4)
    async with serving(server.application()) as url, dead_ends() as ends:
        clock = SystemClock()
        tickets = Tmf621Tickets(settings(url), clock)
        others = {
            "away": Tmf621Tickets(settings(ends.away), clock),
            "refused": Tmf621Tickets(settings(url, token=WRONG_SECRET), clock),
            "silent": Tmf621Tickets(settings(ends.silent, timeout=0.5), clock),
        }
        yield FarEnd(tickets=tickets, person=TroubleTicketPerson(server), absent="999999", **others)
        for one in (tickets, *others.values()):
            await one.close()
    assert server.violations == []


SYSTEM = System(open=opened)
