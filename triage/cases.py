"""Cases and what happens to them: status, timers, proposals, effects, and the reasons for each. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from inventory.model import Access, Client, Device, Link, Site
from triage.healthy import NOTHING, Healthy
from triage.model import Cause, Claim, Intake, Scope, Severity, Verdict
from triage.reasons import Reason
from triage.tickets.port import TicketStatus
from triage.trouble_class import HandOver, TroubleClass


class CaseStatus(StrEnum):
    SUSPECTED = "suspected"
    OPEN = "open"
    PENDING = "pending"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_open(self) -> bool:
        """Whether the case still stands for its site; at most one such case exists per (client, site)."""
        return self in OPEN_STATUSES


OPEN_STATUSES = frozenset({CaseStatus.SUSPECTED, CaseStatus.OPEN, CaseStatus.PENDING, CaseStatus.MONITORING})


class Origin(StrEnum):
    MACHINE = "machine"
    CLIENT = "client"
    CARRIER = "carrier"
    """A carrier's notice."""
    PERSON = "person"
    """A ticket or case that a person of the provider opened."""


class PendingWhy(StrEnum):
    """What a pending case waits for."""

    STATISTICS = "statistics"
    CLIENT = "client"
    ACCESS = "access"
    CARRIER = "carrier"
    MAINTENANCE = "maintenance"

    @property
    def stops_clock(self) -> bool:
        """Whether the time to repair stands still meanwhile (MEF 124, `pending`): only what is the client's to do;
        late statistics and a slow carrier are the provider's own."""
        return self in (PendingWhy.CLIENT, PendingWhy.ACCESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Why a case waits, since when and, where that is known, until when; `by` is the person who said so."""

    why: PendingWhy
    since: datetime
    until: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierTicket:
    """A carrier's ticket about a line, as a person or a notice told it. `etr`: estimated time of repair.

    `link` None: it is about the whole site, or of a carrier's trouble.
    """

    number: str
    carrier: str
    link: str | None = None
    opened_at: datetime
    etr: datetime | None = None
    next_update_at: datetime | None = None
    repair_contact: str = ""
    account: str = ""
    reason_for_outage: str = ""
    closed_at: datetime | None = None
    raised_at: datetime | None = None
    """When the carrier was last raised as overdue."""


class TimerKind(StrEnum):
    QUARANTINE = "quarantine"
    """A suspected trouble is looked at again before it becomes a ticket."""
    REJUDGE = "rejudge"
    """A claim whose statistics had not arrived is judged again."""
    RECOVERY = "recovery"
    """A case whose trouble is gone is resolved when it stayed gone."""
    HAND_OVER = "hand_over"
    """The ticket goes to the desk that works on such troubles."""
    REMINDER = "reminder"
    """A client whose own line is down is reminded."""
    PENDING = "pending"
    """What a pending case waited for is due."""
    CLOSE = "close"
    """A resolved case to which nobody objected is closed."""
    CLIENT_UPDATE = "client_update"
    """The client is owed word of how it goes."""
    CARRIER_UPDATE = "carrier_update"
    """The carrier owed us word, or its estimated time of repair has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    case: str
    kind: TimerKind
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    """A line whose modem was told to restart, and when."""

    link: str
    at: datetime


class ProposalStatus(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    APPLYING = "applying"
    APPLIED = "applied"
    REVERTED = "reverted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A re-route put to a person: the site's traffic from `from_link` over `to_link`.

    `decided_by` is the named person who approved or refused it; nothing is sent before that.
    """

    id: str
    case: str
    site: str
    from_link: str
    to_link: str
    action: str
    status: ProposalStatus = ProposalStatus.PROPOSED
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is wrong at one site. `id` is empty until the transaction that creates it numbers it."""

    id: str
    client: str
    site: str
    status: CaseStatus
    origins: tuple[Origin, ...]
    title: str
    cause: Cause
    scope: Scope
    severity: Severity | None
    link: str | None
    onset: datetime | None
    opened_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    owner: str | None = None
    next_action: str = ""
    next_action_at: datetime | None = None
    evidence_sha256: str | None = None
    ticket: str | None = None
    ticket_wanted: bool = False
    claim: Claim | None = None
    """The first claim of the case, kept for judging it again."""
    intake: Intake | None = None
    """What was said of the repair before there was a claim; a claim takes it over."""
    claims: int = 0
    documented_at: datetime | None = None
    """When its trouble was last found to hold, or to be back."""
    resolved_before: int = 0
    """How often the machine has resolved this line's troubles within a day before this one."""
    resolved_by_machine: bool = False
    parent: str | None = None
    """The open case of the carrier's trouble that this site's is part of."""
    ticket_gone: bool = False
    """Its system does not have the ticket any more: nothing is opened in its place unless a person says so."""
    ticket_withheld: bool = False
    """Its own ticket was due while the parent stood: it is opened if the trouble goes on alone."""
    alone: bool = False
    """Its parent was resolved while it went on: it is no longer counted to a carrier's trouble."""
    sites: int = 0
    """Of a parent: how many sites had it, at most."""
    told_sites: int = 0
    """Of a parent: how many sites its ticket was last told of."""
    left_to_person: bool = False
    """Of a parent that is watched: its trouble has stayed gone, and a person has to resolve it."""
    acknowledged_at: datetime | None = None
    pending: Pending | None = None
    clock_stopped_seconds: float = 0.0
    """How long its clock has stood still, in waits that are over."""
    next_update_at: datetime | None = None
    """When the client is owed the next word."""
    told_client_at: datetime | None = None
    """When the client was last written to by the machine."""
    queue: str = ""
    """The desk that works on it, by the policy's name for it; empty: the one that tickets start with."""
    handed_over_at: datetime | None = None
    lines: tuple[str, ...] = ()
    """All lines that the verdict finds in trouble, `link` among them."""
    hand_over_at: datetime | None = None
    """When it goes to another desk's queue, unless a person takes it before."""
    hand_over_for: str = ""
    """What this was planned for: the worst class of trouble, and whether only lines of the client's were in it."""
    reboots: tuple[Reboot, ...] = ()
    own_line_told_at: datetime | None = None
    """When a mail was last meant that tells the client that the line that is down is their own."""
    reopened: int = 0
    decided_by: str | None = None
    """The person whose decision about its status stands: the machine does not undo it for the same trouble."""
    set_by_person: tuple[str, ...] = ()
    """Which of `owner`, `queue`, `severity` and `title` a person has set: the machine leaves those as they are."""
    resolution: str = ""
    carrier_tickets: tuple[CarrierTicket, ...] = ()
    looks_without_data: int = 0
    """How many looks in a row have found no data."""

    @property
    def is_parent(self) -> bool:
        """Whether it is a carrier's trouble: its `site` is `carrier:NAME@MARKET`, it has no client."""
        return not self.client and self.site.startswith("carrier:")


class EffectKind(StrEnum):
    OPEN_TICKET = "open_ticket"
    ATTACH_EVIDENCE = "attach_evidence"
    NOTE_TICKET = "note_ticket"
    RESOLVE_TICKET = "resolve_ticket"
    UPDATE_TICKET = "update_ticket"
    """Its status, severity, queue or owner, with the text as a note."""
    TELL_CLIENT = "tell_client"
    """A mail to the client's contacts."""
    REBOOT_MODEM = "reboot_modem"
    APPLY_REROUTE = "apply_reroute"
    REVERT_REROUTE = "revert_reroute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Something to be done at a far end. `key` makes it happen once, however often it is tried.

    `ticket` is None where the case's ticket is not known yet: the performer takes it from the case when it acts.
    """

    key: str
    kind: EffectKind
    case: str
    ticket: str | None = None
    title: str = ""
    text: str = ""
    severity: Severity | None = None
    evidence_sha256: str | None = None
    proposal: str | None = None
    status: TicketStatus | None = None
    queue: str | None = None
    owner: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judged:
    """A verdict, the evidence pack that carries it, and its wording for a ticket."""

    verdict: Verdict
    evidence_sha256: str
    title: str
    text: str
    healthy: Healthy = NOTHING
    """What is known to have been well for as long as a trouble has to stay gone."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Decision:
    """What follows from one input for one case. Committed in one transaction with the input's consumption.

    `timers` are set (replacing one of the same kind); `cancelled` kinds are removed. `case` None: nothing to keep.
    """

    case: Case | None
    reason: Reason
    effects: tuple[Effect, ...] = ()
    timers: tuple[Timer, ...] = ()
    cancelled: tuple[TimerKind, ...] = ()
    proposal: Proposal | None = None
    judged: Judged | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRules:
    """The part of a policy that governs cases."""

    quarantine: timedelta
    outage_quarantine: timedelta
    recheck: timedelta
    recovery: timedelta
    causes_without_ticket: frozenset[Cause]
    resolve_by_day: timedelta
    resolve_by_night: timedelta
    night: tuple[int, int]
    resolves: int
    close: timedelta
    reopen: timedelta
    client_update: Mapping[Severity, timedelta]
    carrier_reminder: timedelta
    severities: Mapping[TroubleClass, Severity] = field(default_factory=dict)
    """Of a ticket, where nothing comes through."""
    hand_over: Mapping[TroubleClass, HandOver] = field(default_factory=dict)
    recheck_most: timedelta = timedelta(hours=1)
    """So far apart at most are looks that find no data: `recheck` at first, then twice as far each time."""
    client_reminder: timedelta = timedelta(days=1)
    assigned_access: frozenset[Access] = frozenset()
    """The kinds of access whose troubles the machine never resolves while a person has the case."""
    modem_prefixes: tuple[str, ...] = ()
    modem_wait: timedelta = timedelta()
    modem_queue: str = ""
    """Where the ticket of a line goes whose modem was restarted to no avail, after `modem_wait`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a decision may know besides case and event. The ids are those that a new case or proposal would get."""

    now: datetime
    rules: CaseRules
    new_case_id: str
    new_proposal_id: str
    proposal: Proposal | None = None
    in_maintenance: bool = False
    zone: tzinfo = UTC
    """The site's."""
    ended: Case | None = None
    """Where none is open, the site's case that ended last: of the same line and cause, if there is such."""
    other: Case | None = None
    """The open case of the site, where an ended one is decided; or the one that a person's act names beside it."""
    input: int = 0
    """The number of the input that is decided: what makes an effect of it its own."""
    site: Site | None = None
    link: Link | None = None
    """The line that the verdict is about, or else the case."""
    client: Client | None = None
    links: tuple[Link, ...] = ()
    """All lines of the site."""
    devices: tuple[Device, ...] = ()
    """All devices of the site."""

    def line_of(self, case: Case) -> Link | None:
        """The line that the case is about, whatever a verdict is about now."""
        return next((one for one in self.links if one.id == case.link), None)
