"""What follows from a trouble that is seen, gone, or back: (case, judged, context) -> Decision. Pure; the same inputs
give the same effects.

One function per kind of event; the statuses and what they mean: `triage.life_cycle`.
"""

from __future__ import annotations

from dataclasses import replace

from triage.case_parts import joined_origins, new_case, proposed, wanting_ticket, with_verdict
from triage.case_rules import OUTAGES, has_changed, may_worsen, needs_a_person, quarantine, without_data
from triage.cases import Case, CaseStatus, Context, Decision, Effect, Judged, Origin, PendingWhy, Timer, TimerKind
from triage.consequences import attach, evidence_effects, regraded, ticket_effects
from triage.life_cycle import (
    closed,
    has_ticket,
    is_decided,
    is_held_by_person,
    is_same_work,
    is_suspected_again,
    left,
    owing_word,
    passed,
    reopen_ticket,
    reopened,
    resolved,
    still_resolved,
    suspected_again,
)
from triage.model import Cause, Verdict, VerdictKind
from triage.reasons import Reason
from triage.recompute import FACTS


def on_trouble(case: Case | None, judged: Judged, context: Context) -> Decision:
    """The sweep looked at a site, because something was nominated there or because its case is open."""
    troubled = judged.verdict.verdict is VerdictKind.CONFIRMED
    if case is None:
        if not troubled:
            return Decision(case=None, reason=Reason.NOTHING_FOUND)
        if _over(judged.verdict):
            return Decision(case=None, reason=Reason.TROUBLE_OVER)
        if is_decided(context.ended, judged.verdict):
            return Decision(case=None, reason=Reason.PERSON_DECIDED)
        if context.in_maintenance:
            return Decision(case=None, reason=Reason.IN_MAINTENANCE, judged=judged)
        return _suspect(judged, context)
    worse = judged.verdict.cause in OUTAGES and troubled and not _over(judged.verdict)
    if worse and may_worsen(case.status, case.cause):
        return _worse_meanwhile(case, judged, context)
    if case.status is CaseStatus.SUSPECTED or waits_for_statistics(case):
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING)
    if judged.verdict.verdict is VerdictKind.INCONCLUSIVE and not _is_well(case, judged, context):
        if case.looks_without_data:
            return Decision(case=None, reason=Reason.STILL_WITHOUT_DATA)
        return Decision(case=replace(case, looks_without_data=1), reason=Reason.RECHECK_WITHOUT_DATA)
    follow = _trouble_again if troubled else _trouble_gone
    if not case.looks_without_data or case.status is CaseStatus.MONITORING:
        return follow(case, judged, context)
    seen = replace(case, looks_without_data=0)
    decision = follow(seen, judged, context)
    return decision if decision.case is not None else replace(decision, case=seen)


def waits_for_statistics(case: Case) -> bool:
    """Whether a claim is judged again when its statistics have come: nobody looks at the site before."""
    return case.pending is not None and case.pending.why is PendingWhy.STATISTICS and not case.pending.by


def _over(verdict: Verdict) -> bool:
    """Whether a trouble that was there a moment ago is over for certain: a source says so, or packets pass again. A
    lossy or slow line has good minutes by chance, so that of such it takes a verdict of `recovered`."""
    if verdict.end is None or not verdict.findings:
        return False
    told = verdict.findings[0].metric.startswith(FACTS)
    return told or verdict.cause in (Cause.LINK_DOWN, Cause.SITE_DOWN)


def _suspect(judged: Judged, context: Context) -> Decision:
    ended = context.ended
    if ended is not None and is_same_work(ended, judged.verdict, context.now, context.rules.reopen):
        case = with_verdict(suspected_again(ended, context), judged, context)
    else:
        case = new_case(Origin.MACHINE, judged, context)
    wait = quarantine(judged.verdict, context.rules)
    if not wait:
        held = _held(case, judged, context)
        return replace(held, reason=Reason.NO_QUARANTINE, cancelled=(*held.cancelled, TimerKind.CLOSE))
    due = context.now + wait
    case = replace(case, next_action="look again before a ticket is opened", next_action_at=due)
    timer = Timer(case=case.id, kind=TimerKind.QUARANTINE, due_at=due)
    return Decision(
        case=case, reason=Reason.TROUBLE_SUSPECTED, timers=(timer,), cancelled=(TimerKind.CLOSE,), judged=judged
    )


