"""Opens the ticket system that the settings name."""

from __future__ import annotations

from config.clock import Clock
from config.database import Database
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import TicketSystem
from triage.tickets.settings import TicketSettings


def open_tickets(settings: TicketSettings, database: Database, clock: Clock) -> TicketSystem:
    match settings.system.kind:
        case "builtin":
            return BuiltinTickets(database, clock)
