"""The story as it unfolds: wait, take calls, wait for late statistics, read what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from service.demo import clerk
from service.demo.outside import Outside
from service.installation import Installation
from service.simulator.truth import PhoneCall
from triage import repository
from triage.cases import Case, Proposal

LISTEN_EVERY = 0.15
"""Real seconds between two looks whether somebody phones."""


@dataclass(slots=True)
class Told:
    """What happened so far: each call with the verdict it got, the re-route that was tried, the tickets seen."""

    calls: list[tuple[PhoneCall, Mapping[str, Any]]] = field(default_factory=list)
    proposal: Proposal | None = None
    tickets: set[str] = field(default_factory=set)


class Audience(Protocol):
    """Whoever is shown the story."""

    def time_passes(self, now: datetime) -> None: ...

    def call_answered(self, call: PhoneCall, verdict: Mapping[str, Any]) -> None: ...

    def ticket_opened(self, case: Case) -> None: ...

    def rerouted(self, proposal: Proposal) -> None: ...


async def follow(installation: Installation, outside: Outside, until: datetime | None, audience: Audience) -> Told:
    """Take every call until the fleet's clock shows `until` (for ever when None)."""
    told = Told()
    while until is None or installation.clock.now() < until:
        audience.time_passes(installation.clock.now())
        for call in await outside.new_calls():
            verdict = await clerk.take(installation, call)
            told.calls.append((call, verdict))
            audience.call_answered(call, verdict)
        if await _show_new_tickets(installation, told, audience):
            await _relieve(installation, told, audience, by_hand=False)
        await asyncio.sleep(LISTEN_EVERY)
    await _relieve(installation, told, audience, by_hand=True)
    return told


async def _relieve(installation: Installation, told: Told, audience: Audience, *, by_hand: bool) -> None:
    """One re-route in a story shows how it is done."""
    if told.proposal is None:
        told.proposal = await clerk.reroute(installation, by_hand=by_hand)
        if told.proposal is not None:
            audience.rerouted(told.proposal)


async def _show_new_tickets(installation: Installation, told: Told, audience: Audience) -> bool:
    """Whether there were any."""
    async with installation.database.reading() as connection:
        cases = await repository.cases(connection)
    new = [case for case in reversed(cases) if case.ticket is not None and case.ticket not in told.tickets]
    for case in new:
        told.tickets.add(str(case.ticket))
        audience.ticket_opened(case)
    return bool(new)
