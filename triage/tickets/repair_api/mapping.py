"""A repair API's answers, and what is sent to it. Pure.

A ticket has lines ("details"), one for each serial or service number; ours is the one that the trouble is on. A time
without a zone is UTC; notes carry offsets, and are put in order as times.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

import msgspec

from config.clock import EPOCH
from triage.tickets.mirror import Mirrored
from triage.tickets.moments import moment_of
from triage.tickets.notes import has_mark, one_line, pages, printable, unmarked
from triage.tickets.port import NewTicket, Ticket, TicketError, TicketNote, TicketStatus, TicketUpdate
from triage.tickets.repair_api.settings import Desk, RepairApiSettings


class Code(IntEnum):
    """Told inside an answer that says 200."""

    CREATED = 200
    OPEN_EXISTS = 409
    RESOLVED_EXISTS = 471
    """Ours to re-open."""
    REOPENED = 472
    REOPENED_AT_LOCATION = 473
    """A resolved ticket of the same location, with a new line for ours."""


class RepairItem(msgspec.Struct, frozen=True, rename="camel"):
    ticket_id: int = 0
    wtn: str | None = None
    error_code: int | None = None
    error_message: str | None = None


class RepairAnswer(msgspec.Struct, frozen=True):
    """One list or the other has the item for our line."""

    items: list[RepairItem] | None = None
    assets: list[RepairItem] | None = None


class Detail(msgspec.Struct, frozen=True):
    detail_id: int = msgspec.field(name="detailID")
    detail_value: str | None = msgspec.field(name="detailValue", default=None)
    detail_status: str | None = msgspec.field(name="detailStatus", default=None)
    current_task_name: str | None = msgspec.field(name="currentTaskName", default=None)
    assigned_to_name: str | None = msgspec.field(name="assignedToName", default=None)


class Note(msgspec.Struct, frozen=True, rename="camel"):
    note_id: int
    note_value: str | None = None
    created_date: str | None = None
    created_by: str | None = None


class Details(msgspec.Struct, frozen=True, rename="camel"):
    ticket_details: list[Detail] | None = None
    ticket_notes: list[Note] | None = None

    def of_line(self, line: str) -> Detail | None:
        return next((one for one in self.ticket_details or () if one.detail_value == line), None)


class Basic(msgspec.Struct, frozen=True):
    ticket_id: int = msgspec.field(name="ticketID")
    ticket_status: str = msgspec.field(name="ticketStatus", default="")
    create_date: str | None = msgspec.field(name="createDate", default=None)
    severity: str | None = None


class BasicPage(msgspec.Struct, frozen=True):
    """`total` may disagree with what the pages hold."""

    responses: list[Basic] | None = None
    total: int | None = None


class NextResult(msgspec.Struct, frozen=True, rename="camel"):
    result_type_id: int
    result_name: str = ""


class NextResults(msgspec.Struct, frozen=True, rename="camel"):
    next_results: list[NextResult] | None = None


STATUSES = {
    "New": TicketStatus.ACKNOWLEDGED,
    "Draft": TicketStatus.ACKNOWLEDGED,
    "InProgress": TicketStatus.IN_PROGRESS,
    "Resolved": TicketStatus.RESOLVED,
    "Closed": TicketStatus.CLOSED,
}
RESOLVED, OPEN = "R", "O"
"""A line's status; one that was never resolved may also be `I`."""


def line_of(new: NewTicket) -> str:
    """What the system knows the line by: service number, else the device's serial, else the carrier's circuit. Raises
    TicketError for a line that has none."""
    line = new.service_number or new.serial or new.circuit
    if not line:
        raise TicketError(
            f"{new.site} has no service number, serial or circuit that a repair ticket could be opened for; add one to "
            "the inventory, then try again by `lineproof ticket outbox`"
        )
    return line


def client_of(new: NewTicket, settings: RepairApiSettings) -> int:
    """Raises TicketError for a client without a number."""
    if new.client not in settings.clients:
        raise TicketError(f"the settings name no number of {new.client}; add it to `clients` of the ticket system")
    return settings.clients[new.client]


