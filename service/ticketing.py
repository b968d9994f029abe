"""Opens the ticket system that the settings name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config.clock import Clock
from config.database import Database
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import TicketSystem
from triage.tickets.request_tracker.settings import RequestTrackerSettings
from triage.tickets.settings import BuiltinSettings, TicketSettings
from triage.tickets.tmf621.settings import Tmf621Settings


@asynccontextmanager
async def opened_tickets(settings: TicketSettings, database: Database, clock: Clock) -> AsyncIterator[TicketSystem]:
    """The ticket system, until its connections are closed again. What it needs is imported when it is the one.

    Raises ConfigurationError for a `ca_file` that cannot be used.
    """
    match settings.system:
        case BuiltinSettings():
            yield BuiltinTickets(database, clock)
        case RequestTrackerSettings() as request_tracker:
            from triage.tickets.request_tracker.adapter import RequestTracker

            system = RequestTracker(request_tracker)
            try:
                yield system
            finally:
                await system.close()
        case Tmf621Settings() as tmf621:
            from triage.tickets.tmf621.adapter import Tmf621Tickets

            server = Tmf621Tickets(tmf621, clock)
            try:
                yield server
            finally:
                await server.close()
