"""How a case passes from one status to the next: waits that stop its clock, its end, and what takes it up again. Pure.

    suspected --held--> open <--> pending        monitoring --stayed gone--> resolved --nobody objected--> closed
        |                 ^ ^____ gone, back ________^                          |                            |
        '--did not hold--> closed        ^________ still bad, the same trouble, a person's word _____________|

Resolved is over for us and not yet for the client, who may object. A case that is taken up again is the same case with
the same ticket, as a provider re-opens rather than opens a second ticket (MEF 124: `resolved`, then `reopened` or
`closed` by the buyer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from triage.carrier_leg import with_reasons
from triage.case_rules import resolved_before
from triage.cases import Case, CaseStatus, Context, Decision, Effect, EffectKind, Origin, Pending, Timer, TimerKind
from triage.consequences import resolve_ticket
from triage.model import Cause, Severity, Verdict
from triage.reasons import Reason
from triage.tickets.port import TicketStatus

SAME_ONSET = timedelta(minutes=15)
"""Two looks at one trouble may place its onset this far apart: as far as three of an orchestrator's slots."""

FLAPPING = frozenset({Cause.LINK_DOWN, Cause.INSTABILITY})
"""A line that is down again and again: each time it is an outage, all together they are instability."""

_S = CaseStatus
ARROWS: Mapping[CaseStatus, frozenset[CaseStatus]] = {
    _S.SUSPECTED: frozenset({_S.OPEN, _S.PENDING, _S.MONITORING, _S.RESOLVED, _S.CLOSED}),
    _S.OPEN: frozenset({_S.PENDING, _S.MONITORING, _S.RESOLVED, _S.CLOSED}),
    _S.PENDING: frozenset({_S.OPEN, _S.MONITORING, _S.RESOLVED, _S.CLOSED}),
    _S.MONITORING: frozenset({_S.OPEN, _S.PENDING, _S.RESOLVED, _S.CLOSED}),
    _S.RESOLVED: frozenset({_S.SUSPECTED, _S.OPEN, _S.PENDING, _S.MONITORING, _S.CLOSED}),
    _S.CLOSED: frozenset({_S.OPEN}),
}
"""Where a case may pass to: from resolved to suspected where the same trouble is seen again, and has to hold."""


def passed(case: Case, status: CaseStatus, now: datetime, pending: Pending | None = None) -> Case:
    """The case with another status. A wait that is over is added to its stopped clock, where it was the client's."""
    waited = case.pending
    stopped = case.clock_stopped_seconds
    if waited is not None and waited != pending and waited.why.stops_clock:
        stopped += max(0.0, (now - waited.since).total_seconds())
    return replace(case, status=status, pending=pending, clock_stopped_seconds=stopped, updated_at=now)


def left(before: Case, after: Case) -> tuple[TimerKind, ...]:
    """The timer of the status that a case has left."""
    of = {
        CaseStatus.SUSPECTED: TimerKind.QUARANTINE,
        CaseStatus.PENDING: TimerKind.PENDING,
        CaseStatus.MONITORING: TimerKind.RECOVERY,
        CaseStatus.RESOLVED: TimerKind.CLOSE,
    }
    kind = of.get(before.status)
    return (kind,) if kind is not None and after.status is not before.status else ()


def resolved(case: Case, text: str, reason: Reason, context: Context, *, by: str | None = None) -> Decision:
    """Over, unless somebody objects in time; `by` is the person whose decision it is."""
    due = context.now + context.rules.close
    asked = "ask the client to confirm that it is well" if Origin.CLIENT in case.origins else "close it"
    after = replace(
        passed(case, CaseStatus.RESOLVED, context.now),
        ended_at=context.now,
        decided_by=by,
        resolution=with_reasons(text, case.carrier_tickets),
        next_action=asked,
        next_action_at=due,
        next_update_at=None,
    )
    effects = (resolve_ticket(after, text),) if has_ticket(case) else ()
    closing = Timer(case=case.id, kind=TimerKind.CLOSE, due_at=due)
    return Decision(
        case=after, reason=reason, effects=effects, timers=(closing,), cancelled=tuple(TimerKind), detail=text
    )


def closed(case: Case, text: str, reason: Reason, context: Context, *, by: str | None = None) -> Decision:
    """Over for good: only a person takes it up again."""
    after = replace(
        passed(case, CaseStatus.CLOSED, context.now),
        ended_at=case.ended_at if case.status is CaseStatus.RESOLVED else context.now,
        decided_by=by or case.decided_by,
        resolution=case.resolution or text,
        next_action="",
        next_action_at=None,
        next_update_at=None,
    )
    effects = (ticket_update(after, f"close:{after.reopened}", TicketStatus.CLOSED, text),) if has_ticket(case) else ()
    return Decision(case=after, reason=reason, effects=effects, cancelled=tuple(TimerKind), detail=text)


def on_close(case: Case, context: Context) -> Decision:
    """The time to object is over."""
    if case.status is not CaseStatus.RESOLVED:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    return closed(case, "Nobody objected; the case is closed.", Reason.NOBODY_OBJECTED, context)


def on_pending(case: Case, context: Context) -> Decision:
    """What a pending case waited for is due: work goes on."""
    pending = case.pending
    if case.status is not CaseStatus.PENDING or pending is None or pending.until is None:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    text = f"It waited for: {pending.why}. That was due now; work goes on."
    after = replace(
        passed(case, CaseStatus.OPEN, context.now),
        next_action=f"see whether what it waited for has come: {pending.why}",
        next_action_at=context.now,
    )
    effects: tuple[Effect, ...] = ()
    if has_ticket(after):
        effects = (ticket_update(after, f"wait_over:{context.input}", TicketStatus.IN_PROGRESS, text),)
    return Decision(case=after, reason=Reason.WAIT_OVER, effects=effects, detail=text)


