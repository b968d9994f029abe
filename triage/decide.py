"""What follows from what happened: (case, event, context) -> Decision. Pure; the same inputs give the same effects.

One function per kind of event. The life of a case:

    suspected --held--> open --trouble gone--> monitoring --stayed gone--> resolved
        |                 ^ ^________________________|
        '--did not hold--> closed        pending: a claim that waits for statistics
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from triage.case_rules import needs_a_person, quarantine, resolved_before
from triage.cases import (
    Case,
    CaseStatus,
    Context,
    Decision,
    Judged,
    Origin,
    Proposal,
    Timer,
    TimerKind,
)
from triage.consequences import attach, evidence_effects, resolved, ticket_effects
from triage.inputs import ClaimReported
from triage.model import Cause, Verdict, VerdictKind
from triage.reasons import Reason
from triage.recompute import FACTS

SAME_ONSET = timedelta(minutes=15)
"""Two looks at one trouble may place its onset this far apart: as far as three of an orchestrator's slots."""


def on_claim(case: Case | None, reported: ClaimReported, judged: Judged, context: Context) -> Decision:
    """A client's claim: joins the site's open case, or the ended one about the very same trouble, or opens one."""
    known = case or _ended_about_the_same(judged, context)
    before = known or _new_case(Origin.CLIENT, judged, context)
    kind = judged.verdict.verdict
    status = _status_after_claim(before.status, kind)
    tells_more = known is None or kind is VerdictKind.CONFIRMED or before.status is CaseStatus.PENDING
    after = replace(
        _with_verdict(before, judged) if tells_more else before,
        status=status,
        origins=_joined_origins(before.origins, Origin.CLIENT),
        claim=before.claim or reported.claim,
        claims=before.claims + 1,
        ticket_wanted=before.ticket_wanted or reported.open_ticket,
        updated_at=context.now,
        next_action=_next_action(kind),
        next_action_at=judged.verdict.rejudge_at,
    )
    if case is not None and case.status is CaseStatus.SUSPECTED and kind is VerdictKind.CONFIRMED:
        # Quarantine would have opened a ticket; a client who says the same must not prevent it.
        after = _wanting_ticket(after, judged, context)
    if before.ticket_wanted or before.ticket is not None:
        said = "The client reported again." if before.claims else "The client reports it too."
        effects = evidence_effects(after, judged, f"{said} {judged.text}", key=f"claim:{after.claims}")
        if before.ticket is None and before.evidence_sha256 is not None:
            # Once its ticket is open a case brings its newest evidence there; its text names what it was opened with.
            effects = (attach(before, before.evidence_sha256), *effects)
    else:
        effects = ticket_effects(after, judged)
    timers = []
    if judged.verdict.rejudge_at is not None:
        timers.append(Timer(case=after.id, kind=TimerKind.REJUDGE, due_at=judged.verdict.rejudge_at))
    if status is CaseStatus.MONITORING and before.status is not CaseStatus.MONITORING:
        timers.append(Timer(case=after.id, kind=TimerKind.RECOVERY, due_at=context.now + context.rules.recovery))
    return Decision(
        case=after,
        reason=Reason.CLAIM_JOINED if known is not None else _claim_reason(kind),
        effects=effects,
        timers=tuple(timers),
        cancelled=(TimerKind.QUARANTINE,) if before.status is CaseStatus.SUSPECTED else (),
        proposal=_proposal(after, judged, context),
        judged=judged,
    )


def _ended_about_the_same(judged: Judged, context: Context) -> Case | None:
    """The site's resolved case, taken up again, if what the client means is the trouble that it stood for."""
    ended, verdict = context.ended, judged.verdict
    if ended is None or ended.status is not CaseStatus.RESOLVED or verdict.verdict is not VerdictKind.RECOVERED:
        return None
    if (ended.link, ended.cause) != (verdict.link, verdict.cause) or ended.onset is None or verdict.onset is None:
        return None
    if abs(ended.onset - verdict.onset) > SAME_ONSET:
        return None
    return replace(ended, status=CaseStatus.PENDING, ended_at=None)