def _worse_meanwhile(case: Case, judged: Judged, context: Context) -> Decision:
    """What was suspected has become an outage: taken as that at once, and due when it was, or now where outages of the
    line are trusted. (A provider's cycle dropped what got worse, until the next one.)"""
    worse = with_verdict(case, judged, context)
    if not quarantine(judged.verdict, context.rules):
        return replace(_held(worse, judged, context), reason=Reason.NO_QUARANTINE)
    return Decision(case=replace(worse, updated_at=context.now), reason=Reason.TROUBLE_CHANGED, judged=judged)


def _trouble_gone(case: Case, judged: Judged, context: Context) -> Decision:
    if case.status is CaseStatus.MONITORING and case.looks_without_data and _is_well(case, judged, context):
        # The time to recover was over, and only data lacked: they are here, so nobody waits for the distant next look.
        seen = replace(case, looks_without_data=0, next_action_at=context.now)
        timer = Timer(case=case.id, kind=TimerKind.RECOVERY, due_at=context.now)
        return Decision(case=seen, reason=Reason.RECOVERY_SEEN, timers=(timer,))
    if case.status is CaseStatus.MONITORING or is_held_by_person(case):
        return Decision(case=None, reason=Reason.RECOVERY_GOES_ON)
    due = context.now + context.rules.recovery
    after = replace(
        passed(case, CaseStatus.MONITORING, context.now),
        next_action="resolve if the trouble stays gone"
        if whose_to_resolve(case, context) is None
        else "see whether it stays gone; then a person resolves it",
        next_action_at=due,
    )
    timer = Timer(case=case.id, kind=TimerKind.RECOVERY, due_at=due)
    return Decision(case=after, reason=Reason.RECOVERY_SEEN, timers=(timer,), cancelled=left(case, after))


