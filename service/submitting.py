"""Putting an input before the engine, and waiting for what it decides. With no engine running we take its lease."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from config.errors import LineproofError
from service.installation import Installation
from triage import inbox, repository
from triage.cases import Case, Proposal, ProposalStatus
from triage.inputs import Input
from triage.repository import StoredDecision

PATIENCE = 30.0
"""Real seconds to wait for the engine."""


def new_key(kind: str) -> str:
    """A key for an input that a person gives once."""
    return f"{kind}:{secrets.token_hex(8)}"


async def submit(installation: Installation, key: str, happened: Input) -> list[StoredDecision]:
    """Enqueue an input and return what was decided on it. Raises LineproofError when no engine decides in time."""
    database = installation.database
    seq = await inbox.enqueue(database, key, happened, installation.clock.now())

    async def decided() -> bool:
        return await inbox.consumed(database, seq)

    if not await _until(installation, decided):
        raise LineproofError(
            f"the engine has not decided within {PATIENCE:.0f} s; it will when it can: see its /health",
            retryable=True,
        )
    async with database.reading() as connection:
        return await repository.decisions_on(connection, seq)


async def wait_for_ticket(installation: Installation, case_id: str) -> str | None:
    """The case's ticket once the outbox has opened it; None when that takes longer than we wait."""

    async def has_ticket() -> bool:
        return (await _case(installation, case_id)).ticket is not None

    await _until(installation, has_ticket)
    return (await _case(installation, case_id)).ticket


async def settled_proposal(installation: Installation, proposal_id: str) -> Proposal:
    """A proposal once the far end has answered; as it is when that takes longer than we wait."""

    async def settled() -> bool:
        return (await _proposal(installation, proposal_id)).status is not ProposalStatus.APPLYING

    await _until(installation, settled)
    return await _proposal(installation, proposal_id)


async def settle(installation: Installation) -> None:
    """Decide and perform until nothing is due; for whoever holds the lease."""
    engine, performer = installation.engine(), installation.performer()
    await engine.fire_timers()
    while await engine.work_off() + await performer.perform_due():
        continue


async def _until(installation: Installation, true: Callable[[], Awaitable[bool]]) -> bool:
    """Wait until something holds, doing the engine's work while no engine runs; False when patience ends."""
    lease = installation.lease()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while not await true():
        if loop.time() > deadline:
            return False
        if await lease.hold():
            try:
                await settle(installation)
            finally:
                await lease.release()
        else:
            await asyncio.sleep(0.1)
    return True


async def _case(installation: Installation, identity: str) -> Case:
    async with installation.database.reading() as connection:
        return await repository.case_by_id(connection, identity)


async def _proposal(installation: Installation, identity: str) -> Proposal:
    async with installation.database.reading() as connection:
        return await repository.proposal_by_id(connection, identity)
