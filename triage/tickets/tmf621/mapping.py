"""Tickets to TMF621 documents and back. Pure. Field names: TM Forum TMF621, versions 4.0 and 5.0.1."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from config.clock import rfc3339
from triage.evidence import EvidenceFile
from triage.model import Severity
from triage.tickets.moments import moment_of
from triage.tickets.notes import marked, one_line, printable, unmarked
from triage.tickets.port import Attachment, NewTicket, Ticket, TicketError, TicketNote, TicketStatus, TicketUpdate
from triage.tickets.tmf621.document import PARENT
from triage.tickets.tmf621.documents import AttachmentDocument, TicketDocument
from triage.tickets.tmf621.settings import Tmf621Settings
from triage.tickets.wording import words_of

Document = dict[str, Any]

ENTITY_TYPES = {"circuit": "Resource", "service": "Service", "device": "Resource", "site": "GeographicSite"}
"""The `@referredType` of what a ticket is about, by the role that it has in the ticket."""
_DIGEST = "SHA-256 "


def new_document(new: NewTicket, settings: Tmf621Settings) -> Document:
    """The body of a create. Required: description, severity, ticketType, in version 5 @type."""
    document: Document = {
        "name": one_line(new.name),
        "description": printable(new.description),
        "severity": settings.severities[new.severity or Severity.MINOR],
        "ticketType": settings.ticket_types[new.ticket_type],
    }
    entities = {"site": new.site, "circuit": new.circuit, "service": new.service_number, "device": new.serial}
    document["relatedEntity"] = [entity(role, id_, settings) for role, id_ in entities.items() if id_]
    document["relatedParty"] = [party("customer", new.client, settings)]
    if new.reported_by:
        document["relatedParty"].append(party("reporter", new.reported_by, settings))
    if new.parent:
        document["troubleTicketRelationship"] = [relationship(new.parent, settings)]
    if settings.version == 4:
        return {**document, "externalId": new.external_id}
    identifiers = [identifier(new.external_id, "TroubleTicket", settings.author)]
    if new.client_reference:
        identifiers.append(identifier(new.client_reference, "ClientReference", new.client))
    return {**document, "@type": "TroubleTicket", "externalIdentifier": identifiers}


def relationship(parent: str, settings: Tmf621Settings) -> Document:
    document = {"id": parent, "relationshipType": PARENT}
    return {"@type": "TroubleTicketRelationship", **document} if settings.version == 5 else document


def identifier(key: str, kind: str, owner: str) -> Document:
    return {"@type": "ExternalIdentifier", "id": key, "owner": owner, "externalIdentifierType": kind}


def party(role: str, who: str, settings: Tmf621Settings) -> Document:
    if settings.version == 4:
        return {"role": role, "id": who, "name": who, "@referredType": "Organization"}
    told = {"@type": "PartyRef", "@referredType": "Organization", "id": who, "name": who}
    return {"@type": "RelatedPartyRefOrPartyRoleRef", "role": role, "partyOrPartyRole": told}


def entity(role: str, which: str, settings: Tmf621Settings) -> Document:
    referred = ENTITY_TYPES[role]
    if settings.version == 4:
        return {"role": role, "id": which, "@referredType": referred}
    told = {"@type": "EntityRef", "@referredType": referred, "id": which}
    return {"@type": "RelatedEntity", "role": role, "entity": told}


def note(text: str, key: str, now: datetime, settings: Tmf621Settings) -> Document:
    document = {"text": marked(printable(text), key), "author": settings.author, "date": rfc3339(now)}
    return {"@type": "Note", **document} if settings.version == 5 else document


def attachment(file: EvidenceFile, settings: Tmf621Settings) -> Document:
    """By value. Its digest stands in the description, for a server that does not send contents back."""
    document: Document = {
        "name": file.name,
        "attachmentType": "evidence",
        "mimeType": file.media_type,
        "content": base64.b64encode(file.content).decode(),
        "description": _DIGEST + hashlib.sha256(file.content).hexdigest(),
        "size": {"amount": len(file.content), "units": "byte"},
    }
    return {"@type": "Attachment", **document} if settings.version == 5 else document


def scalars_of(update: TicketUpdate, settings: Tmf621Settings) -> Document:
    """The fields of a change that have one value each."""
    document: Document = {}
    if update.status is not None:
        document |= {"status": update.status.value, "statusChangeReason": one_line(update.text) or words_of(update)}
    if update.severity is not None:
        document["severity"] = settings.severities[update.severity]
    return document


def parties_of(update: TicketUpdate, settings: Tmf621Settings) -> list[Document]:
    """The parties of a change: each replaces the one that has its role."""
    wanted = ((settings.owner_role, update.owner), (settings.queue_role, update.queue))
    return [party(role, who, settings) for role, who in wanted if who is not None]


def not_taken(document: TicketDocument, update: TicketUpdate, settings: Tmf621Settings) -> list[str]:
    """What a ticket, read back, does not show of a change, as sentences' ends."""
    wanted = {
        "status": (update.status.value if update.status else None, document.status),
        "severity": (settings.severities[update.severity] if update.severity else None, document.severity),
        "owner": (update.owner, who(document, settings.owner_role)),
        "queue": (update.queue, who(document, settings.queue_role)),
    }
    return [
        f"{name} is {shown!r} instead of {asked!r}"
        for name, (asked, shown) in wanted.items()
        if asked is not None and asked != shown
    ]


