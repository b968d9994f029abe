"""Opens the ticket system that the settings name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config.clock import Clock
from config.database import Database
from config.errors import ConfigurationError
from triage.mail.port import Mailer
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.email.settings import EmailSettings
from triage.tickets.port import TicketSystem
from triage.tickets.repair_api.settings import RepairApiSettings
from triage.tickets.request_tracker.settings import RequestTrackerSettings
from triage.tickets.servicenow.settings import ServiceNowSettings
from triage.tickets.settings import BuiltinSettings, TicketSettings
from triage.tickets.tmf621.settings import Tmf621Settings


@asynccontextmanager
async def opened_tickets(
    settings: TicketSettings, database: Database, clock: Clock, mailer: Mailer | None
) -> AsyncIterator[TicketSystem]:
    """The ticket system, until its connections are closed again. What it needs is imported when it is the one.

    Raises ConfigurationError for a `ca_file` that cannot be used, and for tickets by mail where none is sent.
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
        case ServiceNowSettings() as servicenow:
            from triage.tickets.servicenow.adapter import ServiceNowTickets

            instance = ServiceNowTickets(servicenow)
            try:
                yield instance
            finally:
                await instance.close()
        case RepairApiSettings() as repair_api:
            from triage.tickets.repair_api.adapter import RepairApiTickets

            repair = RepairApiTickets(repair_api, database, clock)
            try:
                yield repair
            finally:
                await repair.close()
        case EmailSettings() as email:
            from triage.tickets.email.adapter import EmailTickets

            if mailer is None:
                raise ConfigurationError("tickets by mail need a way out for them: add `mail.outgoing` to the settings")
            yield EmailTickets(email, mailer, database, clock)
