"""What follows when a person changes a ticket in the ticket system itself: their decision outranks ours. Pure.

The case follows its ticket and asks nothing of it: what stands there is what the person wants.
"""

from __future__ import annotations

from dataclasses import replace

from triage.acts import by_person, taken_up
from triage.cases import Case, CaseStatus, Context, Decision, Pending, PendingWhy, Timer, TimerKind
from triage.inputs import TicketChanged
from triage.life_cycle import (
    closed,
    is_held_by_person,
    is_suspected_again,
    left,
    owing_word,
    passed,
    reopened,
    resolved,
)
from triage.reasons import Reason
from triage.tickets.port import TicketStatus

WAITS_FOR = {TicketStatus.PENDING: PendingWhy.CLIENT, TicketStatus.HELD: PendingWhy.CARRIER}
"""TMF621: `pending` waits for whoever reported it, `held` for something else, such as a supplier."""
WORKED_ON = (TicketStatus.ACKNOWLEDGED, TicketStatus.IN_PROGRESS)
LONGEST_TOLD = 500
"""Characters of a person's note that the case's story shows; the ticket has all of it."""


def on_ticket_changed(case: Case, changed: TicketChanged, context: Context) -> Decision:
    """Owner, queue and severity are the person's from now on; a status moves the case as their act would."""
    if changed.gone is not None:
        return _there(case, changed, gone=changed.gone, context=context)
    detail = f"{changed.by} in {changed.ticket}: {_told(changed)}"
    after, timers = _taken_over(case, changed, context)
    decision = _moved(after, changed, detail, context)
    if decision is None:
        return Decision(
            case=after,
            reason=Reason.PERSON_ACTED,
            timers=timers if after.status.is_open else (),
            cancelled=_no_hand_over(changed),
            detail=detail,
        )
    if decision.case is None:
        # What of it cannot be is said; owner, queue and severity count all the same.
        return replace(decision, case=after, detail=f"{detail}; {decision.detail}")
    timers = (*timers, *decision.timers) if decision.case.status.is_open else decision.timers
    return replace(
        decision, effects=(), timers=timers, cancelled=(*decision.cancelled, *_no_hand_over(changed)), detail=detail
    )


def _there(case: Case, changed: TicketChanged, *, gone: bool, context: Context) -> Decision:
    """A ticket that was deleted, or merged or moved out of our sight, says nothing of the trouble: what becomes of its
    case is for a person to say, and no other ticket is opened meanwhile."""
    if case.ticket != changed.ticket or case.ticket_gone is gone or case.status is CaseStatus.CLOSED:
        return Decision(case=None, reason=Reason.PERSON_ACTED, detail=f"{changed.ticket}: {_told(changed)}")
    todo = f"ticket {changed.ticket} is gone: link another (`case open {case.site} --existing-ticket`), or end the case"
    after = replace(case, ticket_gone=gone, updated_at=context.now)
    if case.status.is_open:
        what, when = (todo, context.now) if gone else ("work on the trouble", None)
        after = replace(after, next_action=what, next_action_at=when)
    said = f"ticket {changed.ticket} is not there any more: {changed.note}" if gone else f"{changed.ticket} is back"
    return Decision(case=after, reason=Reason.PERSON_ACTED, detail=said)


def _taken_over(case: Case, changed: TicketChanged, context: Context) -> tuple[Case, tuple[Timer, ...]]:
    """The case with what the person set; a note of theirs is word of how it goes."""
    after = replace(case, updated_at=context.now)
    if changed.owner is not None:
        taken = (case.acknowledged_at or context.now) if changed.owner else case.acknowledged_at
        after = by_person(replace(after, owner=changed.owner or None, acknowledged_at=taken), "owner")
    if changed.queue is not None:
        after = by_person(replace(after, queue=changed.queue), "queue")
    if changed.severity is not None:
        after = by_person(replace(after, severity=changed.severity), "severity")
    return owing_word(after, context, told=True) if changed.note else (after, ())


def _moved(case: Case, changed: TicketChanged, detail: str, context: Context) -> Decision | None:
    """What the ticket's new status does to the case; None where it does nothing."""
    status = changed.status
    if status is TicketStatus.RESOLVED and case.status.is_open:
        return resolved(case, detail, Reason.PERSON_ACTED, context, by=changed.by)
    if status is not None and status.ended and status is not TicketStatus.RESOLVED:
        ends = case.status is not CaseStatus.CLOSED
        return closed(case, detail, Reason.PERSON_ACTED, context, by=changed.by) if ends else None
    if status in WAITS_FOR and case.status.is_open:
        return _held(case, WAITS_FOR[status], changed, context)
    if status not in WORKED_ON:
        return None
    if is_suspected_again(case) or not case.status.is_open:
        return taken_up(case, changed.by, "re-opened in the ticket system", context, tell=False)
    if is_held_by_person(case):
        after = replace(
            passed(case, CaseStatus.OPEN, context.now), next_action="work on the trouble", next_action_at=None
        )
        return Decision(case=after, reason=Reason.PERSON_ACTED, cancelled=left(case, after))
    return None


def _held(case: Case, why: PendingWhy, changed: TicketChanged, context: Context) -> Decision:
    pending = Pending(why=why, since=context.now, by=changed.by)
    begun = reopened(case, CaseStatus.OPEN, context, by=changed.by) if is_suspected_again(case) else case
    after = replace(
        passed(begun, CaseStatus.PENDING, context.now, pending), next_action=f"wait for: {why}", next_action_at=None
    )
    return Decision(
        case=after, reason=Reason.PERSON_ACTED, cancelled=(*left(case, after), TimerKind.RECOVERY, TimerKind.PENDING)
    )


def _no_hand_over(changed: TicketChanged) -> tuple[TimerKind, ...]:
    return (TimerKind.HAND_OVER,) if changed.queue is not None else ()


def _told(changed: TicketChanged) -> str:
    said = {
        "status": changed.status or "",
        "owner": "" if changed.owner is None else changed.owner or "nobody",
        "queue": changed.queue or "",
        "severity": changed.severity or "",
        "note": changed.note[:LONGEST_TOLD],
    }
    return ", ".join(f"{name}: {value}" for name, value in said.items() if value) or "touched"
