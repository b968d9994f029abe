"""A carrier's trouble at many sites, from samples to tickets: one parent case, children whose tickets wait for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock, epoch_ms
from config.database import Database
from inventory.model import Access, Client, Inventory, Link, Site
from triage import inbox, repository
from triage.actuator.dryrun import DryRun
from triage.cases import Case, CaseStatus, ClaimReported, PersonAct, PersonActed, Reason
from triage.engine import Engine
from triage.evidence import EvidenceFile, EvidencePack
from triage.evidence_folder import EvidenceFolder
from triage.judging import Judging
from triage.model import Cause, Claim, Scope
from triage.performer import Performer
from triage.policy_files import load_policy
from triage.tickets.builtin import BuiltinTickets
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
CADENCES = {Source.PROBE: Cadence(every=300, late=60)}
PARENT = "carrier:Example Fiber@east"


class PackOnly:
    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        return (EvidenceFile(f"evidence-{case}.json", "application/json", pack.content),)


class Office:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(START)
        self.database = Database(folder / "records.db")
        self.store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "parts", 95)
        self.evidence = EvidenceFolder(folder / "evidence")
        self.tickets = BuiltinTickets(self.database, self.clock)
        self.decided: list[tuple[str, Reason]] = []
        self.engine = Engine(
            self.database, self.judging, self.evidence, self.clock,
            observer=lambda _row, site, decision: self.decided.append((site, decision.reason)),
        )  # fmt: skip
        self.performer = Performer(
            self.database, self.clock, self.tickets, PackOnly(), DryRun(), self.evidence, self.inventory
        )

    async def judging(self) -> Judging:
        return Judging(self.store, INVENTORY, CADENCES, load_policy())

    async def inventory(self) -> Inventory:
        return INVENTORY

    async def measure(self, sites: list[str], start: datetime, minutes: int, lost: int) -> None:
        """Twenty packets every five minutes, `lost` of them lost, 20 ms there and back."""
        time = np.arange(epoch_ms(start), epoch_ms(start) + minutes * 60_000, 300_000, dtype=np.int64)
        count = len(time) * len(sites)
        await self.store.write(
            SampleBatch(
                source=Source.PROBE,
                links=[f"{site}-wan" for site in sites for _ in time],
                time=np.tile(time, len(sites)),
                seconds=np.full(count, 300, dtype=np.int32),
                received_at=np.tile(time + 300_000, len(sites)),
                fields={
                    "rtt_ms": np.full(count, 20.0) + np.arange(count) % 3,
                    "jitter_ms": np.full(count, 1.0),
                    "loss_pct": np.full(count, 5.0 * lost),
                    "sent": np.full(count, 20.0),
                    "lost": np.full(count, float(lost)),
                },
            )
        )

    async def minutes(self, first: int, last: int) -> None:
        """The minutes from `first` to `last` after the start, each with its sweep and all that follows."""
        for minute in range(first, last + 1):
            self.clock.move_to(START + timedelta(minutes=minute))
            await self.engine.fire_timers()
            await self.engine.tick()
            while await self.engine.work_off() + await self.performer.perform_due():
                continue

    async def claim(self, site: str, key: str, *, open_ticket: bool) -> None:
        now = self.clock.now()
        said = Claim(site=site, client=site.split("-")[0], since=START - timedelta(minutes=30), reported_at=now)
        await inbox.enqueue(self.database, key, ClaimReported(claim=said, open_ticket=open_ticket), now)
        while await self.engine.work_off() + await self.performer.perform_due():
            continue

    async def cases(self, **about: object) -> list[Case]:
        async with self.database.reading() as connection:
            return await repository.cases(connection, **about)  # type: ignore[arg-type]

    async def parent(self) -> Case:
        (parent,) = await self.cases(site=PARENT)
        return parent

    async def every_ticket(self) -> list[Ticket]:
        return [await self.tickets.show(ticket.id) for ticket in await self.tickets.list()]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Three ordinary days; for the last 40 minutes every site in the east loses a quarter of its packets."""
    office = Office(tmp_path)
    await office.database.create_all()
    await office.measure(SITES, START - timedelta(days=3), 3 * 1440 - 40, lost=0)
    await office.measure(STRUCK, START - timedelta(minutes=40), 40, lost=5)
    await office.measure(["acme-3"], START - timedelta(minutes=40), 40, lost=0)
    yield office
    await office.store.close()
    await office.database.close()


