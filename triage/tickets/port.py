"""The port to a ticket system. Every call carries a key of ours, so that a repeated call changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from config.errors import LineproofError
from triage.evidence import EvidenceFile
from triage.model import Severity


class TicketError(LineproofError):
    """The ticket system refused or did not answer; `retryable` says whether the same call can succeed later."""


class TicketStatus(StrEnum):
    """TMF621 `TroubleTicketStatusType`, the part that we set."""

    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "inProgress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """`external_id` is our key (TMF621 `externalIdentifier`): the system is searched for it before it creates."""

    external_id: str
    name: str
    description: str
    severity: Severity | None
    client: str
    site: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketNote:
    author: str
    made_at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    name: str
    media_type: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    id: str
    external_id: str
    status: TicketStatus
    severity: str
    name: str
    description: str
    client: str
    site: str
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    notes: tuple[TicketNote, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class TicketSystem(Protocol):
    """Every method raises TicketError; `show` and `attachment` raise NotFoundError for what does not exist."""

    async def find(self, external_id: str) -> str | None:
        """The id of the ticket with our key; None when there is none."""

    async def create(self, new: NewTicket) -> str:
        """Open a ticket and return its id; with a known key, the id of the ticket that has it."""

    async def add_note(self, ticket: str, key: str, text: str) -> None: ...

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        """Attach a file; the same name and content again changes nothing."""

    async def resolve(self, ticket: str, key: str, text: str) -> None: ...

    async def show(self, ticket: str) -> Ticket: ...

    async def list(self, *, client: str | None = None, limit: int = 500) -> Sequence[Ticket]:
        """Tickets without notes and attachments, the newest first."""

    async def attachment(self, ticket: str, name: str) -> EvidenceFile: ...
