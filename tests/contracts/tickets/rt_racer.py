"""One of several processes that open a ticket for one key at the same moment: URL TOKEN FIELD KEY NAME START."""

from __future__ import annotations

import asyncio
import sys
import time

from contract_values import new

from triage.tickets.request_tracker.adapter import RequestTracker
from triage.tickets.request_tracker.settings import RequestTrackerSettings


async def race(url: str, token: str, field: str, key: str, name: str, start: float) -> None:
    settings = RequestTrackerSettings.model_validate(
        {"url": url, "user": "lineproof", "token": token, "queue": "noc", "fields": {"fingerprint": field}}
    )
    tickets = RequestTracker(settings)
    await asyncio.sleep(max(0.0, start - time.time()))
    ticket = await tickets.create(new(key))
    await tickets.add_note(ticket, f"{key}:{name}", f"a note of {name}")
    await tickets.close()
    print(ticket)


url, token, field, key, name, start = sys.argv[1:]
asyncio.run(race(url, token, field, key, name, float(start)))
