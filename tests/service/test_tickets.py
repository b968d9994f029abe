"""Tickets for people, whichever system has them, and while that is away."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from config.errors import NotFoundError
from service.cli.ticket_wording import ticket_lines
from service.documents import seen_ticket_document
from service.installation import Installation
from service.ticket_probe import desks, ticket_faults
from service.tickets import known_tickets, saved_file, seen_ticket
from triage.policy_files import load_policy
from triage.tickets.tmf621.adapter import Tmf621Tickets
from triage.tickets.tmf621.settings import Tmf621Settings

pytestmark = pytest.mark.rim


@pytest.fixture
async def ticket(desk: Any) -> str:
    """The ticket of a claim about store-114."""
    await desk.post("/sites/store-114/claims", symptom="slow", since="18:30", open_ticket="yes")
    await desk.work()
    return "T-1"


@pytest.fixture
async def away(installation: Installation) -> AsyncIterator[None]:
    """From now on the ticket system is one that nobody can connect to."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/troubleTicket/v5"
        settings = Tmf621Settings.model_validate({"url": url, "token": "a-token"})
        installation.tickets = Tmf621Tickets(settings, installation.clock)
        yield
        await installation.tickets.close()


async def test_the_list_is_of_our_own_records(installation: Installation, ticket: str, away: None) -> None:
    async with installation.database.reading() as connection:
        (known,) = await known_tickets(connection, installation.tickets.name)
    assert (known.ticket, known.case, known.client, known.site) == (ticket, "C-1", "acme", "store-114")


async def test_a_ticket_whose_system_is_away_shows_what_we_know_and_says_so(
    installation: Installation, ticket: str, away: None
) -> None:
    seen = await seen_ticket(installation, ticket)
    assert seen.ticket is None
    assert "cannot be reached" in seen.problem
    lines = list(ticket_lines(seen))
    assert lines[0].startswith(f"{ticket}  never looked at")
    assert "case C-1" in lines[0]
    assert "this is what we know; 127.0.0.1" in lines[-1]
    document = await seen_ticket_document(installation, seen)
    assert (document["id"], document["case"]) == (ticket, "C-1")
    assert "cannot be reached" in document["problem"]


async def test_the_desk_shows_the_same(desk: Any, ticket: str, away: None) -> None:
    status, page = await desk.get("/tickets")
    assert status == 200
    assert ticket in page
    status, page = await desk.get(f"/tickets/{ticket}")
    assert status == 200
    assert "cannot be reached" in page
    assert 'href="/cases/C-1"' in page
    status, page = await desk.get("/cases/C-1")
    assert status == 200
    assert f'href="/tickets/{ticket}"' in page


async def test_a_ticket_that_is_there_is_shown_in_full(installation: Installation, ticket: str) -> None:
    seen = await seen_ticket(installation, ticket)
    assert seen.problem == ""
    document = await seen_ticket_document(installation, seen)
    assert (document["status"], document["known"]["case"]) == ("acknowledged", "C-1")
    assert document["tmf621"]["@type"] == "TroubleTicket"
    assert document["tmf621"]["externalIdentifier"][0]["id"] == document["external_id"]
    file = await saved_file(installation, ticket, document["attachments"][0]["name"])
    assert len(file.content) == document["attachments"][0]["size"]


async def test_a_ticket_that_nobody_knows_is_not_found(installation: Installation) -> None:
    with pytest.raises(NotFoundError, match="no ticket T-9"):
        await seen_ticket(installation, "T-9")


async def test_check_says_whether_the_ticket_system_can_be_reached(installation: Installation) -> None:
    assert await ticket_faults(installation.tickets, load_policy()) == []


async def test_check_says_that_it_cannot(installation: Installation, away: None) -> None:
    (fault,) = await ticket_faults(installation.tickets, load_policy())
    assert fault.startswith("ticket system tmf621: 127.0.0.1")
    assert "cannot be reached" in fault


def test_the_desks_that_are_checked_are_the_policys() -> None:
    assert desks(load_policy()) == {"noc", "carrier", "wireless-repair"}