def on_client_update(case: Case, context: Context) -> Decision:
    """The client is owed word: somebody has to give it. It is said once until that has happened."""
    if not case.status.is_open or case.next_update_at is None:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    after = replace(case, next_action="tell the client how it goes", next_action_at=context.now)
    return Decision(case=after, reason=Reason.CLIENT_UPDATE_DUE, detail=f"{case.client} waits for word")


def owing_word(case: Case, context: Context, *, told: bool = False) -> tuple[Case, tuple[Timer, ...]]:
    """With the next word to a client who has reported it or was written to; `told`: it has just been given one."""
    waits = Origin.CLIENT in case.origins or case.told_client_at is not None
    if not case.status.is_open or not waits or (case.next_update_at is not None and not told):
        return case, ()
    due = context.now + context.rules.client_update[case.severity or Severity.MINOR]
    return replace(case, next_update_at=due), (Timer(case=case.id, kind=TimerKind.CLIENT_UPDATE, due_at=due),)


def suspected_again(case: Case, context: Context) -> Case:
    """A resolved case whose trouble seems to be back: like every trouble it has to hold before its ticket is touched.
    It keeps the time of its end meanwhile."""
    return replace(passed(case, CaseStatus.SUSPECTED, context.now), parent=None, alone=False, ticket_withheld=False)


def is_suspected_again(case: Case) -> bool:
    return case.status is CaseStatus.SUSPECTED and case.ended_at is not None


def still_resolved(case: Case, context: Context) -> tuple[Case, tuple[Timer, ...]]:
    """What was suspected to be back did not hold: resolved since when it was, and closed when it would have been."""
    due = (case.ended_at or context.now) + context.rules.close
    after = replace(passed(case, CaseStatus.RESOLVED, context.now), next_action="close it", next_action_at=due)
    return after, (Timer(case=case.id, kind=TimerKind.CLOSE, due_at=due),)


def reopened(case: Case, status: CaseStatus, context: Context, *, by: str | None = None) -> Case:
    """An ended case as it is taken up again; `by` is the person who did. What was suspected to be back may be part of a
    carrier's trouble by now."""
    return replace(
        passed(case, status, context.now),
        ended_at=None,
        reopened=case.reopened + 1,
        decided_by=by,
        resolution="",
        resolved_before=resolved_before(case, case.link, context.now),
        resolved_by_machine=False,
        parent=case.parent if is_suspected_again(case) else None,
        alone=False,
        ticket_withheld=False,
        handed_over_at=None,
        hand_over_at=None,
        hand_over_for="",
    )


def reopen_ticket(case: Case, text: str) -> Effect:
    return ticket_update(case, f"reopen:{case.reopened}", TicketStatus.IN_PROGRESS, text)


def ticket_update(case: Case, key: str, status: TicketStatus | None, text: str) -> Effect:
    return Effect(
        key=f"{case.id}:{key}",
        kind=EffectKind.UPDATE_TICKET,
        case=case.id,
        ticket=case.ticket,
        status=status,
        text=text,
    )


def has_ticket(case: Case) -> bool:
    """Whether there is one, or will be when the outbox has opened it."""
    return case.ticket is not None or case.ticket_wanted


def last_meant(ended: Sequence[Case], verdict: Verdict | None, now: datetime, reopen: timedelta) -> Case | None:
    """Of a site's ended cases, newest first, the one that a verdict may mean: that a person has ended for this very
    trouble, or that it is the same work as; otherwise the newest."""
    if verdict is not None:
        for case in ended:
            if is_decided(case, verdict) or is_same_work(case, verdict, now, reopen):
                return case
    return ended[0] if ended else None


def is_about(case: Case, verdict: Verdict) -> bool:
    return (case.link, case.cause) == (verdict.link, verdict.cause)


def is_same_work(case: Case | None, verdict: Verdict, now: datetime, reopen: timedelta) -> bool:
    """Whether a trouble is that of a resolved case come back, soon enough to be the same work."""
    if case is None:
        return False
    same = is_about(case, verdict) or (case.link == verdict.link and {case.cause, verdict.cause} <= FLAPPING)
    return same and is_lately_resolved(case, now, reopen)


def is_lately_resolved(case: Case, now: datetime, reopen: timedelta) -> bool:
    """Whether it was resolved so lately that its trouble, when it is back, is the same work."""
    return case.status is CaseStatus.RESOLVED and case.ended_at is not None and now - case.ended_at <= reopen


def is_decided(case: Case | None, verdict: Verdict) -> bool:
    """Whether a person has ended a case for this very trouble."""
    return case is not None and is_about(case, verdict) and is_ended_by_person(case, verdict.onset)


def is_ended_by_person(case: Case, onset: datetime | None) -> bool:
    """Whether a person has ended it for a trouble of this onset: it began when the case's did, or before that end."""
    if case.decided_by is None or case.ended_at is None or case.status.is_open or onset is None:
        return False
    same = case.onset is not None and abs(case.onset - onset) <= SAME_ONSET
    return same or onset <= case.ended_at


def is_held_by_person(case: Case) -> bool:
    return case.pending is not None and case.pending.by != ""
