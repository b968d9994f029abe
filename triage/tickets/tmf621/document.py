"""A whole ticket as a TMF621 version 5 document. Pure. Field names: TM Forum TMF621 Trouble Ticket, 5.0.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.clock import rfc3339
from triage.tickets.port import Ticket, TicketStatus

Document = dict[str, Any]

OWNER = "lineproof"
PARENT, CHILD = "isPartOf", "hasPart"
"""How a site's ticket and its carrier's are related."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    status: TicketStatus
    changed_at: datetime
    author: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleTicket:
    """A ticket with what only a store of tickets knows. `service` is what it is about, by role: circuit, service,
    device, interface; `relations` are (ticket, how) of other tickets."""

    ticket: Ticket
    ticket_type: str
    channel: str
    history: tuple[StatusChange, ...]
    relations: tuple[tuple[str, str], ...]
    service: Mapping[str, str]
    reported_by: str = ""
    client_reference: str = ""


def to_document(whole: TroubleTicket) -> Document:
    """What a GET of the ticket answers; what is not known is left out. Attachments are told, not embedded."""
    ticket = whole.ticket
    last = whole.history[-1] if whole.history else None
    document: Document = {
        "@type": "TroubleTicket",
        "id": ticket.id,
        "href": f"/troubleTicket/{ticket.id}",
        "name": ticket.name,
        "description": ticket.description,
        "severity": ticket.severity,
        "ticketType": whole.ticket_type,
        "priority": ticket.severity,
        "channel": {"@type": "ChannelRef", "id": whole.channel, "name": whole.channel},
        "status": ticket.status.value,
        "creationDate": rfc3339(ticket.created_at),
        "lastUpdate": rfc3339(ticket.updated_at),
        "externalIdentifier": _identifiers(whole),
        "relatedParty": _parties(whole),
        "relatedEntity": _entities(whole),
        "note": [
            {"@type": "Note", "id": note.id, "author": note.author, "date": rfc3339(note.made_at), "text": note.text}
            for note in ticket.notes
        ],
        "attachment": [
            {
                "@type": "Attachment",
                "name": one.name,
                "attachmentType": "evidence",
                "mimeType": one.media_type,
                "size": {"amount": one.size, "units": "byte"},
                "description": f"SHA-256 {one.sha256}",
            }
            for one in ticket.attachments
        ],
        "statusChangeHistory": [
            {
                "@type": "StatusChange",
                "status": change.status.value,
                "statusChangeDate": rfc3339(change.changed_at),
                "statusChangeReason": f"{change.author}: {change.reason}" if change.reason else change.author,
            }
            for change in whole.history
        ],
        "troubleTicketRelationship": [
            {"@type": "TroubleTicketRelationship", "id": related, "relationshipType": relation}
            for related, relation in whole.relations
        ],
    }
    if last is not None:
        document |= {"statusChangeDate": rfc3339(last.changed_at), "statusChangeReason": last.reason or last.author}
    if ticket.resolved_at is not None:
        document["resolutionDate"] = rfc3339(ticket.resolved_at)
    return {name: value for name, value in document.items() if value not in ([], "")}


def _identifiers(whole: TroubleTicket) -> list[Document]:
    found = [_identifier(whole.ticket.external_id, "TroubleTicket", OWNER)]
    if whole.client_reference:
        found.append(_identifier(whole.client_reference, "ClientReference", whole.ticket.client))
    return found


def _identifier(ident: str, kind: str, owner: str) -> Document:
    return {"@type": "ExternalIdentifier", "id": ident, "externalIdentifierType": kind, "owner": owner}


def _parties(whole: TroubleTicket) -> list[Document]:
    who = {
        "customer": whole.ticket.client,
        "reporter": whole.reported_by,
        "assignee": whole.ticket.owner,
        "assignmentGroup": whole.ticket.queue,
    }
    return [
        {
            "@type": "RelatedPartyRefOrPartyRoleRef",
            "role": role,
            "partyOrPartyRole": {"@type": "PartyRef", "@referredType": kind, "id": name, "name": name},
        }
        for role, name in who.items()
        if name
        for kind in ("Individual" if role in ("reporter", "assignee") else "Organization",)
    ]


def _entities(whole: TroubleTicket) -> list[Document]:
    what = {"site": whole.ticket.site, **whole.service}
    kinds = {"site": "GeographicSite", "service": "Service"}
    return [
        {
            "@type": "RelatedEntity",
            "role": role,
            "entity": {"@type": "EntityRef", "@referredType": kinds.get(role, "Resource"), "id": ident},
        }
        for role, ident in what.items()
        if ident
    ]
