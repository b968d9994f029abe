"""A performer and what the engine does with its answers, in a process of its own that a test kills.

An order names the `records`, the TMF621 server as `system`, the scaled clock's `origin`, and its `factor` if another
than FACTOR. It ends when all is done.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "processes"))

from forking import serve

from config.clock import ScaledClock
from config.database import Database
from inventory.model import Inventory
from service.logs import set_up_logs
from triage import inbox, outbox, repository
from triage.actuator.dryrun import DryRun
from triage.cases import EffectKind
from triage.evidence import EvidenceFile, EvidencePack
from triage.evidence_folder import EvidenceFolder
from triage.inputs import Answered
from triage.performer import Performer
from triage.reach import Pace
from triage.repository import OutboxStatus
from triage.tickets.paced import PacedTickets
from triage.tickets.tmf621.adapter import Tmf621Tickets
from triage.tickets.tmf621.settings import Tmf621Settings

FACTOR = 600.0
"""A minute's wait is a tenth of a second."""


class NoReports:
    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        return ()


async def inventory() -> Inventory:
    return Inventory()


async def learn(database: Database, clock: ScaledClock) -> None:
    async with database.writing() as connection:
        for row in await inbox.waiting(connection, limit=1000):
            await inbox.consume(connection, [row.seq], clock.now())
            told = row.input
            if isinstance(told, Answered) and told.ok and told.kind is EffectKind.OPEN_TICKET:
                case = await repository.case_by_id(connection, told.case)
                await repository.save_case(connection, replace(case, ticket=told.ticket))


async def main(order: dict[str, Any]) -> None:
    set_up_logs("engine")
    records = Path(order["records"])
    database, evidence = Database(records), EvidenceFolder(records.parent)
    clock = ScaledClock(datetime(2026, 3, 3, 12, tzinfo=UTC), order["origin"], order.get("factor", FACTOR))
    tickets = Tmf621Tickets(Tmf621Settings.model_validate(order["system"]), clock)
    paced = PacedTickets(tickets, Pace(clock, 100_000))
    performer = Performer(database, clock, paced, NoReports(), DryRun(), evidence, inventory, at_once=4)
    while True:
        await performer.begin_due()
        await performer.idle(0.01)
        await learn(database, clock)
        async with database.reading() as connection:
            depths = await outbox.depths(connection)
        if not depths[OutboxStatus.PENDING][0] + depths[OutboxStatus.TRYING][0]:
            break
    await performer.stop()
    await tickets.close()
    await database.close()


if __name__ == "__main__":
    serve(lambda order: asyncio.run(main(order)))