def _status_after_claim(before: CaseStatus, kind: VerdictKind) -> CaseStatus:
    """A confirmed claim opens; one that waits for data is pending; the rest only watch, unless work is under way."""
    if kind is VerdictKind.CONFIRMED:
        return CaseStatus.OPEN
    undecided = before in (CaseStatus.SUSPECTED, CaseStatus.PENDING)
    if kind is VerdictKind.INCONCLUSIVE:
        return CaseStatus.PENDING if undecided else before
    return CaseStatus.MONITORING if undecided else before


def on_trouble(case: Case | None, judged: Judged, context: Context) -> Decision:
    """The sweep looked at a site, because something was nominated there or because its case is open."""
    troubled = judged.verdict.verdict is VerdictKind.CONFIRMED
    if case is None:
        if not troubled:
            return Decision(case=None, reason=Reason.NOTHING_FOUND)
        if _over(judged.verdict):
            return Decision(case=None, reason=Reason.TROUBLE_OVER)
        if context.in_maintenance:
            return Decision(case=None, reason=Reason.IN_MAINTENANCE, judged=judged)
        return _suspect(judged, context)
    if case.status in (CaseStatus.SUSPECTED, CaseStatus.PENDING):
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING)
    if judged.verdict.verdict is VerdictKind.INCONCLUSIVE:
        return Decision(case=None, reason=Reason.RECHECK_WITHOUT_DATA)
    if not troubled:
        return _trouble_gone(case, context)
    return _trouble_again(case, judged, context)


def _over(verdict: Verdict) -> bool:
    """Whether a trouble that was there a moment ago is over for certain: a source says so, or packets pass again. A
    lossy or slow line has good minutes by chance, so that of such it takes a verdict of `recovered`."""
    if verdict.end is None or not verdict.findings:
        return False
    told = verdict.findings[0].metric.startswith(FACTS)
    return told or verdict.cause in (Cause.LINK_DOWN, Cause.SITE_DOWN)


def _suspect(judged: Judged, context: Context) -> Decision:
    case = _new_case(Origin.MACHINE, judged, context)
    wait = quarantine(judged.verdict, context.rules)
    if not wait:
        return replace(_held(case, judged, context), reason=Reason.NO_QUARANTINE)
    due = context.now + wait
    case = replace(case, next_action="look again before a ticket is opened", next_action_at=due)
    timer = Timer(case=case.id, kind=TimerKind.QUARANTINE, due_at=due)
    return Decision(case=case, reason=Reason.TROUBLE_SUSPECTED, timers=(timer,), judged=judged)


def _trouble_gone(case: Case, context: Context) -> Decision:
    if case.status is CaseStatus.MONITORING:
        return Decision(case=None, reason=Reason.RECOVERY_SEEN)
    due = context.now + context.rules.recovery
    after = replace(
        case,
        status=CaseStatus.MONITORING,
        updated_at=context.now,
        next_action="resolve if the trouble stays gone",
        next_action_at=due,
    )
    timer = Timer(case=case.id, kind=TimerKind.RECOVERY, due_at=due)
    return Decision(case=after, reason=Reason.RECOVERY_SEEN, timers=(timer,))


def _trouble_again(case: Case, judged: Judged, context: Context) -> Decision:
    came_back = case.status is CaseStatus.MONITORING
    quiet = context.rules.causes_without_ticket
    if judged.verdict.cause in quiet and case.cause not in quiet:
        # That contact was lost too says nothing about the fault that the case stands for.
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING)
    changed = case.cause is not judged.verdict.cause or case.severity is not judged.verdict.severity
    alone = case.ticket_withheld and case.parent is None
    if not came_back and not changed and not alone:
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING)
    after = replace(
        _with_verdict(case, judged),
        status=CaseStatus.OPEN,
        origins=_joined_origins(case.origins, Origin.MACHINE),
        updated_at=context.now,
        documented_at=context.now if came_back else case.documented_at,
        next_action="work on the trouble",
        next_action_at=None,
    )
    after = _wanting_ticket(after, judged, context)
    lead = "The trouble is back." if came_back else "The trouble has changed."
    reason = Reason.RECOVERY_BROKEN if came_back else Reason.TROUBLE_CHANGED
    return Decision(
        case=after,
        reason=reason if came_back or changed else Reason.LEFT_PARENT,
        effects=ticket_effects(after, judged)
        if after.ticket is None
        else evidence_effects(after, judged, f"{lead} {judged.text}"),
        cancelled=(TimerKind.RECOVERY,),
        proposal=_proposal(after, judged, context),
        judged=judged,
    )


