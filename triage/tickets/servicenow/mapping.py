"""Tickets to ServiceNow records and back. Pure.

Values are asked for raw (`sysparm_display_value=false`): times are UTC then, whatever zone people see. What is longer
than its field is cut silently by the instance, so it is cut here, where the rest can be kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from yarl import URL

from triage.evidence import EvidenceFile
from triage.model import Severity
from triage.tickets.moments import moment_of
from triage.tickets.notes import one_line, pages, printable, unmarked
from triage.tickets.port import Attachment, NewTicket, Ticket, TicketError, TicketNote, TicketStatus, TicketUpdate
from triage.tickets.servicenow.settings import ServiceNowSettings

DISPLAY = "lineproof"
"""How `correlation_display` of our incidents begins."""


_NEXT = re.compile(r'<([^>]*)>\s*;[^<]*?rel="?next"?')


class Record(msgspec.Struct, frozen=True, rename={"owner": "assigned_to.user_name", "queue": "assignment_group.name"}):
    """Of the incident table; references are walked to what people know them by."""

    sys_id: str
    number: str
    state: str
    sys_created_on: str
    sys_updated_on: str
    correlation_id: str = ""
    correlation_display: str = ""
    short_description: str = ""
    description: str = ""
    priority: str = ""
    impact: str = ""
    urgency: str = ""
    active: str = ""
    resolved_at: str = ""
    closed_at: str = ""
    owner: str = ""
    queue: str = ""


FIELDS = ",".join(field.encode_name for field in msgspec.structs.fields(Record))


class JournalEntry(msgspec.Struct, frozen=True):
    """Of the table sys_journal_field."""

    sys_id: str
    value: str
    sys_created_on: str
    sys_created_by: str


JOURNAL_FIELDS = ",".join(JournalEntry.__struct_fields__)


class AttachmentRecord(msgspec.Struct, frozen=True):
    """Of the table sys_attachment. Older instances tell no `hash`."""

    sys_id: str
    file_name: str
    content_type: str = ""
    size_bytes: str = ""
    hash: str = ""


def query(*terms: tuple[str, str, str], order: Sequence[str] = ("sys_created_on", "sys_id")) -> str:
    """An encoded query of (field, operator, value), all of which must hold. `^` joins terms, and is doubled in a value.
    An order makes pages whole: without it records may move between them."""
    joined = "^".join(f"{field}{operator}{value.replace('^', '^^')}" for field, operator, value in terms)
    return "^".join((joined, *(f"ORDERBY{field}" for field in order)))


def next_offset(links: Iterable[str], otherwise: int) -> int | None:
    """Where the next page begins, as the Link headers (RFC 8288) of one say; None for the last page. `otherwise` where
    they name a next one without saying where it begins."""
    following = _NEXT.search(",".join(links))
    if following is None:
        return None
    offset = URL(following[1]).query.get("sysparm_offset", "")
    return int(offset) if offset.isdecimal() else otherwise


def moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def correlation(key: str, settings: ServiceNowSettings) -> str:
    """Our key as it fits the field: a long one ends in the first 16 hex digits of its SHA-256."""
    if len(key) <= settings.key_characters:
        return key
    return f"{key[: settings.key_characters - 17]}~{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def new_record(new: NewTicket, references: Mapping[str, str], settings: ServiceNowSettings) -> dict[str, str]:
    """The body of a create; `references` are sys_ids of caller, group and parent. Of a text that is too long the first
    page goes here; `text_pages` has the rest."""
    name = one_line(new.name)
    cut = len(name) > settings.title_characters
    urgency = settings.urgencies[new.severity or Severity.MINOR]
    return {
        **settings.fields,
        **references,
        "correlation_id": correlation(new.external_id, settings),
        "correlation_display": f"{DISPLAY}: {new.client} / {new.site}"[:100],
        "short_description": f"{name[: settings.title_characters - 1]}…" if cut else name,
        "description": text_pages(new, settings)[0],
        "impact": str(urgency.impact),
        "urgency": str(urgency.urgency),
    }


def text_pages(new: NewTicket, settings: ServiceNowSettings) -> list[str]:
    """The ticket's text in pages that fit; a title that is cut stands whole at its beginning."""
    name = one_line(new.name)
    service = {
        "Circuit": new.circuit,
        "Service number": new.service_number,
        "Serial": new.serial,
        "Interface": new.interface,
        "Client's reference": new.client_reference,
        "Reported by": new.reported_by,
    }
    told = [f"{label}: {value}" for label, value in service.items() if value]
    text = "\n".join([*([name] if len(name) > settings.title_characters else []), printable(new.description), *told])
    return pages(text, settings.text_characters)