async def test_a_carriers_trouble_is_one_case_and_one_ticket(office: Office):
    await office.minutes(0, 4)
    parent = await office.parent()
    assert (parent.client, parent.status, parent.sites) == ("", CaseStatus.OPEN, 6)
    assert (parent.cause, parent.scope) == (Cause.LOSS, Scope.CARRIER)
    assert parent.onset is not None
    assert abs(parent.onset - (START - timedelta(minutes=40))) <= timedelta(minutes=5)
    children = await office.cases(parent=parent.id)
    assert {case.site for case in children} == set(STRUCK)
    assert {case.status for case in children} == {CaseStatus.OPEN}
    (ticket,) = await office.every_ticket()
    assert (ticket.id, ticket.site) == (parent.ticket, PARENT)
    assert {site for site, reason in office.decided if reason is Reason.CARRIER_PARENT} == set(STRUCK)


async def test_nobody_reads_of_another_client(office: Office):
    await office.minutes(0, 4)
    await office.claim("globex-1", "claim:1", open_ticket=True)
    (child,) = await office.cases(site="globex-1")
    assert child.ticket is not None
    shown = await office.tickets.show(child.ticket)
    pack = office.evidence.get(str(child.evidence_sha256)).content.decode()
    texts = [shown.name, shown.description, *(note.text for note in shown.notes), child.title, pack]
    assert any("5 of 5 other sites of the carrier in this market" in text for text in texts)
    strangers = [name for name in (*SITES, "acme", "initech") if not name.startswith("globex")]
    for text in texts:
        assert not [name for name in strangers if name in text.lower()]
    parent = await office.parent()
    (ticket,) = [one for one in await office.every_ticket() if one.site == PARENT]
    for text in (parent.title, ticket.name, ticket.description):
        assert not [name for name in (*SITES, *CLIENTS) if name in text.lower()]


async def test_a_client_at_a_child_gets_a_verdict_and_a_ticket_only_if_someone_asks(office: Office):
    await office.minutes(0, 4)
    await office.claim("acme-1", "claim:1", open_ticket=False)
    (child,) = await office.cases(site="acme-1")
    assert (child.claims, child.ticket) == (1, None)
    assert len(await office.tickets.list()) == 1
    await office.claim("acme-1", "claim:2", open_ticket=True)
    (child,) = await office.cases(site="acme-1")
    assert child.ticket is not None


async def test_the_parent_ends_when_its_children_are_well_and_the_one_that_is_not_stands_alone(office: Office):
    await office.minutes(0, 4)
    well = [site for site in SITES if site != "initech-2"]
    await office.measure(well, START, 60, lost=0)
    await office.measure(["initech-2"], START, 60, lost=5)
    await office.minutes(35, 60)
    assert (await office.parent()).status is CaseStatus.RESOLVED
    (left,) = await office.cases(site="initech-2")
    assert (left.status, left.parent) == (CaseStatus.OPEN, None)
    assert left.ticket is not None
    others = [case for site in STRUCK[:-1] for case in await office.cases(site=site)]
    assert {case.status for case in others} == {CaseStatus.RESOLVED}
    assert len(await office.tickets.list()) == 2


async def test_a_parent_that_a_person_resolves_leaves_no_orphans(office: Office):
    await office.minutes(0, 4)
    parent = await office.parent()
    acted = PersonActed(who="Kim Lee", does=PersonAct.RESOLVE, target=parent.id)
    await inbox.enqueue(office.database, "person:1", acted, office.clock.now())
    await office.engine.work_off()
    assert (await office.parent()).status is CaseStatus.RESOLVED
    assert {case.parent for case in await office.cases(only_open=True)} == {None}
