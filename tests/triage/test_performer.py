"""The performer when a far end, or our own code before it, breaks in a way that nobody foresaw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.clock import ManualClock
from config.database import Database
from inventory.model import Inventory
from triage import bulk, inbox, repository
from triage.actuator.dryrun import DryRun
from triage.cases import Case, CaseStatus, Effect, EffectKind, Origin
from triage.evidence import EvidenceFile, EvidencePack
from triage.evidence_folder import EvidenceFolder
from triage.inputs import Answered
from triage.model import Cause, Scope, Severity
from triage.performer import MOST_ATTEMPTS, Performer
from triage.reach import FarEnd
from triage.repository import OutboxRow, OutboxStatus
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import NewTicket

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


class Defective(BuiltinTickets):
    """Stumbles over one case's ticket, as code with a defect does."""

    async def create(self, new: NewTicket) -> str:
        if new.external_id == "C-1:ticket":
            raise ZeroDivisionError("division by zero")
        return await super().create(new)


class NoReports:
    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        return ()


class Desk:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOON)
        self.database = Database(folder / "records.db")
        self.tickets = Defective(self.database, self.clock)
        self.performer = Performer(
            self.database, self.clock, self.tickets, NoReports(), DryRun(), EvidenceFolder(folder), self.inventory
        )

    async def inventory(self) -> Inventory:
        return Inventory.of()

    async def outbox(self) -> list[OutboxRow]:
        async with self.database.reading() as connection:
            return await repository.outbox(connection)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Two cases at two sites, each with a ticket to be opened."""
    made = Desk(tmp_path)
    await made.database.create_all()
    async with made.database.writing() as connection:
        for number in (1, 2):
            case = Case(
                id=f"C-{number}", client="acme", site=f"store-{number}", status=CaseStatus.OPEN,
                origins=(Origin.MACHINE,), title="loss", cause=Cause.LOSS, scope=Scope.LINK,
                severity=Severity.MAJOR, link="wan1", onset=NOON, opened_at=NOON, updated_at=NOON,
                evidence_sha256="a" * 64,
            )  # fmt: skip
            await repository.save_case(connection, case)
            effect = Effect(key=f"{case.id}:ticket", kind=EffectKind.OPEN_TICKET, case=case.id, title="t", text="t")
            await bulk.add_effects(connection, [(effect, NOON)])
    yield made
    await made.database.close()


async def test_a_defect_in_one_effect_stops_no_other(desk: Desk) -> None:
    await desk.performer.perform_due()
    first, second = await desk.outbox()
    assert (first.status, first.attempts) == (OutboxStatus.PENDING, 1)
    assert "ZeroDivisionError: division by zero" in first.last_error
    assert second.status is OutboxStatus.DONE
    assert [ticket.site for ticket in await desk.tickets.list()] == ["store-2"]


async def test_a_defect_that_stays_is_given_up_and_the_case_is_told(desk: Desk) -> None:
    for _ in range(MOST_ATTEMPTS):
        await desk.performer.perform_due()
        desk.clock.move_to(desk.clock.now() + timedelta(minutes=10))
    first, _ = await desk.outbox()
    assert (first.status, first.attempts) == (OutboxStatus.DEAD, MOST_ATTEMPTS)
    async with desk.database.reading() as connection:
        answers = [row.input for row in await inbox.waiting(connection)]
    assert [(one.case, one.ok) for one in answers if isinstance(one, Answered)] == [("C-2", True), ("C-1", False)]


async def test_whoever_has_all_done_that_is_due_waits_for_what_was_under_way_before_and_asks_nobody_meanwhile(
    desk: Desk,
) -> None:
    create, may_end, asked = desk.tickets.create, asyncio.Event(), []

    async def slow(new: NewTicket) -> str:
        await may_end.wait()
        return await create(new)

    desk.tickets.create = slow  # type: ignore[method-assign]
    desk.performer._may_act = lambda: asked.append(1) is None
    assert await desk.performer.begin_due() == 1
    asked.clear()
    everything = asyncio.create_task(desk.performer.perform_due())
    await asyncio.wait([everything], timeout=0.1)
    assert not everything.done()
    assert len(asked) <= len(FarEnd), "it looks once for what else there is, and then waits"
    may_end.set()
    assert await everything == 1, "the other effect, which had to wait for its turn"
    assert [row.status for row in await desk.outbox()] == [OutboxStatus.PENDING, OutboxStatus.DONE]
