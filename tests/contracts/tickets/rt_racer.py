"""One of several processes that open a ticket for one key once they are sent a line: URL TOKEN FIELD KEY NAME."""

from __future__ import annotations

import asyncio
import sys

from contract_values import new

from triage.tickets.request_tracker.adapter import RequestTracker
from triage.tickets.request_tracker.settings import RequestTrackerSettings


async def race(url: str, token: str, field: str, key: str, name: str) -> None:
    settings = RequestTrackerSettings.model_validate(
        {"url": url, "user": "lineproof", "token": token, "queue": "noc", "fields": {"fingerprint": field}}
    )
    tickets = RequestTracker(settings)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    ticket = await tickets.create(new(key))
    await tickets.add_note(ticket, f"{key}:{name}", f"a note of {name}")
    await tickets.close()
    print(ticket)


asyncio.run(race(*sys.argv[1:]))
