"""The engine on a real records database and a real store: one transaction an input, nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.clock import epoch_ms
from config.database import Database
from inventory.model import Access, Client, Inventory, Link, LinkRole, Site
from triage import audit, bulk, inbox, repository, troubles
from triage.cases import Case, CaseStatus, EffectKind, Origin, ProposalStatus
from triage.engine import Engine
from triage.inputs import ClaimReported, PersonAct, PersonActed
from triage.lease import Lease
from triage.model import Cause, Claim, Scope
from triage.repository import OutboxStatus
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import NewTicket, TicketError
from triage.verify import verify_pack

pytestmark = pytest.mark.rim

START = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
INVENTORY = Inventory.of(
    clients=[Client(id="acme", name="Acme")],
    sites=[Site(id="store-114", client="acme", name="Store 114")],
    links=[
        Link(id="wan1", site="store-114", access=Access.DIA, carrier="Example Fiber", committed_down_bps=100e6,
             committed_up_bps=100e6),
        Link(id="lte", site="store-114", access=Access.LTE, role=LinkRole.SECONDARY, carrier="Cell",
             committed_down_bps=50e6, committed_up_bps=20e6, metered=True),
    ],
)  # fmt: skip


@pytest.fixture
def records(records_at: str | Path) -> str | Path:
    return records_at


@pytest.fixture
async def office(office_of: Any) -> Any:
    """Three ordinary days of both lines; the main one has not told anything for 40 minutes."""
    office = office_of(INVENTORY)
    await office.database.create_all()
    await office.measure(["wan1", "lte"], START - timedelta(days=3), 3 * 1440 - 40, lost=0)
    await office.measure("lte", START - timedelta(minutes=40), 40, lost=0)
    return office


async def lossy(office: Any) -> None:
    await office.measure("wan1", START - timedelta(minutes=40), 40, lost=5)


def reported(open_ticket: bool = True) -> ClaimReported:
    claim = Claim(site="store-114", client="acme", since=START - timedelta(minutes=30), reported_at=START)
    return ClaimReported(claim=claim, open_ticket=open_ticket)


async def test_a_claim_becomes_one_case_one_ticket_and_its_evidence(office: Any):
    await lossy(office)
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    await office.work()
    async with office.database.reading() as connection:
        (case,) = await repository.cases(connection)
        (verdict,) = await repository.verdicts_of(connection, case.id)
    assert (case.id, case.status, case.ticket) == ("C-1", CaseStatus.OPEN, "T-1")
    assert (verdict.document["verdict"], verdict.document["cause"]) == ("confirmed", "loss")
    ticket = await office.tickets.show("T-1")
    (attached,) = ticket.attachments
    assert attached.sha256 == case.evidence_sha256
    checks = verify_pack(office.evidence.get(verdict.evidence_sha256), verdict.document)
    assert len(checks) >= 2
    assert all(check.ok for check in checks), checks


async def test_the_same_claim_sent_twice_counts_once(office: Any):
    await lossy(office)
    for _ in range(2):
        await inbox.enqueue(office.database, "claim:1", reported(), START)
    await office.work()
    async with office.database.reading() as connection:
        (case,) = await repository.cases(connection)
    assert case.claims == 1
    assert len(await office.tickets.list()) == 1


async def test_a_key_of_any_length_counts_once_and_differs_where_only_its_end_does(office: Any):
    long = "notice:C-1:Meridian:" + "4711-" * 100
    first = await inbox.enqueue(office.database, long, reported(), START)
    assert await inbox.enqueue(office.database, long, reported(), START) == first
    assert await inbox.enqueue(office.database, long + "2", reported(), START) != first
    async with office.database.writing() as connection:
        await inbox.put_all(connection, {long: reported(), long + "3": reported()}, START)
        assert len(await inbox.waiting(connection)) == 3


async def test_texts_that_a_database_may_stumble_over_come_back_as_they_were(office: Any):
    hostile = "Kassen hängen “& co” 你好 🔥 مرحبا '; DROP TABLE triage_case; --"
    claim = replace(reported().claim, words=hostile, reported_by="Zoë O’Brien")
    await inbox.enqueue(office.database, "claim:1", ClaimReported(claim=claim, open_ticket=True), START)
    await office.work()
    async with office.database.reading() as connection:
        (case,) = await repository.cases(connection)
        assert await repository.ended_by_site(connection, START - timedelta(days=1)) == {}
    assert case.claim == claim


async def test_two_claims_about_one_site_are_one_case_and_one_ticket(office: Any):
    await lossy(office)
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    await inbox.enqueue(office.database, "claim:2", reported(), START)
    await office.work()
    async with office.database.reading() as connection:
        (case,) = await repository.cases(connection)
    assert case.claims == 2
    assert len(await office.tickets.list()) == 1


async def test_a_trouble_that_nobody_reported_becomes_a_ticket_after_quarantine(office: Any):
    await lossy(office)
    await office.minute()
    async with office.database.reading() as connection:
        (case,) = await repository.cases(connection)
    assert case.status is CaseStatus.SUSPECTED
    assert await office.tickets.list() == []
    office.clock.move_to(START + timedelta(minutes=3))
    await office.minute()
    async with office.database.reading() as connection:
        (case,) = await repository.cases(connection)
    assert case.status is CaseStatus.OPEN
    assert [ticket.id for ticket in await office.tickets.list()] == ["T-1"]


async def test_a_trouble_is_known_from_its_verdict_on_until_the_case_is_over(office: Any):
    """Loss from 11:20 on; a person ends the case at 12:05."""
    await lossy(office)
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    await office.work()
    known = troubles.read_from(office.database)
    day = (START - timedelta(days=1), START + timedelta(days=1))
    onset, later = START - timedelta(minutes=40), START + timedelta(minutes=5)
    assert await known(["wan1", "lte"], *day) == {"wan1": [(epoch_ms(onset), epoch_ms(day[1]))]}
    office.clock.move_to(later)
    await inbox.enqueue(
        office.database, "person:1", PersonActed(who="Kim Lee", does=PersonAct.RESOLVE, target="C-1"), later
    )
    await office.work()
    assert await known(["wan1", "lte"], *day) == {"wan1": [(epoch_ms(onset), epoch_ms(later))]}
    assert await known(["wan1"], day[0], START) == {"wan1": [(epoch_ms(onset), epoch_ms(START))]}  # as was known then
    assert await known(["wan1"], day[0], onset) == {}
    assert await known(["wan1"], later, day[1]) == {}


async def test_a_quiet_minute_opens_nothing(office: Any):
    await office.measure("wan1", START - timedelta(minutes=40), 40, lost=0)
    await office.minute()
    async with office.database.reading() as connection:
        assert await repository.cases(connection) == []


async def test_work_lost_before_its_commit_is_done_again_with_the_same_result(office: Any):
    await lossy(office)
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    office.restart()
    office.clock.move_to(START + timedelta(minutes=2))
    await office.work()
    async with office.database.reading() as connection:
        (case,) = await repository.cases(connection)
    assert case.opened_at == START


async def test_a_ticket_created_just_before_a_crash_is_found_by_its_key(office: Any):
    await lossy(office)
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    await office.engine.work_off()
    made = await office.tickets.create(
        NewTicket(external_id="C-1:ticket", name="n", description="d", severity=None, client="acme", site="store-114")
    )
    async with office.database.writing() as connection:
        (row,) = await repository.outbox(connection)
        await repository.mark_outbox(connection, replace(row, status=OutboxStatus.TRYING))
    office.restart()
    await office.work()
    async with office.database.reading() as connection:
        (case,) = await repository.cases(connection)
    assert case.ticket == made
    assert len(await office.tickets.list()) == 1


async def test_a_ticket_system_that_is_away_delays_the_ticket_and_nothing_else(office: Any):
    class Away(BuiltinTickets):
        async def create(self, new: NewTicket) -> str:
            raise TicketError("the ticket system does not answer; it is tried again", retryable=True)

    await lossy(office)
    tickets, office.tickets = office.tickets, Away(office.database, office.clock)
    office.restart()
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    await office.work()
    async with office.database.reading() as connection:
        (row,) = await repository.outbox(connection)
    assert (row.status, row.attempts) == (OutboxStatus.PENDING, 1)
    assert timedelta(seconds=3.75) <= row.next_at - START <= timedelta(seconds=5)
    office.tickets = tickets
    office.restart()
    office.clock.move_to(START + timedelta(seconds=6))
    await office.work()
    assert len(await tickets.list()) == 1


async def test_a_reroute_is_proposed_approved_and_shown_as_what_would_be_sent(office: Any):
    await lossy(office)
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    await office.work()
    for number, act in enumerate((PersonAct.APPROVE, PersonAct.APPLY)):
        acted = PersonActed(who="Kim Lee", does=act, target="P-1")
        await inbox.enqueue(office.database, f"person:{number}", acted, START)
        await office.work()
    async with office.database.reading() as connection:
        proposal = await repository.proposal_by_id(connection, "P-1")
        done = await repository.outbox(connection, statuses=(OutboxStatus.DONE,))
    assert (proposal.status, proposal.decided_by) == (ProposalStatus.APPLIED, "Kim Lee")
    assert "DRY RUN, nothing was sent" in proposal.result
    assert EffectKind.APPLY_REROUTE in {row.effect.kind for row in done}


async def test_a_claim_about_another_clients_site_is_refused(office: Any):
    other = ClaimReported(
        claim=Claim(site="store-114", client="globex", since=START, reported_at=START), open_ticket=True
    )
    seq = await inbox.enqueue(office.database, "claim:1", other, START)
    await office.work()
    async with office.database.reading() as connection:
        assert await repository.cases(connection) == []
        (decision,) = await repository.decisions_on(connection, seq)
    assert decision.reason == "claim_refused"


async def test_an_input_that_cannot_be_decided_is_set_aside_and_blocks_no_other(office: Any):
    await lossy(office)
    lost = PersonActed(who="Kim Lee", does=PersonAct.APPROVE, target="P-99")
    seq = await inbox.enqueue(office.database, "person:1", lost, START)
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    await office.work()
    async with office.database.reading() as connection:
        (decision,) = await repository.decisions_on(connection, seq)
        (case,) = await repository.cases(connection)
    assert decision.reason == "input_failed"
    assert "P-99" in decision.detail
    assert case.ticket == "T-1"


async def test_a_look_that_changes_nothing_keeps_no_evidence(office: Any, tmp_path: Path):
    await office.measure("wan1", START - timedelta(minutes=40), 40, lost=0)
    await office.minute()
    assert list((tmp_path / "evidence").rglob("*.json")) == []


async def test_old_ticks_are_forgotten_and_claims_are_not(office: Any):
    await lossy(office)
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    await office.minute()
    async with office.database.writing() as connection:
        assert await inbox.forget_ticks(connection, START) == 0
        assert await inbox.forget_ticks(connection, START + timedelta(seconds=1)) == 1
    assert await inbox.consumed(office.database, 1)


async def test_two_engines_started_by_mistake_decide_everything_once(office: Any, records: str | Path):
    """Neither asks for the lease: each decides whatever waits."""
    await lossy(office)
    for key in ("claim:1", "claim:2", "claim:3"):
        await inbox.enqueue(office.database, key, reported(), START)
    other = Database(records)
    second = Engine(other, office.judging, office.evidence, office.clock)
    for minute in range(3):
        office.clock.move_to(START + timedelta(minutes=minute))
        await asyncio.gather(office.engine.tick(), second.tick())
        await asyncio.gather(office.engine.fire_timers(), second.fire_timers())
        await asyncio.gather(office.engine.work_off(), second.work_off(), second.work_off())
        await office.work()
    await other.close()
    async with office.database.reading() as connection:
        (case,) = await repository.cases(connection)
        told = await audit.story(connection, "C-1")
        verdicts = await repository.verdicts_of(connection, "C-1")
        checked = await audit.verify_chain(connection)
    assert (case.id, case.ticket, checked.ok) == ("C-1", "T-1", True)
    assert [one.entry.inbox_seq for one in told if one.entry.reason == "claim"] == [1, 2, 3], "each claim once"
    named = {one.entry.document["id"] for one in told if one.entry.kind is audit.Kind.VERDICT}
    assert {verdict.id for verdict in verdicts} == named


async def test_a_verdict_has_the_number_that_the_trail_names_also_after_one_that_was_rolled_back(office: Any):
    await lossy(office)
    of_before = Case(
        id="C-1", client="acme", site="store-114", status=CaseStatus.OPEN, origins=(Origin.CLIENT,), title="slow",
        cause=Cause.LOSS, scope=Scope.LINK, severity=None, link="wan1", onset=START, opened_at=START, updated_at=START,
    )  # fmt: skip
    row = bulk.verdict_row("C-1", 1, START, "a" * 64, {"id": "V-1"})

    async def broken() -> None:
        async with office.database.writing() as connection:
            await repository.save_case(connection, of_before)
            await bulk.save_verdicts(connection, [row])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    await inbox.enqueue(office.database, "claim:1", reported(), START)
    await office.work()
    async with office.database.reading() as connection:
        (verdict,) = await repository.verdicts_of(connection, "C-1")
        told = await audit.story(connection, "C-1")
    assert [one.entry.document["id"] for one in told if one.entry.kind is audit.Kind.VERDICT] == [verdict.id] == ["V-1"]


async def test_only_one_engine_holds_the_lease(office: Any):
    first, second = Lease(office.database, office.clock), Lease(office.database, office.clock)
    assert await first.hold()
    assert not await second.hold()
    assert await first.hold()
    office.clock.move_to(START + timedelta(seconds=16))
    assert await second.hold()
    assert not await first.hold()
    await second.release()
    assert await first.hold()