def who(document: TicketDocument, role: str) -> str:
    return next((one.who for one in document.related_party or () if one.role == role), "")


def which(document: TicketDocument, role: str) -> str:
    return next((one.which for one in document.related_entity or () if one.role == role), "")


def is_attached(document: TicketDocument, file: EvidenceFile) -> bool:
    digest = hashlib.sha256(file.content).hexdigest()
    return any(one.name == file.name and sha256_of(one) == digest for one in document.attachment or ())


def sha256_of(document: AttachmentDocument) -> str:
    """Of its content, or as its description tells it; empty where neither does."""
    if document.content:
        try:
            return hashlib.sha256(base64.b64decode(document.content, validate=True)).hexdigest()
        except binascii.Error:
            return ""
    before, found, digest = (document.description or "").partition(_DIGEST)
    return digest if found and not before else ""


def ticket_of(document: TicketDocument, settings: Tmf621Settings) -> Ticket:
    """Raises TicketError for a ticket without status or any date."""
    updated = moment_of(document.last_update) or moment_of(document.status_change_date)
    created = moment_of(document.creation_date) or updated
    if created is None or document.status not in {status.value for status in TicketStatus}:
        raise TicketError(
            f"the server shows ticket {document.id} with status {document.status!r} and creationDate "
            f"{document.creation_date!r}; TMF621 has both: check `url` and `version` in the settings"
        )
    status = TicketStatus(document.status)
    resolved = moment_of(document.resolution_date) or _changed_to(document, TicketStatus.RESOLVED) or updated
    return Ticket(
        id=document.id,
        external_id=document.keys[0] if document.keys else "",
        status=status,
        severity=document.severity or "",
        name=document.name or "",
        description=document.description or "",
        client=who(document, "customer"),
        site=which(document, "site"),
        created_at=created,
        updated_at=updated or created,
        resolved_at=resolved if status.ended else None,
        owner=who(document, settings.owner_role),
        queue=who(document, settings.queue_role),
        url=document.href or "",
        notes=tuple(_notes(document, created, settings)),
        attachments=tuple(_attachment(one) for one in document.attachment or ()),
    )


def _changed_to(document: TicketDocument, status: TicketStatus) -> datetime | None:
    moments = [moment_of(change.at) for change in document.history if change.status == status.value]
    return max((moment for moment in moments if moment is not None), default=None)


def _notes(document: TicketDocument, otherwise: datetime, settings: Tmf621Settings) -> Iterator[TicketNote]:
    for number, one in enumerate(document.note or ()):
        yield TicketNote(
            id=one.id or str(number),
            author=one.author or "",
            made_at=moment_of(one.date) or otherwise,
            text=unmarked(one.text or ""),
            ours=one.author == settings.author,
        )


def _attachment(document: AttachmentDocument) -> Attachment:
    content = len(document.content) * 3 // 4 - document.content[-2:].count("=") if document.content else 0
    size = int(document.size.amount) if document.size and document.size.amount is not None else content
    return Attachment(
        name=document.name or "", media_type=document.mime_type or "", sha256=sha256_of(document), size=size
    )


def merge_patch(raw: Mapping[str, Any], scalars: Document, added: Mapping[str, list[Document]]) -> Document:
    """RFC 7396: a list stands for the whole list, so what is there is sent back with it. A party replaces the one that
    has its role."""
    document = dict(scalars)
    for name, items in added.items():
        kept = list(raw.get(name) or ())
        if name == "relatedParty":
            roles = {item["role"] for item in items}
            kept = [one for one in kept if one.get("role") not in roles]
        document[name] = [*kept, *items]
    return document


def json_patch(raw: Mapping[str, Any], scalars: Document, added: Mapping[str, list[Document]]) -> list[Document]:
    """RFC 6902: items are added at the end of a list, so that nothing is lost that others add meanwhile. Where there is
    no list yet, and for a party in the place of another, a `test` refuses the patch if somebody was faster."""
    operations = [_operation("add", f"/{name}", value) for name, value in scalars.items()]
    for name, items in added.items():
        there = list(raw.get(name) or ())
        if not there:
            tests = [_operation("test", "/lastUpdate", raw["lastUpdate"])] if raw.get("lastUpdate") else []
            operations = [*tests, *operations, _operation("add", f"/{name}", items)]
            continue
        for item in items:
            place = _place(there, item) if name == "relatedParty" else None
            if place is None:
                operations.append(_operation("add", f"/{name}/-", item))
            else:
                operations.append(_operation("test", f"/{name}/{place}/role", item["role"]))
                operations.append(_operation("replace", f"/{name}/{place}", item))
    return operations


def _place(there: list[Any], item: Document) -> int | None:
    return next((place for place, one in enumerate(there) if one.get("role") == item["role"]), None)


def _operation(op: str, path: str, value: object) -> Document:
    return {"op": op, "path": path, "value": value}
