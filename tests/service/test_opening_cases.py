"""A case that a person opens: typed on a command line or a page, decided by the engine, with its ticket."""

from __future__ import annotations

from typing import Any

import pytest

from config.errors import LineproofError, NotFoundError
from service.carrier_told import read_told
from service.case_acts import open_case, read_opening
from service.installation import Installation
from service.submitting import settle, submit, wait_for_ticket
from service.times import UsageError
from triage import repository
from triage.cases import Origin
from triage.ticket_records import known_tickets
from triage.tickets.port import NewTicket

pytestmark = pytest.mark.rim


async def test_a_case_is_opened_joined_and_linked_to_the_ticket_that_somebody_opened(installation: Installation):
    acted = await read_opening(installation, "store-114", "Kim", "the shop called", ticket=True)
    case = await open_case(installation, acted)
    assert (case.origins, case.evidence_sha256 is not None) == ((Origin.PERSON,), True)
    assert await wait_for_ticket(installation, case.id) is not None
    again = await open_case(installation, await read_opening(installation, "store-114", "Bo", "phones too"))
    assert again.id == case.id
    taken = await read_opening(installation, "store-114", "Bo", "mine", existing_ticket=str(again.ticket))
    with pytest.raises(LineproofError, match="is the ticket of C-1"):
        await open_case(installation, taken)


async def test_a_ticket_that_a_person_opened_is_the_cases_own(installation: Installation):
    theirs = NewTicket(
        external_id="", name="shop offline", description="", severity=None, client="acme", site="store-114"
    )  # fmt: skip
    ticket = await installation.tickets.create(theirs)
    acted = await read_opening(installation, "store-114", "Kim", "shop offline", ticket=True, existing_ticket=ticket)
    case = await open_case(installation, acted)
    await settle(installation)
    shown = await installation.tickets.show(ticket)
    assert case.ticket == ticket
    assert "Kim opened it: shop offline" in shown.notes[0].text
    assert shown.attachments
    async with installation.database.reading() as connection:
        assert [one.case for one in await known_tickets(connection, "builtin", [ticket])] == [case.id]
    assert len(await installation.tickets.list()) == 1


async def test_a_carriers_outage_at_a_site_is_told_by_a_person_too(installation: Installation):
    site = (await installation.inventory()).sites["store-114"]
    told = read_told(None, site, installation.clock.now(), "Kim", number="MER-9", carrier="Meridian")
    await submit(installation, "carrier:1", told)
    async with installation.database.reading() as connection:
        case = await repository.open_case(connection, site.client, site.id)
    assert case is not None
    assert (case.origins, [one.number for one in case.carrier_tickets]) == ((Origin.CARRIER,), ["MER-9"])


async def test_what_cannot_be_opened_says_what_to_do(installation: Installation):
    with pytest.raises(UsageError, match="give both"):
        await read_opening(installation, "store-114", "", "the shop called")
    with pytest.raises(UsageError, match="critical, major, minor"):
        await read_opening(installation, "store-114", "Kim", "the shop called", severity="bad")
    with pytest.raises(NotFoundError):
        await read_opening(installation, "store-114", "Kim", "the shop called", existing_ticket="T-900")
    with pytest.raises(LineproofError, match="no site 'nowhere'"):
        await open_case(installation, await read_opening(installation, "nowhere", "Kim", "the shop called"))


async def test_the_page_of_a_site_opens_a_case_once(desk: Any):
    _, page = await desk.get("/sites/store-114")
    assert 'action="/sites/store-114/cases"' in page
    said = {
        "who": "Kim",
        "title": "the shop called",
        "severity": "minor",
        "link": "",
        "ticket": "1",
        "key": "person:00112233445566ff",
    }
    status, where = await desk.post("/sites/store-114/cases", **said)
    assert (status, await desk.post("/sites/store-114/cases", **said)) == (303, (303, where))
    await desk.work()
    _, page = await desk.get("/cases/C-1")
    assert "opened by a person" in page
    assert "the shop called" in page
    assert "Add what you know to C-1" in (await desk.get("/sites/store-114"))[1]
