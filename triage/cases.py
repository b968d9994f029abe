"""Cases and what happens to them: status, timers, proposals, effects, and the reasons for each. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from triage.model import Cause, Claim, Scope, Severity, Verdict


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


class Reason(StrEnum):
    """Why a decision was taken, or why something was not done. Reaches desk, audit trail and metrics."""

    CLAIM_CONFIRMED = "claim_confirmed"
    CLAIM_RECOVERED = "claim_recovered"
    CLAIM_NOT_SUBSTANTIATED = "claim_not_substantiated"
    CLAIM_INCONCLUSIVE = "claim_inconclusive"
    CLAIM_JOINED = "claim_joined"
    CLAIM_REFUSED = "claim_refused"
    TROUBLE_SUSPECTED = "trouble_suspected"
    TROUBLE_HELD = "trouble_held"
    NO_QUARANTINE = "no_quarantine"
    TROUBLE_DID_NOT_HOLD = "trouble_did_not_hold"
    TROUBLE_CHANGED = "trouble_changed"
    TROUBLE_ONGOING = "trouble_ongoing"
    TROUBLE_OVER = "trouble_over"
    """It was over when it was first seen: nothing is left to act on."""
    RECHECK_WITHOUT_DATA = "recheck_without_data"
    RECOVERY_SEEN = "recovery_seen"
    RECOVERY_HELD = "recovery_held"
    RECOVERY_BROKEN = "recovery_broken"
    CLIENT_MUST_CONFIRM = "client_must_confirm"
    STOOD_TOO_LONG = "stood_too_long"
    RESOLVED_TOO_OFTEN = "resolved_too_often"
    TICKET_REQUESTED = "ticket_requested"
    TICKET_EXISTS = "ticket_exists"
    TICKET_NOT_ASKED_FOR = "ticket_not_asked_for"
    NO_TICKET_FOR_CAUSE = "no_ticket_for_cause"
    CARRIER_PARENT = "carrier_parent"
    CARRIER_WIDE = "carrier_wide"
    JOINED_PARENT = "joined_parent"
    LEFT_PARENT = "left_parent"
    IN_MAINTENANCE = "in_maintenance"
    OWN_BLINDNESS = "own_blindness"
    FAR_END_ANSWERED = "far_end_answered"
    FAR_END_GAVE_UP = "far_end_gave_up"
    PERSON_ACTED = "person_acted"
    PERSON_ACT_REFUSED = "person_act_refused"
    CASE_ENDED = "case_ended"
    NOTHING_FOUND = "nothing_found"
    INPUT_FAILED = "input_failed"


QUIET = frozenset({Reason.NOTHING_FOUND, Reason.TROUBLE_ONGOING, Reason.TROUBLE_OVER})
"""What is decided minute after minute: counted, and neither logged nor kept."""


class TimerKind(StrEnum):
    QUARANTINE = "quarantine"
    """A suspected trouble is looked at again before it becomes a ticket."""
    REJUDGE = "rejudge"
    """A claim whose statistics had not arrived is judged again."""
    RECOVERY = "recovery"
    """A case whose trouble is gone is resolved when it stayed gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    case: str
    kind: TimerKind
    due_at: datetime


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
    claims: int = 0
    documented_at: datetime | None = None
    """When its trouble was last found to hold, or to be back."""
    resolved_before: int = 0
    """How often the machine has resolved this line's troubles within a day before this one."""
    resolved_by_machine: bool = False
    parent: str | None = None
    """The open case of the carrier's trouble that this site's is part of."""
    ticket_withheld: bool = False
    """Its own ticket was due while the parent stood: it is opened if the trouble goes on alone."""
    alone: bool = False
    """Its parent was resolved while it went on: it is no longer counted to a carrier's trouble."""
    sites: int = 0
    """Of a parent: how many sites had it, at most."""

    @property
    def is_parent(self) -> bool:
        """Whether it is a carrier's trouble: its `site` is `carrier:NAME@MARKET`, it has no client."""
        return not self.client and self.site.startswith("carrier:")


class EffectKind(StrEnum):
    OPEN_TICKET = "open_ticket"
    ATTACH_EVIDENCE = "attach_evidence"
    NOTE_TICKET = "note_ticket"
    RESOLVE_TICKET = "resolve_ticket"
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


class PersonAct(StrEnum):
    APPROVE = "approve"
    REFUSE = "refuse"
    APPLY = "apply"
    REVERT = "revert"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    CONFIRM = "confirm"


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
class PersonActed:
    """Inbox: a named person decided about a proposal (P-...) or a case (C-...)."""

    who: str
    does: PersonAct
    target: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Inbox: a far end answered an effect, or was given up (`ok` False)."""

    key: str
    kind: EffectKind
    case: str
    ok: bool
    ticket: str | None = None
    proposal: str | None = None
    text: str = ""


Input = ClaimReported | Tick | TimerDue | PersonActed | Answered


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judged:
    """A verdict, the evidence pack that carries it, and its wording for a ticket."""

    verdict: Verdict
    evidence_sha256: str
    title: str
    text: str


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
    """The site's case that ended last, where none is open."""
