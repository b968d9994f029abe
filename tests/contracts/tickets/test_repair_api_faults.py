"""Codes inside 200, lines that are readable later, paused lines, pages without end: each has a test of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from contract_values import BINARY, new, ours, told
from stub_repair_api import RepairTickets
from stub_server import serving
from system_repair_api import settings

from config.clock import ManualClock
from config.database import Database
from config.errors import NotFoundError
from triage.model import Severity
from triage.tickets.port import TicketError, TicketStatus, TicketUpdate
from triage.tickets.repair_api.adapter import RepairApiTickets

pytestmark = pytest.mark.rim
START = datetime(2026, 11, 22, 2, 10, tzinfo=UTC)
RESOLVE = TicketUpdate(status=TicketStatus.RESOLVED, text="stayed gone")


class At:
    def __init__(self, tickets: RepairApiTickets, server: RepairTickets, clock: ManualClock) -> None:
        self.tickets, self.server, self.clock = tickets, server, clock


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[At]:
    async with opened(tmp_path) as one:
        yield one


@asynccontextmanager
async def opened(folder: Path, **changes: object) -> AsyncIterator[At]:
    server, clock = RepairTickets(), ManualClock(START)
    database = Database(folder / "records.db", throwaway=True)
    await database.create_all()
    async with serving(server.application()) as url:
        tickets = RepairApiTickets(settings(url, **changes), database, clock)
        try:
            yield At(tickets, server, clock)
        finally:
            await tickets.close()
            await database.close()


async def test_a_line_with_an_open_ticket_joins_it_and_its_trouble_is_told_there(at: At) -> None:
    theirs = str(at.server.open(9994, "CKT-114/1", "opened by a person")["ticketID"])
    assert await at.tickets.create(new("C-7:ticket")) == theirs
    words = told(ours(await at.tickets.show(theirs)))
    assert words[0] == "store-114: the line of Example Carrier is down"
    assert words[-1] == "Our reference: C-7:ticket"
    assert len(at.server.tickets) == 1


async def test_a_resolved_ticket_of_the_line_is_opened_again_by_us(at: At) -> None:
    first = await at.tickets.create(new("C-7:ticket"))
    await at.tickets.update(first, "C-7:resolve", RESOLVE)
    assert await at.tickets.create(new("C-8:ticket")) == first
    shown = await at.tickets.show(first)
    assert shown.status is TicketStatus.IN_PROGRESS
    assert "Our reference: C-8:ticket" in told(ours(shown))


async def test_a_ticket_that_the_system_opened_again_itself_is_joined(at: At) -> None:
    first = await at.tickets.create(new("C-7:ticket"))
    await at.tickets.update(first, "C-7:resolve", RESOLVE)
    at.server.resolved_code = 472
    at.server.calls.clear()
    assert await at.tickets.create(new("C-8:ticket")) == first
    assert not [call for call in at.server.calls if call.startswith("PUT")]
    assert (await at.tickets.show(first)).status is TicketStatus.IN_PROGRESS


async def test_a_new_line_on_a_ticket_of_the_same_place_is_the_one_that_we_work_on(at: At) -> None:
    first = await at.tickets.create(new("C-7:ticket"))
    await at.tickets.update(first, "C-7:resolve", RESOLVE)
    at.server.resolved_code = 473
    assert await at.tickets.create(new("C-8:ticket", circuit="CKT-114/2")) == first
    await at.tickets.update(first, "C-8:resolve", RESOLVE)
    assert [one["detailStatus"] for one in at.server.tickets[int(first)]["details"]] == ["R", "R"]


async def test_ticket_number_0_is_a_failure_that_is_tried_again(at: At) -> None:
    at.server.habits.add("creates_nothing")
    with pytest.raises(TicketError, match="answered 200 and opened no ticket") as raised:
        await at.tickets.create(new("C-7:ticket"))
    assert raised.value.retryable
    assert await at.tickets.find("C-7:ticket") is None


async def test_a_repair_that_broke_off_is_made_again_and_gives_the_same_ticket(at: At) -> None:
    at.server.habits.add("breaks_off")
    with pytest.raises(TicketError) as raised:
        await at.tickets.create(new("C-7:ticket"))
    assert raised.value.retryable
    ticket = await at.tickets.create(new("C-7:ticket"))
    assert list(at.server.tickets) == [int(ticket)]


async def test_waiting_for_a_line_ends_and_is_tried_again_later(tmp_path: Path) -> None:
    async with opened(tmp_path, readable_within=20) as at:
        at.server.reads_until_readable = 10_000
        with pytest.raises(TicketError, match=r"does not show line CKT-114/1 .* after 20 s") as raised:
            await at.tickets.create(new())
        assert raised.value.retryable
        assert (at.clock.now() - START).total_seconds() == 20


async def test_a_paused_line_is_unpaused_before_it_is_resolved(at: At) -> None:
    ticket = await at.tickets.create(new())
    (detail,) = at.server.tickets[int(ticket)]["details"]
    detail["paused"] = True
    await at.tickets.update(ticket, "C-7:resolve", RESOLVE)
    assert detail["detailStatus"] == "R"


async def test_a_status_that_was_taken_and_not_set_is_an_error(at: At) -> None:
    ticket = await at.tickets.create(new())
    at.server.habits.add("ignores_statuses")
    with pytest.raises(TicketError, match="as 'R'"):
        await at.tickets.update(ticket, "C-7:resolve", RESOLVE)


async def test_another_line_of_the_ticket_is_none_of_ours(at: At) -> None:
    ticket = await at.tickets.create(new())
    kept = at.server.tickets[int(ticket)]
    kept["details"].append({**kept["details"][0], "detailID": 1, "detailValue": "CKT-114/2"})
    await at.tickets.update(ticket, "C-7:resolve", RESOLVE)
    assert [one["detailStatus"] for one in kept["details"]] == ["R", "I"]
    assert (await at.tickets.show(ticket)).status is TicketStatus.RESOLVED


async def test_a_severity_is_set_only_where_it_changes(at: At) -> None:
    ticket = await at.tickets.create(new())
    for number in range(3):
        await at.tickets.update(
            ticket, f"C-7:severity:{number}", TicketUpdate(severity=Severity.CRITICAL, text="worse")
        )
    assert len([call for call in at.server.calls if call.endswith("/severity")]) == 1
    assert at.server.tickets[int(ticket)]["severity"] == "1"


async def test_a_new_ticket_gets_its_severity_and_a_joined_one_is_never_lowered(at: At) -> None:
    ticket = await at.tickets.create(new(severity=Severity.CRITICAL))
    assert at.server.tickets[int(ticket)]["severity"] == "1"
    assert await at.tickets.create(new(severity=Severity.MINOR)) == ticket
    assert at.server.tickets[int(ticket)]["severity"] == "1"


async def test_no_note_reaches_the_length_that_is_refused(at: At) -> None:
    ticket = await at.tickets.create(new())
    lines = ["the same last line", *(f"{number}: loss 12.5 %" for number in range(400)), "the same last line"]
    await at.tickets.add_note(ticket, "C-7:note", "\n".join(lines))
    notes = at.server.tickets[int(ticket)]["notes"]
    assert max(len(note["noteValue"]) for note in notes) < 1500
    shown = [line for line in told(ours(await at.tickets.show(ticket))) if not line.startswith("(")]
    assert shown == lines


async def test_pages_of_a_note_that_a_crash_left_out_are_added_alone(at: At) -> None:
    ticket = await at.tickets.create(new())
    text = "\n".join(f"{number}: loss 12.5 %" for number in range(400))
    await at.tickets.add_note(ticket, "C-7:note", text)
    notes = at.server.tickets[int(ticket)]["notes"]
    pages = len(notes)
    del notes[-2:]
    await at.tickets.add_note(ticket, "C-7:note", text)
    assert len(notes) == pages


async def test_notes_are_in_the_order_of_their_times_whatever_their_offsets(at: At) -> None:
    ticket = await at.tickets.create(new())
    kept = at.server.tickets[int(ticket)]
    for text, moment in (("second", "2026-11-01T01:10:00-05:00"), ("first", "2026-11-01T01:50:00-04:00")):
        at.server.note(kept, text, "anna", datetime.fromisoformat(moment))
    assert [note.text for note in (await at.tickets.show(ticket)).notes] == ["first", "second"]


async def test_a_time_without_a_zone_is_utc(at: At) -> None:
    ticket = await at.tickets.create(new())
    at.server.tickets[int(ticket)]["createDate"] = "9/25/2020 6:31:54 AM"
    assert (await at.tickets.show(ticket)).created_at == datetime(2020, 9, 25, 6, 31, 54, tzinfo=UTC)


async def test_pages_that_never_end_do(at: At) -> None:
    ticket = await at.tickets.create(new("C-7:ticket"))
    for number in range(5):
        at.server.open(9994, "CKT-114/1", f"older {number}")
    kept = at.server.tickets.pop(int(ticket))
    at.server.tickets[int(ticket)] = kept
    assert (await at.tickets.show(ticket)).id == ticket
    at.server.habits.add("repeats_its_last_page")
    kept["clientID"] = 1
    at.server.calls.clear()
    with pytest.raises(NotFoundError, match="lists no ticket"):
        await at.tickets.show(ticket)
    assert at.server.calls.count("GET /api/Ticket/basic") == 4


async def test_a_call_refused_for_its_token_is_made_again_with_a_new_one(at: At) -> None:
    ticket = await at.tickets.create(new())
    at.server.revoke_tokens()
    await at.tickets.add_note(ticket, "C-7:note", "measured again")
    assert told(ours(await at.tickets.show(ticket))) == ["measured again"]


async def test_a_client_without_a_number_is_said(at: At) -> None:
    with pytest.raises(TicketError, match="name no number of globex"):
        await at.tickets.create(new(client="globex"))


async def test_a_line_without_any_number_is_said(at: At) -> None:
    with pytest.raises(TicketError, match="no service number, serial or circuit"):
        await at.tickets.create(new(circuit=""))


async def test_the_carriers_ticket_is_told_in_words(at: At) -> None:
    parent = await at.tickets.create(new("P-1:ticket", circuit="CKT-9"))
    ticket = await at.tickets.create(new(parent=parent))
    lines = at.server.tickets[int(ticket)]["description"].splitlines()
    assert f"Part of ticket: {parent}" in lines


async def test_evidence_is_named_once_by_its_digest(at: At) -> None:
    ticket = await at.tickets.create(new())
    await at.tickets.attach(ticket, BINARY)
    await at.tickets.attach(ticket, BINARY)
    (note,) = ours(await at.tickets.show(ticket))
    assert "evidence-C-7.pdf" in note.text
    assert "SHA-256" in note.text
