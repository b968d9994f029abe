"""Judges the claim that waits in a data folder's inbox at the given time, renders its evidence, and prints each file's
SHA-256: a process of its own, with whatever zone, language and hash seed it was started with."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path

from collector.store.opening import open_store
from config.clock import ManualClock
from config.database import Database
from reports.evidence import ReportRenderer
from service.installation import Installation
from service.settings import Settings
from triage import repository
from triage.baselines.folder import BaselineFolder
from triage.evidence_folder import EvidenceFolder
from triage.tickets.builtin import BuiltinTickets


async def digests(folder: Path, now: datetime) -> dict[str, str]:
    database, clock, settings = Database(folder / "records.db"), ManualClock(now), Settings(data=folder)
    journal, store = open_store(settings.store, folder)
    installation = Installation(
        path=folder / "lineproof.yaml",
        settings=settings,
        clock=clock,
        database=database,
        journal=journal,
        store=store,
        evidence=EvidenceFolder(folder / "evidence"),
        baselines=BaselineFolder(folder / "baselines"),
        tickets=BuiltinTickets(database, clock),
    )
    await installation.engine().work_off()
    async with database.reading() as connection:
        case = await repository.case_by_id(connection, "C-1")
    pack = installation.evidence.get(case.evidence_sha256 or "")
    files = await ReportRenderer().render(pack, case.id)
    await store.close()
    await database.close()
    return {file.name: hashlib.sha256(file.content).hexdigest() for file in files}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(digests(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])))))
