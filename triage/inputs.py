"""What happens to the engine: each is a row of the inbox before it is decided. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triage.cases import EffectKind, TimerKind
from triage.model import Claim, Intake, Severity
from triage.tickets.port import TicketStatus


class PersonAct(StrEnum):
    OPEN = "open"
    """A case of the site `target`, with the words of `note` and what `opening` says of it."""
    APPROVE = "approve"
    REFUSE = "refuse"
    APPLY = "apply"
    REVERT = "revert"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    CLOSE = "close"
    ASSIGN = "assign"
    HOLD = "hold"
    """Pending: `value` is the PendingWhy, `until` its end."""
    RESUME = "resume"
    MOVE = "move"
    """To another desk's queue, `value`."""
    MERGE = "merge"
    """Into the open parent case `value`."""
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimReported:
    """Inbox: a client's claim to be recorded; `open_ticket` when whoever took it down wants a ticket."""

    claim: Claim
    open_ticket: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Inbox: a minute has passed; the sweep runs on what the journal held up to this entry (0: not known)."""

    journal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerDue:
    """Inbox (from a timer row): look at the case again."""

    case: str
    kind: TimerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a person says of a case that they open. `ticket`: they want one, whatever is measured; `existing_ticket` is
    the one that they have opened in the ticket system themselves."""

    severity: Severity | None = None
    link: str | None = None
    ticket: bool = False
    existing_ticket: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonActed:
    """Inbox: a named person decided about a proposal (P-...) or a case (C-...), or opens a case of a site."""

    who: str
    does: PersonAct
    target: str
    note: str = ""
    value: str = ""
    until: datetime | None = None
    opening: Opening | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketChanged:
    """Inbox: a person changed the case's ticket in the ticket system itself; None and "" where nothing changed.

    `gone`: it is not there any more (True; `note` says how we know), or there again (False).
    """

    case: str
    ticket: str
    by: str
    at: datetime
    status: TicketStatus | None = None
    owner: str | None = None
    queue: str | None = None
    severity: Severity | None = None
    note: str = ""
    gone: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierTold:
    """Inbox: `who` (a person, or the carrier's notice) tells of the carrier's ticket about a case, by its number; or,
    with a `site` in place of the case, that the carrier has an outage there: the site's open case, or a new one.

    Empty and None: nothing is said of it, and what was said before stays. `carrier` is taken from the line, and
    `link` from the case, of a ticket that is new.
    """

    case: str = ""
    site: str = ""
    who: str
    number: str
    carrier: str = ""
    link: str | None = None
    opened_at: datetime | None = None
    etr: datetime | None = None
    next_update_at: datetime | None = None
    repair_contact: str = ""
    account: str = ""
    reason_for_outage: str = ""
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeTold:
    """Inbox: `who` notes what a client answered of a case's repair, without a claim of its own."""

    case: str
    who: str
    intake: Intake


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Inbox: a far end answered an effect, or was given up (`ok` False).

    `withheld`: nobody was called, as is wanted (`ok` True), and `text` says why.
    """

    key: str
    kind: EffectKind
    case: str
    ok: bool
    ticket: str | None = None
    proposal: str | None = None
    text: str = ""
    withheld: bool = False


Input = ClaimReported | Tick | TimerDue | PersonActed | TicketChanged | CarrierTold | IntakeTold | Answered