def repair_pages(new: NewTicket, settings: RepairApiSettings) -> list[str]:
    """What we open a ticket with; pages after the first become notes."""
    told = (new.client_reference and f"Client's reference: {new.client_reference}",
            new.reported_by and f"Reported by: {new.reported_by}",
            new.parent and f"Part of ticket: {new.parent}",
            f"Our reference: {new.external_id}")  # fmt: skip
    text = "\n".join([one_line(new.name), printable(new.description), *(one for one in told if one)])
    return pages(text, settings.note_characters)


def item_of(answer: RepairAnswer, line: str) -> RepairItem | None:
    """The item of our line; a single one without a line is ours."""
    items = [*(answer.items or ()), *(answer.assets or ())]
    named = [one for one in items if one.wtn == line]
    return named[0] if named else items[0] if len(items) == 1 and not items[0].wtn else None


def status_of(detail: Detail, basic: Basic) -> TicketStatus:
    """Our line's: a ticket with several lines goes on while ours is over. Raises TicketError for an unknown one."""
    if basic.ticket_status == "Closed":
        return TicketStatus.CLOSED
    if detail.detail_status == RESOLVED:
        return TicketStatus.RESOLVED
    if detail.detail_status == OPEN:
        return TicketStatus.IN_PROGRESS
    if basic.ticket_status not in STATUSES:
        raise TicketError(
            f"ticket {basic.ticket_id} is {basic.ticket_status!r}, which we do not know; look at it there"
        )
    return STATUSES[basic.ticket_status]


def line_status(update: TicketUpdate) -> str | None:
    """The line's status that a change asks for; None where the API has no call for it: a note tells it then."""
    match update.status:
        case TicketStatus.RESOLVED | TicketStatus.CLOSED:
            return RESOLVED
        case TicketStatus.IN_PROGRESS:
            return OPEN
        case _:
            return None


def desk_of(queue: str, settings: RepairApiSettings) -> Desk:
    return settings.desks.get(queue, Desk(result=queue, task=queue))


def queue_of(detail: Detail, settings: RepairApiSettings) -> str:
    task = detail.current_task_name or ""
    return next((queue for queue, desk in settings.desks.items() if desk.task == task), task)


def ticket_of(known: Mirrored, basic: Basic, details: Details, settings: RepairApiSettings) -> Ticket:
    """Raises TicketError for a ticket that our line is not on any more."""
    detail = details.of_line(known.line)
    if detail is None:
        raise TicketError(f"ticket {known.remote} has no line {known.line} any more; look at it there", retryable=True)
    notes = ordered_notes(details.ticket_notes or ())
    status = status_of(detail, basic)
    moments = [note.made_at for note in notes]
    created = moment_of(basic.create_date) or (min(moments) if moments else EPOCH)
    updated = max([created, *moments])
    return Ticket(
        id=known.remote,
        external_id=known.key,
        status=status,
        severity=basic.severity or "",
        name=one_line(known.name),
        description=printable(known.description),
        client=known.client,
        site=known.site,
        created_at=created,
        updated_at=updated,
        resolved_at=updated if status.ended else None,
        owner="" if detail.assigned_to_name in (None, "0") else detail.assigned_to_name,
        queue=queue_of(detail, settings),
        notes=notes,
    )


def ordered_notes(notes: Sequence[Note]) -> tuple[TicketNote, ...]:
    """By their times, not by their texts: offsets differ around a change of the clocks. Then by number."""
    shown = [(_made_at(note), note) for note in notes]
    return tuple(
        TicketNote(
            id=str(note.note_id),
            author=note.created_by or "",
            made_at=made_at,
            text=unmarked(note.note_value or ""),
            ours=has_mark(note.note_value or ""),
        )
        for made_at, note in sorted(shown, key=lambda pair: (pair[0], pair[1].note_id))
    )


def _made_at(note: Note) -> datetime:
    return moment_of(note.created_date) or EPOCH
