"""What TMF621 servers do that the contract does not ask of every system: their faults, races, pages and log-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import published_tmf621
import pytest
from contract_values import BINARY, new, ours, theirs, told
from stub_server import serving
from stub_tmf621 import TOKEN, TroubleTickets
from tmf621_people import TroubleTicketPerson

from config.clock import SystemClock
from triage.tickets.port import TicketError, TicketStatus, TicketUpdate
from triage.tickets.tmf621.adapter import Tmf621Tickets
from triage.tickets.tmf621.settings import Tmf621Settings

pytestmark = pytest.mark.rim


@asynccontextmanager
async def at(version: int, **changes: object) -> AsyncIterator[tuple[Tmf621Tickets, TroubleTickets]]:
    server = TroubleTickets(version)
    async with serving(server.application()) as url:
        given = {"url": f"{url}/tmf-api/troubleTicket/v{version}", "version": version, "token": TOKEN}
        tickets = Tmf621Tickets(Tmf621Settings.model_validate({**given, **changes}), SystemClock())
        try:
            yield tickets, server
        finally:
            await tickets.close()


@pytest.fixture(params=[4, 5])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_the_published_descriptions_tell_right_from_wrong(version: int) -> None:
    if not published_tmf621.is_there(version):
        pytest.skip(f"no published description of TMF621 version {version} beside the project: requests and answers "
                    "are held against the stub's own rules only")  # fmt: skip
    sound = {"@type": "TroubleTicket", "description": "down", "severity": "Major", "ticketType": "outage"}
    assert published_tmf621.faults(version, "create", sound) == []
    assert published_tmf621.faults(version, "create", {**sound, "note": "no list"})
    assert published_tmf621.faults(version, "ticket", {**sound, "status": "working on it"})
    file = {"@type": "Attachment", "mimeType": "application/pdf"}
    assert bool(published_tmf621.faults(version, "create", {**sound, "attachment": [file]})) == (version == 5)


async def test_a_change_that_was_answered_with_200_and_not_made_is_an_error(version: int) -> None:
    async with at(version) as (tickets, server):
        ticket = await tickets.create(new())
        server.habits.add("ignores_changes")
        with pytest.raises(TicketError, match=r"status is 'acknowledged' instead of 'resolved'"):
            await tickets.update(ticket, "C-7:resolve", TicketUpdate(status=TicketStatus.RESOLVED))
        with pytest.raises(TicketError, match="our note is not there"):
            await tickets.add_note(ticket, "C-7:note", "measured again")
        with pytest.raises(TicketError, match=r"evidence-C-7\.pdf"):
            await tickets.attach(ticket, BINARY)


async def test_a_key_is_found_on_the_last_page_of_a_server_that_filters_nothing(version: int) -> None:
    async with at(version) as (tickets, server):
        opened = [await tickets.create(new(f"C-{number}:ticket")) for number in range(7)]
        server.habits |= {"ignores_filters"}
        assert await tickets.find("C-6:ticket") == opened[6]
        assert await tickets.find("C-60:ticket") is None


async def test_pages_end_where_no_total_is_told(version: int) -> None:
    async with at(version, page=2) as (tickets, server):
        for number in range(5):
            await tickets.create(new(f"C-{number}:ticket"))
        server.habits |= {"ignores_filters", "tells_no_total"}
        server.requests.clear()
        assert await tickets.find("C-60:ticket") is None
        assert len(server.requests) <= 4


async def test_a_server_that_drops_our_key_is_said_with_the_ticket_that_it_opened(version: int) -> None:
    async with at(version) as (tickets, server):
        server.habits.add("keeps_no_keys")
        with pytest.raises(TicketError, match="opened ticket 1 and does not find it by our key") as raised:
            await tickets.create(new())
        assert not raised.value.retryable


async def test_a_creation_accepted_for_later_is_found_and_not_made_again() -> None:
    async with at(5) as (tickets, server):
        server.habits.add("accepts_later")
        assert await tickets.create(new("C-7:ticket")) == await tickets.create(new("C-7:ticket"))
        assert len(server.tickets) == 1


async def test_of_two_opened_at_once_the_younger_is_cancelled(version: int) -> None:
    async with at(version) as (tickets, server):
        first = await tickets.create(new("C-7:ticket"))
        copy = {key: server.tickets[first][key] for key in server.tickets[first] if key not in ("id", "href")}
        second = server.keep(copy)["id"]
        settled = await tickets._settled("C-7:ticket", second)
        assert settled == first
        assert server.tickets[second]["status"] == "cancelled"
        assert server.tickets[first]["status"] == "acknowledged"


async def test_the_note_of_somebody_faster_is_not_lost(version: int) -> None:
    async with at(version) as (tickets, server):
        person = TroubleTicketPerson(server)
        ticket = await tickets.create(new())

        def written_meanwhile(text: str) -> None:
            kept = server.tickets[ticket]
            note = {"@type": "Note", "author": person.name, "date": "2026-11-22T10:00:00Z", "text": text}
            server.replace(kept, {**kept, "note": [*kept.get("note", []), note]})

        for number in range(3):
            server.on_patch.append(lambda number=number: written_meanwhile(f"seen {number}"))
            try:
                await tickets.add_note(ticket, f"C-7:note:{number}", f"look {number}")
            except TicketError as error:
                assert error.retryable  # noqa: PT017 - whether it is refused is the server's way
                await tickets.add_note(ticket, f"C-7:note:{number}", f"look {number}")
        shown = await tickets.show(ticket)
        assert told(theirs(shown)) == ["seen 0", "seen 1", "seen 2"]
        assert told(ours(shown)) == ["look 0", "look 1", "look 2"]


async def test_a_server_without_json_patch_is_said_with_what_to_set() -> None:
    async with at(4, patch="json_patch") as (tickets, _):
        ticket = await tickets.create(new())
        with pytest.raises(TicketError, match="set `patch: merge`"):
            await tickets.add_note(ticket, "C-7:note", "measured again")


async def test_a_file_whose_content_is_not_sent_back_counts_by_its_digest(version: int) -> None:
    async with at(version) as (tickets, server):
        ticket = await tickets.create(new())
        server.habits.add("hides_contents")
        await tickets.attach(ticket, BINARY)
        await tickets.attach(ticket, BINARY)
        assert len(server.tickets[ticket]["attachment"]) == 1


async def test_status_reason_and_history_go_both_ways(version: int) -> None:
    async with at(version) as (tickets, server):
        ticket = await tickets.create(new())
        resolve = TicketUpdate(status=TicketStatus.RESOLVED, text="no loss for 30 minutes")
        await tickets.update(ticket, "C-7:resolve", resolve)
        kept: dict[str, Any] = server.tickets[ticket]
        assert kept["statusChangeReason"] == "no loss for 30 minutes"
        history = kept["statusChange"] if version == 4 else kept["statusChangeHistory"]
        assert [change["status"] for change in history] == ["resolved"]
        del kept["resolutionDate"]
        moment = history[0]["changeDate" if version == 4 else "statusChangeDate"]
        resolved_at = (await tickets.show(ticket)).resolved_at
        assert resolved_at is not None
        assert resolved_at.isoformat(timespec="milliseconds") == moment.replace("Z", "+00:00")


async def test_site_circuit_and_client_are_told_as_related() -> None:
    async with at(5) as (tickets, server):
        ticket = await tickets.create(new("C-7:ticket", service_number="SN-9", client_reference="PO-3"))
        kept = server.tickets[ticket]
        about = {one["role"]: one["entity"]["id"] for one in kept["relatedEntity"]}
        assert about == {"site": "store-114", "circuit": "CKT-114/1", "service": "SN-9"}
        assert [one["partyOrPartyRole"]["id"] for one in kept["relatedParty"] if one["role"] == "customer"] == ["acme"]
        assert [one["id"] for one in kept["externalIdentifier"]] == ["C-7:ticket", "PO-3"]
        shown = await tickets.show(ticket)
        assert (shown.client, shown.site) == ("acme", "store-114")


async def test_the_carriers_ticket_goes_along(version: int) -> None:
    async with at(version) as (tickets, server):
        parent = await tickets.create(new("P-1:ticket"))
        ticket = await tickets.create(new(parent=parent))
        kept = server.tickets[ticket]
        (related,) = kept["troubleTicketRelationship"]
        assert (related["id"], related["relationshipType"]) == (parent, "isPartOf")
        assert server.violations == []


async def test_a_token_that_ran_out_is_renewed_and_the_call_repeated() -> None:
    from stub_tmf621 import CLIENT, SECRET

    server = TroubleTickets(5)
    async with serving(server.application()) as url:
        given = {"url": f"{url}/tmf-api/troubleTicket/v5", "token_url": f"{url}/token", "client_id": CLIENT,
                 "client_secret": SECRET}  # fmt: skip
        tickets = Tmf621Tickets(Tmf621Settings.model_validate(given), SystemClock())
        ticket = await tickets.create(new())
        server.revoke_tokens()
        await tickets.add_note(ticket, "C-7:note", "measured again")
        assert told(ours(await tickets.show(ticket))) == ["measured again"]
        await tickets.close()
