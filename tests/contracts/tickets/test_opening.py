"""A ticket is opened once for its key, whoever asks how often, and says what it was opened with."""

from __future__ import annotations

import pytest
from contract_values import appear_in_order, lines_of, new
from ticket_far_ends import FarEnd

from config.errors import NotFoundError
from triage.model import Severity
from triage.tickets.port import TicketError, TicketStatus, TicketSystem, TicketUpdate

ODD_KEYS = (
    "C-7:ticket' OR 1=1 --",
    'C-7:"quoted"',
    "C-7:back\\slash",
    "C-7:%like_",
    "C-7:[brackets] & <tags>",
    "C-7:" + "long" * 40,
)
ODD_TEXTS = (
    "Café „Zürich“: 北京 Привет",
    "<script>alert(1)</script> & <b>bold</b>",
    "=?utf-8?Q?looks_encoded?=",
    "Status: resolved [noc.test #4] {$Ticket->id} __Active__",
    "100 % of packets are lost; \\n is no line end; 'quoted' \"twice\"",
)


async def test_a_ticket_is_found_by_its_key(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new("C-7:ticket"))
    assert await tickets.find("C-7:ticket") == ticket


async def test_a_key_that_was_never_used_is_not_found(tickets: TicketSystem) -> None:
    await tickets.create(new("C-71:ticket"))
    assert await tickets.find("C-7110:ticket") is None


async def test_opening_twice_with_one_key_gives_one_ticket(far_end: FarEnd) -> None:
    first = await far_end.tickets.create(new("C-8:ticket"))
    assert await far_end.tickets.create(new("C-8:ticket", name="another name")) == first


@pytest.mark.needs("people")
async def test_opening_twice_leaves_one_ticket_in_the_system(far_end: FarEnd) -> None:
    assert far_end.person is not None
    first = await far_end.tickets.create(new("C-9:ticket"))
    await far_end.tickets.create(new("C-9:ticket"))
    assert list(await far_end.person.with_key("C-9:ticket")) == [first]


@pytest.mark.needs("a_ticket_for_each_key")
async def test_two_keys_are_two_tickets(tickets: TicketSystem) -> None:
    assert await tickets.create(new("C-10:ticket")) != await tickets.create(new("C-11:ticket"))


@pytest.mark.needs("a_ticket_for_each_key")
async def test_a_key_of_odd_characters_is_one_key(tickets: TicketSystem) -> None:
    made = [await tickets.create(new(key)) for key in ODD_KEYS]
    assert len(set(made)) == len(ODD_KEYS)
    assert [await tickets.find(key) for key in ODD_KEYS] == made


async def test_an_ended_ticket_is_found_by_its_key_too(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new("C-12:ticket"))
    await tickets.update(ticket, "C-12:resolve", TicketUpdate(status=TicketStatus.RESOLVED, text="over"))
    assert await tickets.find("C-12:ticket") == ticket


@pytest.mark.needs("show")
async def test_a_new_ticket_shows_what_it_was_opened_with(tickets: TicketSystem) -> None:
    ticket = await tickets.show(await tickets.create(new("C-13:ticket")))
    assert ticket.external_id == "C-13:ticket"
    assert ticket.name == "store-114: the line of Example Carrier is down"
    assert appear_in_order(
        ["Since 02:10 no packet came through.", "The router answers over the other line."], lines_of(ticket.description)
    )
    assert not ticket.status.ended
    assert ticket.notes == ()
    assert ticket.attachments == ()
    assert ticket.created_at <= ticket.updated_at


@pytest.mark.needs("show")
@pytest.mark.parametrize("text", ODD_TEXTS)
async def test_a_subject_and_a_text_stay_as_they_were_written(tickets: TicketSystem, text: str) -> None:
    ticket = await tickets.show(await tickets.create(new(name=text, description=text)))
    assert ticket.name == text
    assert appear_in_order([text], lines_of(ticket.description))


@pytest.mark.needs("show")
async def test_a_subject_is_one_line(tickets: TicketSystem) -> None:
    ticket = await tickets.show(await tickets.create(new("C-15:ticket", name="down\r\nStatus: resolved")))
    assert "\n" not in ticket.name
    assert not ticket.status.ended
    assert ticket.name.split() == ["down", "Status:", "resolved"]


@pytest.mark.needs("show", "severity", "a_ticket_for_each_key")
async def test_each_severity_is_shown_as_another(tickets: TicketSystem) -> None:
    made = [await tickets.create(new(severity=severity)) for severity in Severity]
    assert len({(await tickets.show(ticket)).severity for ticket in made}) == len(Severity)


async def test_a_ticket_opens_without_a_severity_too(tickets: TicketSystem) -> None:
    assert await tickets.create(new("C-16:ticket", severity=None)) == await tickets.find("C-16:ticket")


async def test_an_unknown_ticket_is_not_found(far_end: FarEnd) -> None:
    with pytest.raises(NotFoundError, match="ticket"):
        await far_end.tickets.show(far_end.absent)


async def test_nothing_is_written_to_a_ticket_that_does_not_exist(far_end: FarEnd) -> None:
    with pytest.raises((NotFoundError, TicketError)) as raised:
        await far_end.tickets.add_note(far_end.absent, "C-17:note", "lost")
    assert not raised.value.retryable
