"""The lines that come out of a scenario file: one model a kind, for the schema and for what a file may expect."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from collector.model import FactKind, Source
from triage.cases import CaseStatus, Origin, PendingWhy, ProposalStatus, TimerKind
from triage.model import Cause, Direction, Scope, Severity, UnfitReason, VerdictKind
from triage.reasons import Reason


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Played(StrEnum):
    """Reasons of what is no decision of the engine."""

    CHANGED_AT_FAR_END = "changed_at_far_end"
    NO_SUCH_TICKET = "no_such_ticket"


class CoverageDocument(_Document):
    """How much of the claimed time was measured."""

    present: int = Field(description="slots with a sample")
    expected: int = Field(description="slots whose samples should be there by now")
    pending: int = Field(description="slots whose samples may still come; left out of the coverage")
    newest: AwareDatetime | None = Field(description="start of the newest slot")


class FindingDocument(_Document):
    """One thing that a rule found on one line."""

    link: str = Field(description="the line")
    source: Source = Field(description="whose samples or facts it was found in")
    metric: str = Field(description="the measurement field, or the kind of fact")
    cause: Cause = Field(description="what it is")
    direction: Direction = Field(description="download is towards the site")
    onset: AwareDatetime | None = Field(description="when it began")
    end: AwareDatetime | None = Field(description="when it ended; null while it stands")
    value: float = Field(description="the statistic of `metric` over the samples in [onset, end), in `unit`")
    unit: str = Field(description="the unit of value, baseline and threshold")
    baseline: float | None = Field(description="what is ordinary for this line at this time")
    threshold: float = Field(description="what `value` was compared with")
    rule: str = Field(description="the rule in words")
    statistic: str = Field(description="how `value` is computed from the samples")
    bad_samples: int = Field(description="samples beyond the threshold")
    habitual: bool = Field(description="bad, but as bad as always at this hour")


class RunnerUpDocument(_Document):
    """The cause that came second."""

    cause: Cause = Field(description="what it might have been")
    why_not: str = Field(description="why it lost")


class UtilisationDocument(_Document):
    """Utilisation of a relief line with the site's traffic added, in percent."""

    rx: float | None = Field(description="%, download; null where capacity or traffic is not known")
    tx: float | None = Field(description="%, upload; null where capacity or traffic is not known")


class OptionDocument(_Document):
    """One line that the site's traffic could be moved to."""

    rank: int = Field(description="1 is the best")
    link: str = Field(description="the relief line")
    action: str = Field(description="what would be done")
    fit: bool = Field(description="whether it can carry the traffic now")
    reason: UnfitReason | None = Field(description="why it is not fit")
    utilisation_after_pct: UtilisationDocument = Field(description="load with the traffic added")
    metered: bool = Field(description="traffic on it is charged by volume")
    shared_fate: bool = Field(description="it shares carrier or last mile with the troubled line")


class Line(_Document):
    """What every line has."""

    seq: int = Field(description="counts from 1")
    at: AwareDatetime = Field(description="when it happened in the scenario")
    reason: Reason | Played = Field(description="why")
    input: int | None = Field(None, description="place in the timeline from 0; absent for what sweep or timer did")
    timer: TimerKind | None = Field(None, description="the timer that was due")
    site: str | None = Field(None, description="the site that it is about")
    case: str | None = Field(None, description="C-1, C-2... by creation")
    detail: str | None = Field(None, description="the reason in words")


class VerdictFields(_Document):
    """A verdict, as `triage --json` tells it."""

    client: str = Field(description="whose site it is")
    verdict: VerdictKind = Field(description="the answer")
    cause: Cause = Field(description="what is wrong")
    scope: Scope = Field(description="how far it reaches")
    severity: Severity | None = Field(description="how bad it is")
    onset: AwareDatetime | None = Field(description="when it began")
    end: AwareDatetime | None = Field(description="when it ended; null while it stands")
    link: str | None = Field(description="the troubled line")
    direction: Direction = Field(description="download is towards the site")
    habitual: bool = Field(description="as bad as always at this hour")
    coverage: CoverageDocument = Field(description="how much of the claimed time was measured")
    rejudge_at: AwareDatetime | None = Field(description="when an inconclusive claim is judged again")
    findings: tuple[FindingDocument, ...] = Field(description="what carries the verdict")
    side_findings: tuple[FindingDocument, ...] = Field(description="what was found outside the claimed time")
    runner_up: RunnerUpDocument | None = Field(description="the cause that came second")
    detectable: Mapping[str, float] = Field(description="the smallest fault that could have been seen, by field")
    secondary_fit: bool | None = Field(description="whether the best other line could take the traffic")
    options: tuple[OptionDocument, ...] = Field(description="relief lines, best first")
    policy: str = Field(description="sha256:... of the policy in force")
    baseline: str = Field(description="version of the stored baselines that it used, or computed")


class VerdictLine(Line, VerdictFields):
    """A judgement: `trouble` is the machine's own suspicion, `verdict` answers a claim or a second look."""

    line: Literal["trouble", "verdict"] = Field(description="the kind of line")
    evidence_sha256: str = Field(description="digest of the evidence pack")
    says: str = Field(description="the verdict in one sentence")


class SetVerdict(VerdictFields):
    """The line that comes out for a scenario of a set."""

    id: str = Field(description="the scenario's id")
    site: str = Field(description="the site that was judged")
    reason: str = Field(description="the verdict in one sentence")
    case: None = Field(description="a set opens no cases")
    evidence_sha256: None = Field(description="a set leaves no evidence behind")


