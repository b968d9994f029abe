"""The story as it unfolds: wait, take calls, wait for late statistics, read what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.demo import clerk
from service.demo.outside import Outside
from service.installation import Installation
from service.simulator.truth import PhoneCall
from triage.cases import Proposal

LISTEN_EVERY = 0.15
"""Real seconds between two looks whether somebody phones."""


@dataclass(slots=True)
class Told:
    """What happened so far: each call with the verdict it got, and the re-route that was tried."""

    calls: list[tuple[PhoneCall, Mapping[str, Any]]] = field(default_factory=list)
    proposal: Proposal | None = None


async def follow(
    installation: Installation,
    outside: Outside,
    until: datetime | None,
    on_progress: Callable[[datetime], None],
    on_call: Callable[[PhoneCall, Mapping[str, Any]], None],
) -> Told:
    """Take every call until the fleet's clock shows `until` (for ever when None)."""
    told = Told()
    while until is None or installation.clock.now() < until:
        on_progress(installation.clock.now())
        for call in await outside.new_calls():
            verdict = await clerk.take(installation, call)
            told.calls.append((call, verdict))
            on_call(call, verdict)
        if told.proposal is None and told.calls:
            told.proposal = await clerk.reroute(installation)
        await asyncio.sleep(LISTEN_EVERY)
    return told
