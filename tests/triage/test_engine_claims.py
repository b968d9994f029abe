"""What becomes of a client's claim in the engine: asked back, joined, judged again, or answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.model import Cadence, Source
from inventory.model import Access, Client, Inventory, Link, LinkRole, Site
from triage import repository
from triage.cases import CaseStatus
from triage.model import Claim, Symptom

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
INVENTORY = Inventory.of(
    clients=[Client(id="acme", name="Acme"), Client(id="globex", name="Globex")],
    sites=[Site(id="store-114", client="acme"), Site(id="clinic-1", client="globex")],
    links=[
        Link(id="wan1", site="store-114", access=Access.DIA, carrier="Fiber", committed_down_bps=1e8,
             committed_up_bps=1e8),
        Link(id="lte", site="store-114", access=Access.LTE, role=LinkRole.SECONDARY, carrier="Cell", metered=True),
    ],
)  # fmt: skip


@pytest.fixture
async def office(office_of: Any) -> Any:
    """Three ordinary days of both lines, until two hours before noon."""
    office = office_of(INVENTORY, {Source.PROBE: Cadence(every=300, late=1200)})
    await office.database.create_all()
    await office.measure(["wan1", "lte"], NOON - timedelta(days=3), 3 * 1440 - 120, lost=0)
    return office


def said(minutes_ago: float, **changes: Any) -> Claim:
    about = {"site": "store-114", "client": "acme", "reported_at": NOON} | changes
    return Claim(since=NOON - timedelta(minutes=minutes_ago), **about)


async def answered(office: Any, claim: Claim, **about: Any) -> dict[str, Any]:
    """The verdict on a claim, as recorded."""
    await office.report("claim:1", claim, **about)
    await office.work()
    (case,) = await office.cases()
    async with office.database.reading() as connection:
        (verdict,) = await repository.verdicts_of(connection, case.id)
    return dict(verdict.document)


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        (said(-1), "after now"),
        (said(7 * 1440 + 1), "more than 7 days ago"),
        (said(10, client="globex"), "globex has no site store-114"),
        (said(10, site="nowhere"), "acme has no site nowhere"),
    ],
)
async def test_a_claim_that_cannot_be_meant_is_asked_back(office: Any, claim: Claim, why: str):
    number = await office.report("claim:1", claim)
    await office.work()
    assert await office.cases() == []
    async with office.database.reading() as connection:
        (decision,) = await repository.decisions_on(connection, number)
    assert decision.reason == "claim_refused"
    assert why in decision.detail


async def test_a_claim_of_exactly_seven_days_ago_is_answered(office: Any):
    assert (await answered(office, said(7 * 1440)))["verdict"] == "inconclusive"


async def test_a_second_claim_before_the_ticket_is_open_leaves_its_note_there(office: Any):
    await office.measure(["wan1"], NOON - timedelta(minutes=120), 90, lost=0)
    await office.measure(["wan1"], NOON - timedelta(minutes=30), 30, lost=5)
    await office.report("claim:1", said(30))
    await office.report("claim:2", said(20, words="the till is slow"))
    await office.engine.work_off()
    for seconds in (0, 6):
        office.clock.move_to(NOON + timedelta(seconds=seconds))
        await office.work()
    (case,) = await office.cases()
    assert case.claims == 2
    (listed,) = await office.tickets.list()
    ticket = await office.tickets.show(listed.id)
    assert len([note for note in ticket.notes if "reported again" in note.text]) == 1
    assert len(ticket.attachments) == 2


async def test_a_claim_whose_samples_are_late_is_judged_again_when_they_should_be_there(office: Any):
    await office.measure(["wan1"], NOON - timedelta(minutes=120), 95, lost=0)
    first = await answered(office, said(20), open_ticket=False)
    # Of the last 25 minutes nothing has come, and the newest slot may take until 12:20.
    assert (first["verdict"], first["rejudge_at"]) == ("inconclusive", "2026-03-03T12:20:00Z")
    (case,) = await office.cases()
    assert case.status is CaseStatus.PENDING
    await office.measure(["wan1"], NOON - timedelta(minutes=25), 45, lost=5)
    office.clock.move_to(NOON + timedelta(minutes=19, seconds=59))
    await office.work()
    assert (await office.cases())[0].status is CaseStatus.PENDING
    office.clock.move_to(NOON + timedelta(minutes=20))
    await office.work()
    (case,) = await office.cases()
    assert case.status is CaseStatus.OPEN
    assert case.ticket is not None
    async with office.database.reading() as connection:
        verdicts = await repository.verdicts_of(connection, case.id)
    assert [verdict.document["verdict"] for verdict in verdicts] == ["confirmed", "inconclusive"]


async def test_a_fault_at_another_time_is_told_beside_the_answer(office: Any):
    """It lasted from 09:00 to 09:40; the client speaks of 11:30, and of 45 minutes around it at most."""
    await office.measure(["wan1"], NOON - timedelta(minutes=120), 120, lost=0)
    late = NOON - timedelta(minutes=180)
    await office.measure(["wan1"], late, 40, lost=5)
    verdict = await answered(office, said(30), open_ticket=False)
    assert (verdict["verdict"], verdict["cause"]) == ("not_substantiated", "none")
    assert {finding["cause"] for finding in verdict["side_findings"]} == {"loss"}


async def test_a_fault_on_a_standby_line_that_carries_nothing_confirms_no_slowness(office: Any):
    await office.measure(["wan1"], NOON - timedelta(minutes=120), 120, lost=0)
    await office.measure(["lte"], NOON - timedelta(minutes=120), 80, lost=0)
    await office.measure(["lte"], NOON - timedelta(minutes=40), 40, lost=6)
    verdict = await answered(office, said(30, symptom=Symptom.SLOW), open_ticket=False)
    assert verdict["verdict"] == "not_substantiated"
    assert {finding["link"] for finding in verdict["side_findings"]} == {"lte"}