def on_quarantine(case: Case, judged: Judged, context: Context) -> Decision:
    """The second look at a suspected trouble: still there, or not, or it could not be seen.

    A provider reads again after its quarantine and opens a ticket only for what is there still.
    """
    if case.status is not CaseStatus.SUSPECTED:
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING)
    match judged.verdict.verdict:
        case VerdictKind.INCONCLUSIVE:
            due = context.now + context.rules.recheck
            timer = Timer(case=case.id, kind=TimerKind.QUARANTINE, due_at=due)
            after = replace(case, updated_at=context.now, next_action_at=due)
            return Decision(case=after, reason=Reason.RECHECK_WITHOUT_DATA, timers=(timer,))
        case VerdictKind.CONFIRMED if not _over(judged.verdict):
            return _held(_with_verdict(case, judged), judged, context)
        case _:
            after = replace(
                case, status=CaseStatus.CLOSED, updated_at=context.now, ended_at=context.now, next_action=""
            )
            return Decision(case=after, reason=Reason.TROUBLE_DID_NOT_HOLD, judged=judged)


def _held(case: Case, judged: Judged, context: Context) -> Decision:
    """The trouble is believed: work, and a ticket where the cause has one."""
    opened = replace(
        case,
        status=CaseStatus.OPEN,
        updated_at=context.now,
        documented_at=context.now,
        next_action="work on the trouble",
        next_action_at=None,
    )
    wanting = _wanting_ticket(opened, judged, context)
    return Decision(
        case=wanting,
        reason=_held_reason(wanting),
        effects=ticket_effects(wanting, judged),
        proposal=_proposal(wanting, judged, context),
        judged=judged,
    )


def on_rejudge(case: Case, judged: Judged, context: Context) -> Decision:
    """The claim's statistics should be there now: the same claim, judged again."""
    if not case.status.is_open:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    verdict = judged.verdict.verdict
    if verdict is VerdictKind.INCONCLUSIVE and judged.verdict.rejudge_at is not None:
        timer = Timer(case=case.id, kind=TimerKind.REJUDGE, due_at=judged.verdict.rejudge_at)
        after = replace(case, updated_at=context.now, next_action_at=judged.verdict.rejudge_at)
        return Decision(case=after, reason=Reason.RECHECK_WITHOUT_DATA, timers=(timer,), judged=judged)
    healthy = verdict in (VerdictKind.RECOVERED, VerdictKind.NOT_SUBSTANTIATED)
    after = replace(
        _with_verdict(case, judged),
        status=CaseStatus.MONITORING if healthy else CaseStatus.OPEN,
        updated_at=context.now,
        next_action=_next_action(verdict),
        next_action_at=None,
    )
    if verdict is VerdictKind.CONFIRMED:
        # Nobody is on the phone any more to ask for a ticket: a trouble that is there now gets one as if found by us.
        after = _wanting_ticket(after, judged, context)
    recovery = Timer(case=case.id, kind=TimerKind.RECOVERY, due_at=context.now + context.rules.recovery)
    effects = (
        evidence_effects(after, judged, f"Judged again. {judged.text}")
        if after.ticket is not None
        else ticket_effects(after, judged)
    )
    return Decision(
        case=after,
        reason=_claim_reason(verdict),
        effects=effects,
        timers=(recovery,) if healthy else (),
        proposal=_proposal(after, judged, context),
        judged=judged,
    )