def changed_fields(update: TicketUpdate, references: Mapping[str, str], settings: ServiceNowSettings) -> dict[str, str]:
    """The fields of a change. To resolve or close, a close code and notes are required; to hold, a reason."""
    fields = dict(references)
    if update.severity is not None:
        urgency = settings.urgencies[update.severity]
        fields |= {"impact": str(urgency.impact), "urgency": str(urgency.urgency)}
    if update.status is None:
        return fields
    fields["state"] = settings.states[update.status]
    if update.status in (TicketStatus.RESOLVED, TicketStatus.CLOSED, TicketStatus.CANCELLED, TicketStatus.REJECTED):
        said = printable(update.text) or "Closed by the measurements."
        fields |= {"close_code": settings.close_code, "close_notes": said[: settings.text_characters]}
    if update.status in (TicketStatus.PENDING, TicketStatus.HELD):
        fields["hold_reason"] = settings.hold_reason
    return fields


def not_taken(record: Record, fields: Mapping[str, str], update: TicketUpdate) -> list[str]:
    """What a record, read back, does not show of a change, as sentences' ends."""
    wanted = {
        "state": (fields.get("state"), record.state),
        "impact": (fields.get("impact"), record.impact),
        "urgency": (fields.get("urgency"), record.urgency),
        "assigned_to": (update.owner, record.owner),
        "assignment_group": (update.queue, record.queue),
    }
    return [
        f"{name} is {shown!r} instead of {asked!r}"
        for name, (asked, shown) in wanted.items()
        if asked is not None and asked != shown
    ]


def status_of(record: Record, settings: ServiceNowSettings) -> TicketStatus:
    """The first status that has the record's state. Raises TicketError for a state that the settings do not name."""
    for status, state in settings.states.items():
        if state == record.state:
            return status
    raise TicketError(
        f"{record.number} is in state {record.state!r}, which `states` in the settings do not name; add it there"
    )


def ticket_of(
    record: Record, journal: Iterable[JournalEntry], files: Iterable[AttachmentRecord], settings: ServiceNowSettings
) -> Ticket:
    """Raises TicketError for a record that cannot be read."""
    status = status_of(record, settings)
    created, updated = moment_of(record.sys_created_on), moment_of(record.sys_updated_on)
    if created is None or updated is None:
        raise TicketError(
            f"{record.number} shows no usable sys_created_on and sys_updated_on; let our user read these fields"
        )
    about = record.correlation_display.removeprefix(f"{DISPLAY}: ")
    client, _, site = about.partition(" / ")
    return Ticket(
        id=record.number,
        external_id=record.correlation_id,
        status=status,
        severity=record.priority,
        name=record.short_description,
        description=record.description,
        client=client,
        site=site,
        created_at=created,
        updated_at=updated,
        resolved_at=(moment_of(record.resolved_at) or moment_of(record.closed_at) or updated) if status.ended else None,
        owner=record.owner,
        queue=record.queue,
        url=f"{str(settings.url).rstrip('/')}/nav_to.do?uri={settings.table}.do?sys_id={record.sys_id}",
        notes=tuple(
            TicketNote(
                id=entry.sys_id,
                author=entry.sys_created_by,
                made_at=moment_of(entry.sys_created_on) or updated,
                text=unmarked(entry.value),
                ours=entry.sys_created_by == settings.username,
            )
            for entry in journal
        ),
        attachments=tuple(
            Attachment(
                name=file.file_name,
                media_type=file.content_type,
                sha256=file.hash,
                size=int(file.size_bytes) if file.size_bytes.isdecimal() else 0,
            )
            for file in files
        ),
    )


def may_be(file: EvidenceFile, record: AttachmentRecord) -> bool:
    """Whether an attachment may be this file; where the instance tells a hash, whether it is."""
    if record.file_name != file.name:
        return False
    if record.hash:
        return record.hash == hashlib.sha256(file.content).hexdigest()
    return record.size_bytes in ("", str(len(file.content)))
