"""The life of a case on a real records database, with restarts: whatever happens, one open case, one ticket, and no
act of ours that comes back as a person's."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from collector.model import Fact, FactKind, Source
from inventory.model import Access, Client, Inventory, Link, Site
from triage import inbox, repository, tables
from triage.acts import FITS
from triage.cases import CaseStatus, EffectKind, TimerKind
from triage.inputs import PersonAct, PersonActed
from triage.model import Claim
from triage.reasons import Reason
from triage.ticket_watch import TicketWatch
from triage.tickets.port import TicketStatus, TicketUpdate

pytestmark = [pytest.mark.rim, pytest.mark.slow]

SITES = 60
INVENTORY = Inventory.of(
    clients=[Client(id="acme", name="Acme")],
    sites=[Site(id=f"s{number}", client="acme", name=f"S {number}") for number in range(SITES)],
    links=[
        Link(id=f"w{number}", site=f"s{number}", access=Access.BROADBAND, carrier=f"Carrier {number}")
        for number in range(SITES)
    ],
)
ACTS = [act for act in PersonAct if act in FITS]

steps = st.one_of(
    st.tuples(st.just("line"), st.sampled_from(["disconnected", "stable"])),
    st.tuples(st.just("minutes"), st.sampled_from([1, 3, 6])),
    st.tuples(st.just("claim"), st.booleans()),
    st.tuples(st.just("person"), st.sampled_from(ACTS), st.sampled_from(["client", "field"])),
    st.tuples(st.just("technician"), st.sampled_from(TicketStatus)),
    st.tuples(st.just("look")),
    st.tuples(st.just("restart")),
)


@pytest.fixture
async def office(office_of: Any) -> Any:
    made = office_of(INVENTORY)
    await made.database.create_all()
    return made


numbers = count()


class Site1:
    """One example's site in the office, and what was done to it."""

    def __init__(self, office: Any, number: int) -> None:
        self.office, self.site, self.line = office, f"s{number}", f"w{number}"
        self.keys = count()
        self.told: list[TicketStatus] = []

    async def put(self, happened: Any) -> None:
        key = f"{self.site}:{next(self.keys)}"
        await inbox.enqueue(self.office.database, key, happened, self.office.clock.now())
        await self.office.work()

    async def take(self, step: tuple[Any, ...]) -> None:
        office, now = self.office, self.office.clock.now()
        cases = await office.cases(site=self.site)
        match step:
            case ("line", value):
                fact = Fact(
                    source=Source.ORCHESTRATOR, subject=self.line, kind=FactKind.LINK_STATE, time=now, received_at=now,
                    value=value,
                )  # fmt: skip
                await office.store.write_facts([fact])
            case ("minutes", minutes):
                for _ in range(minutes):
                    office.clock.move_to(office.clock.now() + timedelta(minutes=1))
                    await office.minute()
            case ("claim", wanted):
                said = Claim(site=self.site, client="acme", since=now - timedelta(minutes=5), reported_at=now)
                await office.report(f"{self.site}:{next(self.keys)}", said, open_ticket=wanted)
                await office.work()
            case ("person", act, value) if cases:
                await self.put(PersonActed(who="Kim", does=act, target=cases[0].id, value=value, note="said"))
            case ("technician", status) if cases and cases[0].ticket:
                await TicketWatch(office.database, office.clock, office.tickets).look()
                office.clock.move_to(now + timedelta(seconds=1))
                key, update = f"{self.site}:{next(self.keys)}", TicketUpdate(status=status)
                await office.tickets.update_by("Robin", cases[0].ticket, key, update)
                self.told.append(status)
                await TicketWatch(office.database, office.clock, office.tickets).look()
                await office.work()
            case ("look",):
                await TicketWatch(office.database, office.clock, office.tickets).look()
                await office.work()
            case ("restart",):
                office.restart()

    async def check(self) -> None:
        cases = await self.office.cases(site=self.site)
        assert sum(case.status.is_open for case in cases) <= 1
        by_id = {case.id: case for case in cases}
        async with self.office.database.reading() as connection:
            timers = await repository.due_timers(connection, self.office.clock.now() + timedelta(days=30))
            effects = [row.effect for row in await repository.outbox(connection, limit=100_000)]
            tickets = list(await connection.execute(select(tables.ticket).where(tables.ticket.c.site == self.site)))
            inputs = await connection.scalars(select(tables.inbox.c.document).where(tables.inbox.c.kind == "ticket"))
            changed = [one for one in inputs if one["case"] in by_id]
        opening = [one for one in effects if one.kind is EffectKind.OPEN_TICKET and one.case in by_id]
        assert len(opening) == len({one.case for one in opening}) == len(tickets)
        for due, _ in timers:
            if due.case in by_id:
                status = by_id[due.case].status
                assert status.is_open or (status is CaseStatus.RESOLVED and due.kind is TimerKind.CLOSE)
        assert all(one["by"] != "lineproof" for one in changed)
        assert len(changed) <= len(self.told), "something of our own was taken for a person's"


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(story=st.lists(steps, min_size=6, max_size=14))
async def test_whatever_happens_a_site_has_one_open_case_and_a_case_one_ticket(office: Any, story: list[tuple]):
    site = Site1(office, next(numbers) % SITES)
    office.decided.clear()
    await site.take(("line", "disconnected"))
    await site.take(("minutes", 6))
    for step in story:
        await site.take(step)
        await site.check()
    assert all(decision.reason is not Reason.INPUT_FAILED for _, decision in office.decided)