class CaseLine(Line):
    """A case as it stands after a decision."""

    line: Literal["case"] = Field(description="the kind of line")
    status: CaseStatus = Field(description="where it is in its life")
    client: str | None = Field(None, description="whose case it is")
    cause: Cause | None = Field(None, description="what is wrong")
    scope: Scope | None = Field(None, description="how far it reaches")
    severity: Severity | None = Field(None, description="how bad it is")
    link: str | None = Field(None, description="the troubled line")
    onset: AwareDatetime | None = Field(None, description="when the trouble began")
    origins: tuple[Origin, ...] = Field((), description="who saw it")
    claims: int = Field(0, description="claims in it so far")
    owner: str | None = Field(None, description="who has taken it")
    next_action: str | None = Field(None, description="what is to be done next")
    next_action_at: AwareDatetime | None = Field(None, description="and when")
    ticket: str | None = Field(None, description="its ticket, once there is one")
    parent: str | None = Field(None, description="the carrier's case that it belongs to")
    pending: PendingWhy | None = Field(None, description="what a pending case waits for")
    queue: str | None = Field(None, description="the desk's queue that it is in; absent where tickets start")
    reopened: int = Field(0, description="how often it was taken up again")
    decided_by: str | None = Field(None, description="the person whose decision about its status stands")
    next_update_at: AwareDatetime | None = Field(None, description="when the client is owed the next word")
    sites: int | None = Field(None, description="of a carrier's case, how many sites have had it")


class TicketLine(Line):
    """A ticket was opened, or changed at its far end."""

    line: Literal["ticket"] = Field(description="the kind of line")
    ticket: str = Field(description="T-1, T-2... by creation")
    status: str | None = Field(None, description="the ticket's own status, where it changed at its far end")
    by: str | None = Field(None, description="who changed it there")


class NoteLine(Line):
    """What is to be written: a note on a ticket, or a mail to the client."""

    line: Literal["note"] = Field(description="the kind of line")
    ticket: str | None = Field(None, description="the ticket, where it is known already")
    to: Literal["client"] | None = Field(None, description="the client, for a mail; absent for a note on the ticket")
    text: str = Field(description="what it says")


class HandoverLine(Line):
    """A case's ticket goes to another desk."""

    line: Literal["handover"] = Field(description="the kind of line")
    to: str = Field(description="the queue of the desk that has it now")
    ticket: str | None = Field(None, description="the ticket, where it is known already")
    text: str | None = Field(None, description="what is said with it")


class RebootLine(Line):
    """A line's modem is to be told to restart."""

    line: Literal["reboot"] = Field(description="the kind of line")
    link: str = Field(description="the line")


class ProposalLine(Line):
    """A re-route put to a person, and what became of it."""

    line: Literal["proposal"] = Field(description="the kind of line")
    proposal: str = Field(description="P-1, P-2... by creation")
    link: str = Field(description="the line that would take the traffic")
    status: ProposalStatus = Field(description="where it is in its life")


class AlarmLine(Line):
    """Something that a person must hear of, and that is no client's trouble."""

    line: Literal["alarm"] = Field(description="the kind of line")


class WithheldLine(Line):
    """Something that was considered and not done."""

    line: Literal["withheld"] = Field(description="the kind of line")


class FactDocument(_Document):
    """What a source said, as it was understood."""

    time: AwareDatetime = Field(description="when it was so")
    subject: str = Field(description="the device, line, or part of a source")
    kind: FactKind = Field(description="what kind of fact")
    value: str = Field(description="in our words; what is not understood is unknown")
    source: Source = Field(description="who said it")
    detail: str = Field(description="in the source's own words")


class CallLine(_Document):
    """One attempt at a far end."""

    seq: int = Field(description="counts from 1")
    at: AwareDatetime = Field(description="when it happened in the scenario")
    line: Literal["call"] = Field(description="the kind of line")
    reason: str = Field(description="the outcome: ok, http_500, timeout_before, timeout_after, http_<status>")
    input: int | None = Field(None, description="place in the timeline from 0; absent for what sweep or timer did")
    call: str = Field(description="create, note, attach, resolve; apply, revert; or an orchestrator's method")
    key: str = Field(
        description="what makes it happen once: the effect's key, file, device; or the orchestrator's name"
    )
    facts: tuple[FactDocument, ...] | None = Field(
        None, description="with the last call of an orchestrator's reading: what all of its answers meant"
    )
    rows: int | None = Field(None, description="and how many rows of samples they brought")
    detail: str | None = Field(None, description="and what was wrong with them")


class SummaryLine(_Document):
    """The last line."""

    seq: int = Field(description="counts from 1")
    at: AwareDatetime = Field(description="when it happened in the scenario")
    line: Literal["summary"] = Field(description="the kind of line")
    reason: Literal["end"] = Field(description="the scenario is over")
    open_cases: tuple[str, ...] = Field(description="cases that still stand, oldest first")
    tickets: tuple[str, ...] = Field(description="every ticket that was opened, oldest first")
    calls: Mapping[str, int] = Field(description="attempts at far ends, by kind")
    lines: Mapping[str, int] = Field(description="how many lines of each kind came before this one")


BY_KIND: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "trouble": VerdictLine,
        "verdict": VerdictLine,
        "case": CaseLine,
        "ticket": TicketLine,
        "note": NoteLine,
        "handover": HandoverLine,
        "reboot": RebootLine,
        "proposal": ProposalLine,
        "alarm": AlarmLine,
        "withheld": WithheldLine,
        "call": CallLine,
        "summary": SummaryLine,
    }
)
"""The model of each kind of line."""
