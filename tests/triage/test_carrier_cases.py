"""A carrier's trouble at many sites, from samples to tickets: one parent case, children whose tickets wait for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inventory.model import Access, Client, Inventory, Link, Site
from triage import inbox
from triage.carrier_pack import verify_carrier_pack
from triage.cases import Case, CaseStatus
from triage.inputs import PersonAct, PersonActed
from triage.model import Cause, Claim, Scope
from triage.reasons import Reason
from triage.tickets.port import Ticket

pytestmark = pytest.mark.rim

START = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
CLIENTS = ("acme", "globex", "initech")
STRUCK = [f"{client}-{number}" for client in CLIENTS for number in (1, 2)]
"""Two sites of each client, on one carrier in one market."""
SITES = [*STRUCK, "acme-3"]
INVENTORY = Inventory.of(
    clients=[Client(id=name, name=name.title()) for name in CLIENTS],
    sites=[
        Site(id=name, client=name.split("-")[0], name=f"Shop {name}", market="east" if name in STRUCK else "west")
        for name in SITES
    ],
    links=[
        Link(id=f"{name}-wan", site=name, access=Access.BROADBAND, carrier="Example Fiber", committed_down_bps=1e8,
             committed_up_bps=1e8)
        for name in SITES
    ],
)  # fmt: skip
PARENT = "carrier:Example Fiber@east"


@pytest.fixture
async def office(office_of: Any) -> Any:
    """Three ordinary days; for the last 40 minutes every site in the east loses a quarter of its packets."""
    office = office_of(INVENTORY)
    await office.database.create_all()
    await office.measure(lines(SITES), START - timedelta(days=3), 3 * 1440 - 40, lost=0)
    await office.measure(lines(STRUCK), START - timedelta(minutes=40), 40, lost=5)
    await office.measure("acme-3-wan", START - timedelta(minutes=40), 40, lost=0)
    return office


def lines(sites: list[str]) -> list[str]:
    return [f"{site}-wan" for site in sites]


async def parent_of(office: Any) -> Case:
    (parent,) = await office.cases(site=PARENT)
    return parent


async def claim(office: Any, site: str, key: str, *, open_ticket: bool) -> None:
    now = office.clock.now()
    said = Claim(site=site, client=site.split("-")[0], since=START - timedelta(minutes=30), reported_at=now)
    await office.report(key, said, open_ticket=open_ticket)
    await office.work()


async def every_ticket(office: Any) -> list[Ticket]:
    return [await office.tickets.show(ticket.id) for ticket in await office.tickets.list()]


async def test_a_carriers_trouble_is_one_case_and_one_ticket(office: Any):
    await office.minutes(0, 4)
    parent = await parent_of(office)
    assert (parent.client, parent.status, parent.sites) == ("", CaseStatus.OPEN, 6)
    assert (parent.cause, parent.scope) == (Cause.LOSS, Scope.CARRIER)
    assert parent.onset is not None
    assert abs(parent.onset - (START - timedelta(minutes=40))) <= timedelta(minutes=5)
    children = await office.cases(parent=parent.id)
    assert {case.site for case in children} == set(STRUCK)
    assert {case.status for case in children} == {CaseStatus.OPEN}
    (ticket,) = await every_ticket(office)
    assert (ticket.id, ticket.site) == (parent.ticket, PARENT)
    assert {site for site, decision in office.decided if decision.reason is Reason.CARRIER_PARENT} == set(STRUCK)


async def test_nobody_reads_of_another_client(office: Any):
    await office.minutes(0, 4)
    await claim(office, "globex-1", "claim:1", open_ticket=True)
    (child,) = await office.cases(site="globex-1")
    assert child.ticket is not None
    shown = await office.tickets.show(child.ticket)
    pack = office.evidence.get(str(child.evidence_sha256)).content.decode()
    texts = [shown.name, shown.description, *(note.text for note in shown.notes), child.title, pack]
    assert any("5 of 5 other sites of the carrier in this market" in text for text in texts)
    strangers = [name for name in (*SITES, "acme", "initech") if not name.startswith("globex")]
    for text in texts:
        assert not [name for name in strangers if name in text.lower()]
    parent = await parent_of(office)
    (ticket,) = [one for one in await every_ticket(office) if one.site == PARENT]
    pack = office.evidence.get(str(parent.evidence_sha256))
    assert [check for check in verify_carrier_pack(pack, pack.sha256, office.evidence.get) if not check.ok] == []
    assert [attached.sha256 for attached in ticket.attachments] == [pack.sha256]
    for text in (parent.title, ticket.name, ticket.description, pack.content.decode()):
        assert not [name for name in (*SITES, *CLIENTS) if name in text.lower()]


async def test_a_client_at_a_child_gets_a_verdict_and_a_ticket_only_if_someone_asks(office: Any):
    await office.minutes(0, 4)
    await claim(office, "acme-1", "claim:1", open_ticket=False)
    (child,) = await office.cases(site="acme-1")
    assert (child.claims, child.ticket) == (1, None)
    assert len(await office.tickets.list()) == 1
    await claim(office, "acme-1", "claim:2", open_ticket=True)
    (child,) = await office.cases(site="acme-1")
    assert child.ticket is not None


async def test_the_parent_ends_when_its_children_are_well_and_the_one_that_is_not_stands_alone(office: Any):
    await office.minutes(0, 4)
    well = [site for site in SITES if site != "initech-2"]
    await office.measure(lines(well), START, 60, lost=0)
    await office.measure("initech-2-wan", START, 60, lost=5)
    await office.minutes(35, 60)
    assert (await parent_of(office)).status is CaseStatus.RESOLVED
    (left,) = await office.cases(site="initech-2")
    assert (left.status, left.parent) == (CaseStatus.OPEN, None)
    assert left.ticket is not None
    others = [case for site in STRUCK[:-1] for case in await office.cases(site=site)]
    assert {case.status for case in others} == {CaseStatus.RESOLVED}
    assert len(await office.tickets.list()) == 2


async def test_its_ticket_gets_the_whole_of_it_at_the_end(office: Any):
    """What it was opened with, and all six sites with how they stand now."""
    await office.minutes(0, 4)
    opened = (await parent_of(office)).evidence_sha256
    await office.measure(lines(SITES), START, 60, lost=0)
    await office.minutes(35, 60)
    parent = await parent_of(office)
    pack = office.evidence.get(str(parent.evidence_sha256))
    document = pack.document()
    assert (document["status"], len(document["children"])) == ("resolved", 6)
    assert {child["status"] for child in document["children"]} <= {"resolved", "monitoring"}
    assert [check for check in verify_carrier_pack(pack, pack.sha256, office.evidence.get) if not check.ok] == []
    (ticket,) = await every_ticket(office)
    assert [attached.sha256 for attached in ticket.attachments] == [opened, pack.sha256]


async def test_a_parent_that_a_person_resolves_leaves_no_orphans(office: Any):
    await office.minutes(0, 4)
    parent = await parent_of(office)
    acted = PersonActed(who="Kim Lee", does=PersonAct.RESOLVE, target=parent.id)
    await inbox.enqueue(office.database, "person:1", acted, office.clock.now())
    await office.engine.work_off()
    assert (await parent_of(office)).status is CaseStatus.RESOLVED
    assert {case.parent for case in await office.cases(only_open=True)} == {None}
