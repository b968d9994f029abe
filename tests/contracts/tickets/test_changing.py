"""Changes are read back, happen once for their key, and never undo what a person decided since."""

from __future__ import annotations

from datetime import timedelta

import pytest
from contract_values import appear_in_order, new, ours, theirs, told
from ticket_far_ends import FarEnd

from triage.model import Severity
from triage.tickets.port import TicketStatus, TicketSystem, TicketUpdate

pytestmark = pytest.mark.needs("show")


@pytest.mark.parametrize("status", [TicketStatus.IN_PROGRESS, TicketStatus.RESOLVED])
async def test_a_status_is_taken(tickets: TicketSystem, status: TicketStatus) -> None:
    ticket = await tickets.create(new())
    await tickets.update(ticket, f"C-7:{status}", TicketUpdate(status=status))
    shown = await tickets.show(ticket)
    assert shown.status is status
    assert (shown.resolved_at is not None) == (status is TicketStatus.RESOLVED)


@pytest.mark.needs("pending")
async def test_a_ticket_waits(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    await tickets.update(ticket, "C-7:pending", TicketUpdate(status=TicketStatus.PENDING))
    assert (await tickets.show(ticket)).status is TicketStatus.PENDING


async def test_a_resolved_ticket_is_opened_again(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    await tickets.update(ticket, "C-7:resolve:1", TicketUpdate(status=TicketStatus.RESOLVED))
    await tickets.update(ticket, "C-7:reopen:1", TicketUpdate(status=TicketStatus.IN_PROGRESS, text="back again"))
    shown = await tickets.show(ticket)
    assert shown.status is TicketStatus.IN_PROGRESS
    assert "back again" in " ".join(told(ours(shown)))


async def test_a_change_that_changes_nothing_is_no_error(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    await tickets.update(ticket, "C-7:a", TicketUpdate(status=TicketStatus.IN_PROGRESS))
    await tickets.update(ticket, "C-7:b", TicketUpdate(status=TicketStatus.IN_PROGRESS))
    await tickets.update(ticket, "C-7:c", TicketUpdate())
    assert (await tickets.show(ticket)).status is TicketStatus.IN_PROGRESS


@pytest.mark.needs("queue")
async def test_a_ticket_goes_to_another_desk(far_end: FarEnd) -> None:
    ticket = await far_end.tickets.create(new())
    await far_end.tickets.update(ticket, "C-7:hand_over", TicketUpdate(queue=far_end.queues[1], text="no recovery"))
    shown = await far_end.tickets.show(ticket)
    assert shown.queue == far_end.queues[1]
    assert told(ours(shown)) == ["no recovery"]


@pytest.mark.needs("owner")
async def test_an_owner_is_set(far_end: FarEnd) -> None:
    ticket = await far_end.tickets.create(new())
    await far_end.tickets.update(ticket, "C-7:owner", TicketUpdate(owner=far_end.owner))
    assert (await far_end.tickets.show(ticket)).owner == far_end.owner


@pytest.mark.needs("severity")
async def test_a_severity_changes_what_the_ticket_shows(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new(severity=Severity.MINOR))
    before = (await tickets.show(ticket)).severity
    await tickets.update(ticket, "C-7:severity", TicketUpdate(severity=Severity.CRITICAL))
    after = (await tickets.show(ticket)).severity
    assert before
    assert after
    assert after != before


async def test_the_words_of_a_change_become_one_note(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    for _ in range(3):
        await tickets.update(ticket, "C-7:resolve", TicketUpdate(status=TicketStatus.RESOLVED, text="stayed gone"))
    assert sum("stayed gone" in note.text for note in ours(await tickets.show(ticket))) == 1


async def test_a_late_repeat_of_a_change_does_not_undo_a_later_one(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    resolve = TicketUpdate(status=TicketStatus.RESOLVED, text="stayed gone")
    await tickets.update(ticket, "C-7:resolve", resolve)
    await tickets.update(ticket, "C-7:reopen", TicketUpdate(status=TicketStatus.IN_PROGRESS))
    await tickets.update(ticket, "C-7:resolve", resolve)
    assert (await tickets.show(ticket)).status is TicketStatus.IN_PROGRESS


@pytest.mark.needs("people")
async def test_a_repeat_does_not_undo_what_a_person_changed_since(far_end: FarEnd) -> None:
    assert far_end.person is not None
    ticket = await far_end.tickets.create(new())
    resolve = TicketUpdate(status=TicketStatus.RESOLVED, text="stayed gone")
    await far_end.tickets.update(ticket, "C-7:resolve", resolve)
    await far_end.person.change(ticket, status=TicketStatus.IN_PROGRESS)
    await far_end.tickets.update(ticket, "C-7:resolve", resolve)
    assert (await far_end.tickets.show(ticket)).status is TicketStatus.IN_PROGRESS


@pytest.mark.needs("people")
async def test_what_a_person_wrote_is_shown_as_theirs(far_end: FarEnd) -> None:
    assert far_end.person is not None
    ticket = await far_end.tickets.create(new())
    await far_end.tickets.add_note(ticket, "C-7:note:1", "measured again")
    await far_end.person.note(ticket, "the carrier found a cut fibre")
    shown = await far_end.tickets.show(ticket)
    assert appear_in_order(["the carrier found a cut fibre"], told(theirs(shown)))
    assert appear_in_order(["measured again"], told(ours(shown)))
    assert theirs(shown)[0].author == far_end.person.name


@pytest.mark.needs("people")
async def test_what_a_person_changed_is_shown(far_end: FarEnd) -> None:
    assert far_end.person is not None
    ticket = await far_end.tickets.create(new())
    await far_end.person.change(ticket, status=TicketStatus.RESOLVED)
    assert (await far_end.tickets.show(ticket)).status is TicketStatus.RESOLVED


@pytest.mark.needs("people", "owner")
async def test_the_owner_whom_a_person_set_is_shown(far_end: FarEnd) -> None:
    assert far_end.person is not None
    ticket = await far_end.tickets.create(new())
    await far_end.person.change(ticket, owner=far_end.owner)
    assert (await far_end.tickets.show(ticket)).owner == far_end.owner


@pytest.mark.needs("changes")
async def test_a_ticket_that_was_touched_is_among_the_changed(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    shown = await tickets.show(ticket)
    changes = await tickets.changed_since(shown.updated_at)
    assert ticket in changes.tickets
    assert changes.newest is not None
    assert changes.newest >= shown.updated_at
    later = await tickets.changed_since(shown.updated_at + timedelta(days=2))
    assert (ticket in later.tickets, later.newest) == (False, None)


@pytest.mark.needs("changes", "people")
async def test_a_ticket_that_a_person_touched_is_among_the_changed(far_end: FarEnd) -> None:
    assert far_end.person is not None
    ticket = await far_end.tickets.create(new())
    before = (await far_end.tickets.show(ticket)).updated_at
    await far_end.person.note(ticket, "on my way")
    assert (await far_end.tickets.show(ticket)).updated_at >= before
    assert ticket in (await far_end.tickets.changed_since(before)).tickets
