"""What follows from a client's claim, when it comes and when its statistics have come.

Pure; the same inputs give the same effects.
"""

from __future__ import annotations

from dataclasses import replace

from triage.case_parts import joined_origins, new_case, proposed, reported_effects, wanting_ticket, with_verdict
from triage.case_rules import without_data
from triage.cases import (
    Case,
    CaseStatus,
    Context,
    Decision,
    Judged,
    Origin,
    Pending,
    PendingWhy,
    Timer,
    TimerKind,
)
from triage.consequences import evidence_effects, ticket_effects
from triage.inputs import ClaimReported
from triage.intake import later
from triage.life_cycle import (
    SAME_ONSET,
    has_ticket,
    is_about,
    is_held_by_person,
    is_same_work,
    is_suspected_again,
    left,
    owing_word,
    passed,
    reopened,
)
from triage.model import VerdictKind
from triage.reasons import Reason


def on_claim(case: Case | None, reported: ClaimReported, judged: Judged, context: Context) -> Decision:
    """A client's claim: joins the site's open case, takes up the resolved one that it is about, or opens one."""
    again = (
        case if case is not None and is_suspected_again(case) else _objected_to(judged, context) if not case else None
    )
    known = case or again
    before = known or new_case(Origin.CLIENT, judged, context)
    kind = judged.verdict.verdict
    status = _status_after_claim(before, kind, anew=again is not None)
    tells_more = known is None or again or kind is VerdictKind.CONFIRMED or before.status is CaseStatus.PENDING
    told = with_verdict(before, judged, context) if tells_more else before
    pending = _pending(before, status, judged, context)
    moved = reopened(told, status, context) if again else passed(told, status, context.now, pending)
    after, timers = owing_word(
        replace(
            moved,
            pending=pending,
            origins=joined_origins(before.origins, Origin.CLIENT),
            claim=later(before.claim, reported.claim, before.intake),
            claims=before.claims + 1,
            ticket_wanted=before.ticket_wanted or reported.open_ticket,
            next_action=next_action(kind),
            next_action_at=judged.verdict.rejudge_at,
        ),
        context,
    )
    if before.status is CaseStatus.SUSPECTED and case is not None and kind is VerdictKind.CONFIRMED:
        # Quarantine would have opened a ticket; a client who says the same must not prevent it.
        after = wanting_ticket(after, judged, context)
    if judged.verdict.rejudge_at is not None:
        timers += (Timer(case=after.id, kind=TimerKind.REJUDGE, due_at=judged.verdict.rejudge_at),)
    if status is CaseStatus.MONITORING and before.status is not CaseStatus.MONITORING:
        timers += (Timer(case=after.id, kind=TimerKind.RECOVERY, due_at=context.now + context.rules.recovery),)
    said = "The client reported again." if before.claims else "The client reports it too."
    return Decision(
        case=after,
        reason=Reason.REOPENED if again else Reason.CLAIM_JOINED if known else claim_reason(kind),
        effects=reported_effects(before, after, judged, f"{said} {judged.text}", f"claim:{after.claims}"),
        timers=timers,
        cancelled=left(before, after),
        proposal=proposed(after, judged, context),
        judged=judged,
    )


def _objected_to(judged: Judged, context: Context) -> Case | None:
    """The site's resolved case that the client still speaks of: one that was theirs and is not closed, unless another
    line is meant; or the very trouble that was found without them; or one that is back."""
    ended, verdict = context.ended, judged.verdict
    if ended is None or ended.status is not CaseStatus.RESOLVED:
        return None
    if Origin.CLIENT in ended.origins and (None in (ended.link, verdict.link) or ended.link == verdict.link):
        return ended
    if verdict.verdict is VerdictKind.CONFIRMED:
        return ended if is_same_work(ended, verdict, context.now, context.rules.reopen) else None
    if verdict.verdict is not VerdictKind.RECOVERED or not is_about(ended, verdict):
        return None
    if ended.onset is None or verdict.onset is None or abs(ended.onset - verdict.onset) > SAME_ONSET:
        return None
    return ended


