"""Tickets to what RT takes, and back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any

from triage.tickets.moments import moment_of
from triage.tickets.notes import marked, one_line, printable, unmarked
from triage.tickets.port import (
    Attachment,
    NewTicket,
    PersonsTicket,
    Ticket,
    TicketError,
    TicketNote,
    TicketStatus,
    TicketUpdate,
)
from triage.tickets.request_tracker.settings import RequestTrackerSettings
from triage.tickets.request_tracker.wire import (
    DELETED,
    FILE_MARK,
    NOBODY,
    Change,
    Happening,
    Piece,
    TicketRow,
    set_moment,
)

LONGEST_SUBJECT = 200
"""Characters of RT's column; on some databases a longer one is an error, on others it is cut silently."""
WRITTEN = ("Comment", "Correspond")
_TAG = re.compile(r"<[^>]*>")
_BREAK = re.compile(r"<\s*(br|/p|/div|/li|/tr)\s*/?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """What RT tells of a ticket beside its fields; `texts` by transaction."""

    history: Sequence[Happening]
    pieces: Sequence[Piece]
    texts: Mapping[str, str]
    queue: str


def new_body(new: NewTicket, settings: RequestTrackerSettings) -> dict[str, Any]:
    """The body of a create. Its text ends with the key's mark: where RT left the key itself out, the ticket is known
    by that."""
    names = settings.fields
    values = {names.fingerprint: new.external_id, names.impact: settings.impacts[new.ticket_type]}
    values |= {names.site: new.site} if new.site else {}
    values |= {names.circuit: new.circuit} if new.circuit else {}
    values.pop("", None)
    body: dict[str, Any] = {
        "Queue": settings.queue,
        "Subject": subject_of(new.name),
        "Content": marked(printable(new.description), new.external_id),
        "ContentType": "text/plain",
        "CustomFields": values,
    }
    if new.severity is not None:
        body["Priority"] = settings.priorities[new.severity]
    if new.parent:
        body["MemberOf"] = new.parent
    return body


def subject_of(name: str) -> str:
    text = one_line(name)
    return text if len(text) <= LONGEST_SUBJECT else text[: LONGEST_SUBJECT - 1] + "…"


def change_body(update: TicketUpdate, settings: RequestTrackerSettings) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if update.queue is not None:
        body["Queue"] = settings.queues.get(update.queue, update.queue)
    if update.status is not None:
        body["Status"] = settings.status_to[update.status]
    if update.owner is not None:
        body["Owner"] = update.owner or NOBODY
    if update.severity is not None:
        body["Priority"] = settings.priorities[update.severity]
    return body


def shown_fields(row: TicketRow, queue: str) -> dict[str, str]:
    """What a change is compared with."""
    return {"Queue": queue, "Status": row.status, "Owner": row.owner.id, "Priority": row.priority}


def is_deleted(history: Sequence[Happening]) -> bool:
    """Whether the last change of status was that; a merged ticket has the history of both."""
    statuses = [one.new_value for one in history if one.type == "Status"]
    return bool(statuses) and statuses[-1] == DELETED


def by_person(row: Change, settings: RequestTrackerSettings) -> PersonsTicket | None:
    """A ticket of a search; None for one that names no place."""
    told = (row.field(name) for name in (settings.fields.site, settings.fields.circuit) if name)
    names = tuple(one for value in told if (one := one_line(value)))
    if not names:
        return None
    return PersonsTicket(id=str(row.id), names=names, title=one_line(row.subject), by=row.creator.name)


def texts_of(history: Sequence[Happening], pieces: Sequence[Piece]) -> dict[str, Piece]:
    """The text of each message, by transaction: its first piece that is a text and no file; plain before HTML."""
    wanted = {str(one.id) for one in history if one.type in (*WRITTEN, "Create")}
    found: dict[str, Piece] = {}
    for kind in ("text/plain", "text/html"):
        for piece in pieces:
            number = str(piece.transaction_id)
            if number in wanted and not piece.filename and piece.content_type == kind and piece.size:
                found.setdefault(number, piece)
    return found


def text_of(content: str, content_type: str) -> str:
    """A message as plain text."""
    if content_type != "text/html":
        return content
    return unescape(_TAG.sub("", _BREAK.sub("\n", content)))


def ticket_of(row: TicketRow, told: Told, settings: RequestTrackerSettings) -> Ticket:
    """Raises TicketError for a status that the settings do not know."""
    status = status_of(row.status, settings)
    updated = moment_of(row.last_updated) or datetime.fromtimestamp(0, UTC)
    first = next((str(one.id) for one in told.history if one.type == "Create"), "")
    return Ticket(
        id=row.winner,
        external_id=row.field(settings.fields.fingerprint),
        status=status,
        severity=severity_of(row.priority, settings),
        name=row.subject,
        description=unmarked(told.texts.get(first, "")),
        client="",
        site="",
        created_at=moment_of(row.created) or updated,
        updated_at=updated,
        resolved_at=(set_moment(row.resolved) or updated) if status.ended else None,
        owner="" if row.owner.id == NOBODY else row.owner.id,
        queue=desk_of(told.queue, settings),
        url=f"{str(settings.url).rstrip('/')}/Ticket/Display.html?id={row.winner}",
        notes=tuple(_notes(told, settings, updated)),
        attachments=tuple(_attachments(told)),
    )


def desk_of(queue: str, settings: RequestTrackerSettings) -> str:
    """The policy's name of a queue: it names desks without regard to case, as RT does."""
    ours = next((desk for desk, name in settings.queues.items() if name.casefold() == queue.casefold()), None)
    return ours or queue


def status_of(word: str, settings: RequestTrackerSettings) -> TicketStatus:
    known = settings.status_of.get(word)
    if known is None:
        raise TicketError(
            f"RT shows the status {word!r}, which the settings do not know; say under tickets.system.status_of what it "
            "means"
        )
    return known


def severity_of(priority: str, settings: RequestTrackerSettings) -> str:
    """Our word for a priority that is one of the settings', otherwise RT's number; empty for none."""
    ours = next((severity.value for severity, number in settings.priorities.items() if str(number) == priority), None)
    return ours or ("" if priority == "0" else priority)


def _notes(told: Told, settings: RequestTrackerSettings, otherwise: datetime) -> list[TicketNote]:
    found = []
    for one in told.history:
        mine = one.creator.name == settings.user and one.mark.startswith("[LP:")
        text = printable(told.texts.get(str(one.id), ""))
        if one.type not in WRITTEN or not text:
            continue
        made_at = moment_of(one.created) or otherwise
        found.append(TicketNote(id=str(one.id), author=one.creator.name, made_at=made_at, text=text, ours=mine))
    return found


def _attachments(told: Told) -> list[Attachment]:
    digests = {str(one.id): match[1] for one in told.history if (match := FILE_MARK.fullmatch(one.mark))}
    return [
        Attachment(
            name=piece.filename,
            media_type=piece.content_type or "",
            sha256=digests.get(str(piece.transaction_id), ""),
            size=piece.size,
        )
        for piece in told.pieces
        if piece.filename
    ]
