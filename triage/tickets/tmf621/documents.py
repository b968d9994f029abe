"""TMF621 documents as a server sends them, versions 4 and 5 in one: what a version lacks is None. Pure shapes.

In version 4 a party or an entity is told in place, in version 5 in `partyOrPartyRole` and `entity`.
"""

from __future__ import annotations

import msgspec


class Reference(msgspec.Struct, frozen=True, rename="camel"):
    id: str | None = None
    name: str | None = None


class Party(msgspec.Struct, frozen=True, rename="camel"):
    role: str | None = None
    id: str | None = None
    name: str | None = None
    party_or_party_role: Reference | None = None

    @property
    def who(self) -> str:
        """Its id, which is what people and rules go by."""
        told = self.party_or_party_role or Reference(self.id, self.name)
        return told.id or told.name or ""


class Entity(msgspec.Struct, frozen=True, rename="camel"):
    role: str | None = None
    id: str | None = None
    entity: Reference | None = None

    @property
    def which(self) -> str:
        return (self.entity.id if self.entity else self.id) or ""


class Note(msgspec.Struct, frozen=True, rename="camel"):
    id: str | None = None
    author: str | None = None
    date: str | None = None
    text: str | None = None


class Quantity(msgspec.Struct, frozen=True, rename="camel"):
    amount: float | None = None
    units: str | None = None


class AttachmentDocument(msgspec.Struct, frozen=True, rename="camel"):
    name: str | None = None
    description: str | None = None
    mime_type: str | None = None
    content: str | None = None
    size: Quantity | None = None


class ExternalIdentifier(msgspec.Struct, frozen=True, rename="camel"):
    id: str | None = None
    owner: str | None = None


class StatusChange(msgspec.Struct, frozen=True, rename="camel"):
    """`changeDate` in version 4, `statusChangeDate` in version 5."""

    status: str | None = None
    change_date: str | None = None
    status_change_date: str | None = None

    @property
    def at(self) -> str | None:
        return self.status_change_date or self.change_date


class TicketDocument(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    href: str | None = None
    name: str | None = None
    description: str | None = None
    severity: str | None = None
    status: str | None = None
    creation_date: str | None = None
    last_update: str | None = None
    resolution_date: str | None = None
    status_change_date: str | None = None
    external_id: str | None = None
    external_identifier: list[ExternalIdentifier] | None = None
    note: list[Note] | None = None
    attachment: list[AttachmentDocument] | None = None
    related_party: list[Party] | None = None
    related_entity: list[Entity] | None = None
    status_change: list[StatusChange] | None = None
    status_change_history: list[StatusChange] | None = None

    @property
    def keys(self) -> list[str]:
        """All keys that other systems gave it."""
        given = [one.id for one in self.external_identifier or ()]
        return [key for key in (self.external_id, *given) if key]

    @property
    def history(self) -> list[StatusChange]:
        return self.status_change_history or self.status_change or []
