"""Whether the ticket system can be reached and fits, found out without creating anything."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from config.errors import LineproofError
from triage.policy import Policy
from triage.tickets.port import TicketSystem

PATIENCE = 30.0
"""Seconds."""
NO_TICKET = "lineproof:check"
"""A key that no ticket has."""


@runtime_checkable
class Probed(Protocol):
    """A ticket system that can say more than whether it answers."""

    async def problems(self, queues: Collection[str]) -> Sequence[str]: ...


async def ticket_faults(tickets: TicketSystem, policy: Policy) -> Sequence[str]:
    """One sentence for each thing that keeps tickets from being opened or handed over there."""
    try:
        async with asyncio.timeout(PATIENCE):
            if isinstance(tickets, Probed):
                return [f"ticket system {tickets.name}: {problem}" for problem in await tickets.problems(desks(policy))]
            await tickets.find(NO_TICKET)
    except TimeoutError:
        return [f"ticket system {tickets.name}: it gave no answer in {PATIENCE:g} s; check `url` and the way there"]
    except LineproofError as error:
        return [f"ticket system {tickets.name}: {error}"]
    return []


def desks(policy: Policy) -> set[str]:
    """The queues to which the policy hands tickets over."""
    handed = {getattr(policy.hand_over, name).queue for name in type(policy.hand_over).model_fields}
    return {queue for queue in (*handed, policy.modems.queue) if queue}