def _status_after_claim(before: Case, kind: VerdictKind, *, anew: bool) -> CaseStatus:
    """A confirmed claim opens; one that waits for data is pending; the rest only watch, unless work is under way. What
    a person holds stays held."""
    if is_held_by_person(before):
        return CaseStatus.PENDING
    if kind is VerdictKind.CONFIRMED:
        return CaseStatus.OPEN
    undecided = anew or before.status in (CaseStatus.SUSPECTED, CaseStatus.PENDING)
    if kind is VerdictKind.INCONCLUSIVE:
        return CaseStatus.PENDING if undecided else before.status
    return CaseStatus.MONITORING if undecided else before.status


def _pending(before: Case, status: CaseStatus, judged: Judged, context: Context) -> Pending | None:
    """What a case that is pending now waits for: what it waited for before, or the statistics of this claim."""
    if status is not CaseStatus.PENDING:
        return None
    if before.pending is not None and (before.pending.by or before.pending.why is not PendingWhy.STATISTICS):
        return before.pending
    since = before.pending.since if before.pending is not None else context.now
    return Pending(why=PendingWhy.STATISTICS, since=since, until=judged.verdict.rejudge_at)


def on_rejudge(case: Case, judged: Judged, context: Context) -> Decision:
    """The claim's statistics should be there now: the same claim, judged again."""
    if not case.status.is_open:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    verdict, due = judged.verdict.verdict, judged.verdict.rejudge_at
    if verdict is VerdictKind.INCONCLUSIVE and due is not None:
        looked, reason = without_data(case, context.now, context.rules)
        due = max(due, looked.next_action_at or due)
        timer = Timer(case=case.id, kind=TimerKind.REJUDGE, due_at=due)
        pending = _pending(case, case.status, judged, context)
        after = replace(looked, pending=pending, next_action_at=due)
        first = reason is Reason.RECHECK_WITHOUT_DATA
        return Decision(case=after, reason=reason, timers=(timer,), judged=judged if first else None)
    healthy = verdict in (VerdictKind.RECOVERED, VerdictKind.NOT_SUBSTANTIATED)
    told = with_verdict(case, judged, context)
    if not is_held_by_person(case):
        told = passed(told, CaseStatus.MONITORING if healthy else CaseStatus.OPEN, context.now)
    after = replace(told, updated_at=context.now, next_action=next_action(verdict), next_action_at=None)
    if verdict is VerdictKind.CONFIRMED:
        # Nobody is on the phone any more to ask for a ticket: a trouble that is there now gets one as if found by us.
        after = wanting_ticket(after, judged, context)
    recovery = Timer(case=case.id, kind=TimerKind.RECOVERY, due_at=context.now + context.rules.recovery)
    effects = (
        evidence_effects(after, judged, f"Judged again. {judged.text}")
        if has_ticket(case)
        else ticket_effects(after, judged)
    )
    return Decision(
        case=after,
        reason=claim_reason(verdict),
        effects=effects,
        timers=(recovery,) if after.status is CaseStatus.MONITORING else (),
        cancelled=left(case, after),
        proposal=proposed(after, judged, context),
        judged=judged,
    )


def claim_reason(kind: VerdictKind) -> Reason:
    return {
        VerdictKind.CONFIRMED: Reason.CLAIM_CONFIRMED,
        VerdictKind.RECOVERED: Reason.CLAIM_RECOVERED,
        VerdictKind.NOT_SUBSTANTIATED: Reason.CLAIM_NOT_SUBSTANTIATED,
        VerdictKind.INCONCLUSIVE: Reason.CLAIM_INCONCLUSIVE,
    }[kind]


def next_action(kind: VerdictKind) -> str:
    return {
        VerdictKind.CONFIRMED: "work on the trouble",
        VerdictKind.RECOVERED: "tell the client that it has passed, and what it was",
        VerdictKind.NOT_SUBSTANTIATED: "tell the client what was measured",
        VerdictKind.INCONCLUSIVE: "judge again when the statistics are there",
    }[kind]