def on_recovery(case: Case, judged: Judged, context: Context) -> Decision:
    """The trouble has been gone for the recovery window: resolve, unless data lack or a client is in it."""
    if case.status is not CaseStatus.MONITORING:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    if judged.verdict.verdict is VerdictKind.CONFIRMED:
        return _trouble_again(case, judged, context)
    if judged.verdict.verdict is VerdictKind.INCONCLUSIVE:
        due = context.now + context.rules.recheck
        timer = Timer(case=case.id, kind=TimerKind.RECOVERY, due_at=due)
        return Decision(case=replace(case, next_action_at=due), reason=Reason.RECHECK_WITHOUT_DATA, timers=(timer,))
    if Origin.CLIENT in case.origins:
        after = replace(
            case, updated_at=context.now, next_action="ask the client to confirm that it is well", next_action_at=None
        )
        return Decision(case=after, reason=Reason.CLIENT_MUST_CONFIRM)
    why = needs_a_person(case, context.rules, context.zone, context.now)
    if why is not None:
        after = replace(
            case, updated_at=context.now, next_action="resolve it when it is understood", next_action_at=None
        )
        return Decision(case=after, reason=why)
    machine = replace(case, resolved_by_machine=True)
    return resolved(machine, "The trouble has stayed gone.", Reason.RECOVERY_HELD, context)


def _new_case(origin: Origin, judged: Judged, context: Context) -> Case:
    verdict = judged.verdict
    return Case(
        id=context.new_case_id,
        client=verdict.client,
        site=verdict.site,
        status=CaseStatus.SUSPECTED,
        origins=(origin,),
        title=judged.title,
        cause=verdict.cause,
        scope=verdict.scope,
        severity=verdict.severity,
        link=verdict.link,
        onset=verdict.onset,
        opened_at=context.now,
        updated_at=context.now,
        evidence_sha256=judged.evidence_sha256,
        resolved_before=resolved_before(context.ended, verdict.link, context.now),
    )


def _with_verdict(case: Case, judged: Judged) -> Case:
    verdict = judged.verdict
    return replace(
        case,
        title=judged.title,
        cause=verdict.cause,
        scope=verdict.scope,
        severity=verdict.severity,
        link=verdict.link,
        onset=verdict.onset,
        evidence_sha256=judged.evidence_sha256,
    )


def _joined_origins(origins: tuple[Origin, ...], origin: Origin) -> tuple[Origin, ...]:
    return origins if origin in origins else (*origins, origin)


def _wanting_ticket(case: Case, judged: Judged, context: Context) -> Case:
    """With a ticket of its own, where the policy opens one for the cause and no parent case stands for it."""
    ticketed = judged.verdict.cause not in context.rules.causes_without_ticket
    withheld = ticketed and case.parent is not None and not case.ticket_wanted
    return replace(case, ticket_wanted=case.ticket_wanted or (ticketed and not withheld), ticket_withheld=withheld)


def _held_reason(case: Case) -> Reason:
    if case.ticket_wanted:
        return Reason.TROUBLE_HELD
    return Reason.CARRIER_PARENT if case.ticket_withheld else Reason.NO_TICKET_FOR_CAUSE


def _proposal(case: Case, judged: Judged, context: Context) -> Proposal | None:
    """The best fit option as a proposal, once per case, while the trouble is there."""
    verdict = judged.verdict
    best = next((option for option in verdict.options if option.fit), None)
    if verdict.verdict is not VerdictKind.CONFIRMED or verdict.link is None or best is None:
        return None
    if context.proposal is not None:
        return None
    return Proposal(
        id=context.new_proposal_id,
        case=case.id,
        site=case.site,
        from_link=verdict.link,
        to_link=best.link,
        action=best.action,
        proposed_at=context.now,
    )


def _claim_reason(kind: VerdictKind) -> Reason:
    return {
        VerdictKind.CONFIRMED: Reason.CLAIM_CONFIRMED,
        VerdictKind.RECOVERED: Reason.CLAIM_RECOVERED,
        VerdictKind.NOT_SUBSTANTIATED: Reason.CLAIM_NOT_SUBSTANTIATED,
        VerdictKind.INCONCLUSIVE: Reason.CLAIM_INCONCLUSIVE,
    }[kind]


def _next_action(kind: VerdictKind) -> str:
    return {
        VerdictKind.CONFIRMED: "work on the trouble",
        VerdictKind.RECOVERED: "tell the client that it has passed, and what it was",
        VerdictKind.NOT_SUBSTANTIATED: "tell the client what was measured",
        VerdictKind.INCONCLUSIVE: "judge again when the statistics are there",
    }[kind]