def _trouble_again(case: Case, judged: Judged, context: Context) -> Decision:
    came_back = case.status is CaseStatus.MONITORING
    quiet = context.rules.causes_without_ticket
    if judged.verdict.cause in quiet and case.cause not in quiet:
        # That contact was lost too says nothing about the fault that the case stands for.
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING)
    changed = has_changed(case, judged.verdict, context)
    alone = case.ticket_withheld and case.parent is None
    if not came_back and not changed and not alone:
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING)
    waits = case.status is CaseStatus.PENDING
    told = with_verdict(case, judged, context)
    after = replace(
        passed(told, CaseStatus.PENDING if waits else CaseStatus.OPEN, context.now, case.pending),
        origins=joined_origins(case.origins, Origin.MACHINE),
        documented_at=context.now if came_back else case.documented_at,
        next_action=case.next_action if waits else "work on the trouble",
        next_action_at=case.next_action_at if waits else None,
    )
    after = wanting_ticket(after, judged, context)
    lead = "The trouble is back." if came_back else "The trouble has changed."
    reason = Reason.RECOVERY_BROKEN if came_back else Reason.TROUBLE_CHANGED
    return Decision(
        case=after,
        reason=reason if came_back or changed else Reason.LEFT_PARENT,
        effects=ticket_effects(after, judged)
        if not has_ticket(case)
        else (*evidence_effects(after, judged, f"{lead} {judged.text}"), *regraded(case, after, str(context.input))),
        cancelled=(TimerKind.RECOVERY,),
        proposal=proposed(after, judged, context),
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
            return _looked_in_vain(case, TimerKind.QUARANTINE, context)
        case VerdictKind.CONFIRMED if not _over(judged.verdict):
            return _held(with_verdict(case, judged, context), judged, context)
        case _ if is_suspected_again(case):
            after, timers = still_resolved(case, context)
            return Decision(case=after, reason=Reason.TROUBLE_DID_NOT_HOLD, timers=timers, judged=judged)
        case _:
            return replace(closed(case, "", Reason.TROUBLE_DID_NOT_HOLD, context), judged=judged)


def _held(case: Case, judged: Judged, context: Context) -> Decision:
    """The trouble is believed: work, and a ticket where the cause has one; a case taken up again has its own."""
    again = is_suspected_again(case)
    believed = reopened(case, CaseStatus.OPEN, context) if again else passed(case, CaseStatus.OPEN, context.now)
    opened, timers = owing_word(
        replace(believed, documented_at=context.now, next_action="work on the trouble", next_action_at=None), context
    )
    wanting = wanting_ticket(opened, judged, context)
    effects: tuple[Effect, ...] = ticket_effects(wanting, judged)
    if again and has_ticket(case):
        effects = (
            reopen_ticket(wanting, f"The trouble is back. {judged.text}"),
            attach(wanting, judged.evidence_sha256),
        )
    return Decision(
        case=wanting,
        reason=Reason.REOPENED if again else _held_reason(wanting),
        effects=effects,
        timers=timers,
        cancelled=(TimerKind.QUARANTINE,),
        proposal=proposed(wanting, judged, context),
        judged=judged,
    )


def _held_reason(case: Case) -> Reason:
    if case.ticket_wanted:
        return Reason.TROUBLE_HELD
    return Reason.CARRIER_PARENT if case.ticket_withheld else Reason.NO_TICKET_FOR_CAUSE


def on_recovery(case: Case, judged: Judged, context: Context) -> Decision:
    """The trouble has been gone for the recovery window: resolve, unless data lack or a person is in it. A case that a
    client reported is resolved pending the client's word."""
    if case.status is not CaseStatus.MONITORING:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    if judged.verdict.verdict is VerdictKind.CONFIRMED:
        return _trouble_again(case, judged, context)
    if not _is_well(case, judged, context):
        return _looked_in_vain(case, TimerKind.RECOVERY, context)
    case = replace(case, looks_without_data=0)
    why = whose_to_resolve(case, context)
    if why is not None:
        after = replace(
            case, updated_at=context.now, next_action="resolve it when it is understood", next_action_at=None
        )
        return Decision(case=after, reason=why)
    if Origin.CLIENT in case.origins:
        hours = context.rules.close.total_seconds() / 3600
        text = f"The trouble has stayed gone. The client is asked to confirm; it is closed after {hours:g} hours."
        return resolved(case, text, Reason.CLIENT_MUST_CONFIRM, context)
    machine = replace(case, resolved_by_machine=True)
    return resolved(machine, "The trouble has stayed gone.", Reason.RECOVERY_HELD, context)


def _looked_in_vain(case: Case, kind: TimerKind, context: Context) -> Decision:
    after, reason = without_data(case, context.now, context.rules)
    timer = Timer(case=case.id, kind=kind, due_at=after.next_action_at or context.now)
    return Decision(case=after, reason=reason, timers=(timer,))


def _is_well(case: Case, judged: Judged, context: Context) -> bool:
    """Whether its own line, or the device before it, is known to be well: by data or words, never by their absence."""
    line = context.line_of(case)
    return judged.healthy.covers(case.cause, case.link, line.device if line is not None else None)


def whose_to_resolve(case: Case, context: Context) -> Reason | None:
    """Why a person has to resolve it; None where the machine may. What a client reported is the client's to confirm;
    what had its ticket at the carrier's parent case alone is that one's work, and nobody's besides."""
    if case.decided_by is not None or {Origin.PERSON, Origin.CARRIER} & {*case.origins}:
        return Reason.PERSON_MUST_RESOLVE
    if Origin.CLIENT in case.origins or (case.parent is not None and not has_ticket(case)):
        return None
    line = context.line_of(case)
    return needs_a_person(case, context.rules, context.zone, context.now, line.access if line is not None else None)
