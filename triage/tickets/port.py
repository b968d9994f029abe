"""The port to a ticket system. Every call carries a key of ours, so that a repeated call changes nothing.

The records database is the memory of what we opened, asked and saw (`triage_ticket`); a ticket system is told, and read
for what people did there. What it holds of ours may be edited or deleted without harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from config.errors import Blame, LineproofError
from triage.evidence import EvidenceFile
from triage.model import Severity


class TicketError(LineproofError):
    """The ticket system refused or did not answer; `retryable` says whether the same call can succeed later.

    `retry_after` is how many seconds the system asks us to wait before (RFC 9110, 10.2.3), 0 where it does not.
    """

    def __init__(
        self, message: str, *, retryable: bool = False, blame: Blame = Blame.OURS, retry_after: float = 0.0
    ) -> None:
        super().__init__(message, retryable=retryable, blame=blame)
        self.retry_after = retry_after


class TicketStatus(StrEnum):
    """TMF621 `TroubleTicketStatusType`, v4 and v5."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    PENDING = "pending"
    HELD = "held"
    IN_PROGRESS = "inProgress"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    RESOLVED = "resolved"

    @property
    def ended(self) -> bool:
        """Whether nobody works on such a ticket any more."""
        return self in (TicketStatus.RESOLVED, TicketStatus.CLOSED, TicketStatus.CANCELLED, TicketStatus.REJECTED)


class TicketType(StrEnum):
    """What a ticket is about: a provider keeps outages and degradations apart (topics VOO and VAS)."""

    OUTAGE = "outage"
    SERVICE_AFFECTING = "service_affecting"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """`external_id` is our key (TMF621 `externalIdentifier`): the system is searched for it before it creates.

    What identifies the service is empty where it is not known; `circuit` is the carrier's id, `service_number` the
    provider's, `serial` the device's.
    """

    external_id: str
    name: str
    description: str
    severity: Severity | None
    client: str
    site: str
    ticket_type: TicketType = TicketType.SERVICE_AFFECTING
    circuit: str = ""
    service_number: str = ""
    serial: str = ""
    interface: str = ""
    reported_by: str = ""
    client_reference: str = ""
    parent: str = ""
    """The ticket, in the same system, of the carrier's trouble that this one is part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketUpdate:
    """What is to change; None stays. `text` becomes a note beside the change."""

    status: TicketStatus | None = None
    severity: Severity | None = None
    queue: str | None = None
    owner: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketNote:
    """`id` is the system's own; `ours` when we wrote it."""

    id: str
    author: str
    made_at: datetime
    text: str
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """`sha256` is empty where the system does not tell it."""

    name: str
    media_type: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket as its system shows it. `severity`, `owner` and `queue` are the system's words, empty for none."""

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
    owner: str = ""
    queue: str = ""
    url: str = ""
    notes: tuple[TicketNote, ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsTicket:
    """A ticket that people opened there and work on. `names` is what it says of where the trouble is: a site's name or
    number, a circuit; `title` and `by` are theirs."""

    id: str
    names: tuple[str, ...]
    title: str
    by: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Ids of tickets that were touched, and when the last of them was, by the system's clock; None where it tells no
    times. `by_people`: those that people opened and that name a place, where the system has a field for it."""

    tickets: Sequence[str]
    newest: datetime | None = None
    by_people: Sequence[PersonsTicket] = ()


def named_at_once(tickets: Sequence[str]) -> Sequence[Sequence[str]]:
    """The ids in groups that fit into one query each; one empty group for none."""
    starts = range(0, len(tickets), _AT_ONCE)
    return [tickets[start : start + _AT_ONCE] for start in starts] or [()]


_AT_ONCE = 100


class TicketSystem(Protocol):
    """Every method raises TicketError; those that name a ticket raise NotFoundError for one that does not exist.

    A write has been read back when it returns: what the system took silently or changed on the way is an error.
    """

    @property
    def name(self) -> str:
        """`builtin`, `request_tracker`...: as in the settings, and in `triage_ticket`."""

    async def find(self, external_id: str) -> str | None:
        """The id of the ticket with our key, ended ones too; None when there is none."""

    async def create(self, new: NewTicket) -> str:
        """Open a ticket and return its id; with a known key, the id of the ticket that has it."""

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        """Add a note once per key; a long one may become several, none of whose lines is lost."""

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        """Attach a file; the same name and content again changes nothing."""

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        """Change what the update names; the same key again changes nothing that a person has changed since."""

    async def show(self, ticket: str) -> Ticket: ...

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:
        """Tickets of ours that were touched at or after the moment, by anybody; more than those does no harm. `linked`
        are ids of tickets that people opened there and that count as ours."""
