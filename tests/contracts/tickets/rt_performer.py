"""A performer on a records database, in a process of its own that a test kills: RECORDS URL TOKEN."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from config.clock import SystemClock
from config.database import Database
from inventory.model import Inventory
from triage.actuator.dryrun import DryRun
from triage.evidence import EvidenceFile, EvidencePack
from triage.evidence_folder import EvidenceFolder
from triage.performer import Performer
from triage.tickets.request_tracker.adapter import RequestTracker
from triage.tickets.request_tracker.settings import RequestTrackerSettings


class NoReports:
    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        return ()


async def inventory() -> Inventory:
    return Inventory()


async def perform(records: str, url: str, token: str) -> None:
    settings = RequestTrackerSettings.model_validate({"url": url, "user": "lineproof", "token": token, "queue": "noc"})
    database, tickets, clock = Database(Path(records)), RequestTracker(settings), SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        evidence = EvidenceFolder(Path(folder))
        performer = Performer(database, clock, tickets, NoReports(), DryRun(), evidence, inventory)
        await performer.perform_due()
    await tickets.close()
    await database.close()


asyncio.run(perform(*sys.argv[1:]))
