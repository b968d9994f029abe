"""What a named person decides about a case, each with the effect that it has on the ticket. Pure.

A person outranks the machine: what they set stays set, and what they end is not opened again for the same trouble.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from triage.cases import (
    OPEN_STATUSES,
    Case,
    CaseStatus,
    Context,
    Decision,
    Effect,
    Pending,
    PendingWhy,
    Timer,
    TimerKind,
)
from triage.consequences import note
from triage.formatting import local_time
from triage.inputs import PersonAct, PersonActed
from triage.life_cycle import (
    closed,
    has_ticket,
    left,
    owing_word,
    passed,
    reopen_ticket,
    reopened,
    resolved,
    ticket_update,
)
from triage.reasons import Reason
from triage.tickets.port import TicketStatus

_WORKED_ON = frozenset({CaseStatus.OPEN, CaseStatus.PENDING, CaseStatus.MONITORING})
_NOT_CLOSED = OPEN_STATUSES | {CaseStatus.RESOLVED}
FITS: Mapping[PersonAct, frozenset[CaseStatus]] = {
    PersonAct.ACKNOWLEDGE: OPEN_STATUSES,
    PersonAct.ASSIGN: OPEN_STATUSES,
    PersonAct.HOLD: _WORKED_ON,
    PersonAct.RESUME: frozenset({CaseStatus.PENDING}),
    PersonAct.MOVE: OPEN_STATUSES,
    PersonAct.MERGE: OPEN_STATUSES,
    PersonAct.RESOLVE: OPEN_STATUSES,
    PersonAct.CONFIRM: _NOT_CLOSED,
    PersonAct.CLOSE: _NOT_CLOSED,
    PersonAct.REOPEN: frozenset({CaseStatus.RESOLVED, CaseStatus.CLOSED}),
    PersonAct.NOTE: frozenset(CaseStatus),
}
"""Which cases an act is for."""


def on_act(case: Case, acted: PersonActed, context: Context) -> Decision:
    """What does not fit the state of things is refused, with the reason in `detail`."""
    fits = FITS[acted.does]
    if case.status not in fits:
        wanted = ", ".join(status for status in CaseStatus if status in fits)
        ended = "" if case.status.is_open else "; reopen takes it up again"
        return refused(f"case {case.id} is {case.status}, {acted.does} needs one that is {wanted}{ended}")
    return _ACTS[acted.does](case, acted, context)


def refused(why: str) -> Decision:
    return Decision(case=None, reason=Reason.PERSON_ACT_REFUSED, detail=why)


def _acknowledge(case: Case, acted: PersonActed, context: Context) -> Decision:
    return _owned(case, acted.who, acted, context, f"{acted.who} took the case")


def _assign(case: Case, acted: PersonActed, context: Context) -> Decision:
    if not acted.value.strip():
        return refused("to assign a case, say to whom")
    return _owned(case, acted.value, acted, context, f"{acted.who} gave the case to {acted.value}")


def _owned(case: Case, owner: str, acted: PersonActed, context: Context, said: str) -> Decision:
    after = by_person(replace(case, owner=owner, acknowledged_at=case.acknowledged_at or context.now), "owner")
    return _done(after, acted, context, said, owner=owner)


def _hold(case: Case, acted: PersonActed, context: Context) -> Decision:
    if acted.value not in list(PendingWhy):
        return refused(f"a case waits for one of {', '.join(PendingWhy)}, not for {acted.value!r}")
    if acted.until is not None and acted.until <= context.now:
        return refused(f"it cannot wait until {local_time(acted.until, context.zone)}, which is past")
    why = PendingWhy(acted.value)
    pending = Pending(why=why, since=context.now, until=acted.until, by=acted.who)
    after = replace(
        passed(case, CaseStatus.PENDING, context.now, pending),
        next_action=f"wait for: {why}",
        next_action_at=acted.until,
    )
    until = f" until {local_time(acted.until, context.zone)}" if acted.until else ""
    timers = (Timer(case=case.id, kind=TimerKind.PENDING, due_at=acted.until),) if acted.until else ()
    decision = _done(after, acted, context, f"{acted.who} holds it{until}: {why}", status=TicketStatus.PENDING)
    return replace(decision, timers=timers, cancelled=(TimerKind.RECOVERY, TimerKind.PENDING))


def _resume(case: Case, acted: PersonActed, context: Context) -> Decision:
    after = replace(passed(case, CaseStatus.OPEN, context.now), next_action="work on the trouble", next_action_at=None)
    said = f"{acted.who} goes on with it"
    return replace(_done(after, acted, context, said, status=TicketStatus.IN_PROGRESS), cancelled=left(case, after))


def _move(case: Case, acted: PersonActed, context: Context) -> Decision:
    if not acted.value.strip():
        return refused("to move a case, name the queue")
    after = by_person(replace(case, queue=acted.value, handed_over_at=context.now), "queue")
    decision = _done(after, acted, context, f"{acted.who} moved it to {acted.value}", queue=acted.value)
    return replace(decision, cancelled=(TimerKind.HAND_OVER,))


def _merge(case: Case, acted: PersonActed, context: Context) -> Decision:
    parent = context.other
    if case.is_parent:
        return refused(f"{case.id} is a carrier's trouble itself")
    if parent is None or parent.id != acted.value or not parent.is_parent or not parent.status.is_open:
        return refused(
            f"{acted.value or 'nothing'} is no open case of a carrier's trouble; `lineproof case list` has them"
        )
    after = replace(case, parent=parent.id, alone=False)
    said = f"{acted.who} made it part of {parent.id}: {parent.title}"
    effects = (_note(after, said, acted, context),) if has_ticket(after) else ()
    return _kept(after, said, context, effects, (TimerKind.HAND_OVER,))


def _resolve(case: Case, acted: PersonActed, context: Context) -> Decision:
    text = f"{acted.who}: {acted.note or acted.does}"
    return resolved(case, text, Reason.PERSON_ACTED, context, by=acted.who)


def _confirm(case: Case, acted: PersonActed, context: Context) -> Decision:
    text = f"{acted.who}: {acted.note or 'the client confirms that it is well'}"
    return closed(case, text, Reason.PERSON_ACTED, context, by=acted.who)


def _close(case: Case, acted: PersonActed, context: Context) -> Decision:
    return closed(case, f"{acted.who}: {acted.note or acted.does}", Reason.PERSON_ACTED, context, by=acted.who)


def _reopen(case: Case, acted: PersonActed, context: Context) -> Decision:
    return taken_up(case, acted.who, acted.note or "re-opened", context)


def taken_up(case: Case, who: str, said: str, context: Context, *, tell: bool = True) -> Decision:
    """An ended case that a person takes up again; refused while another of the site is open. `tell` the ticket."""
    if context.other is not None:
        return refused(f"{context.other.id} is open for {case.site}; write there what is to be done")
    again = replace(
        reopened(case, CaseStatus.OPEN, context, by=who), next_action="work on the trouble", next_action_at=None
    )
    after, timers = owing_word(again, context)
    text = f"{who}: {said}"
    effects = (reopen_ticket(after, text),) if tell and has_ticket(after) else ()
    return Decision(
        case=after,
        reason=Reason.PERSON_ACTED,
        effects=effects,
        timers=timers,
        cancelled=left(case, after),
        detail=text,
    )


def _note_down(case: Case, acted: PersonActed, context: Context) -> Decision:
    if not acted.note.strip():
        return refused("a note says something")
    after, timers = owing_word(replace(case, updated_at=context.now), context, told=True)
    said = f"{acted.who}: {acted.note}"
    effects = (_note(after, said, acted, context),) if has_ticket(after) else ()
    return replace(_kept(after, said, context, effects), timers=timers)


_ACTS: Mapping[PersonAct, Callable[[Case, PersonActed, Context], Decision]] = {
    PersonAct.ACKNOWLEDGE: _acknowledge,
    PersonAct.ASSIGN: _assign,
    PersonAct.HOLD: _hold,
    PersonAct.RESUME: _resume,
    PersonAct.MOVE: _move,
    PersonAct.MERGE: _merge,
    PersonAct.RESOLVE: _resolve,
    PersonAct.CONFIRM: _confirm,
    PersonAct.CLOSE: _close,
    PersonAct.REOPEN: _reopen,
    PersonAct.NOTE: _note_down,
}


def by_person(case: Case, *names: str) -> Case:
    """With these things remembered as a person's: the machine leaves them as they are."""
    return replace(case, set_by_person=tuple(sorted({*case.set_by_person, *names})))


def _done(
    after: Case,
    acted: PersonActed,
    context: Context,
    said: str,
    *,
    status: TicketStatus | None = None,
    owner: str | None = None,
    queue: str | None = None,
) -> Decision:
    """An act that changes the ticket too, with the person's words as a note."""
    text = f"{said}: {acted.note}" if acted.note else said
    effects: tuple[Effect, ...] = ()
    if has_ticket(after):
        change = ticket_update(after, f"{acted.does}:{context.input}", status, text)
        effects = (replace(change, owner=owner, queue=queue),)
    return _kept(after, text, context, effects)


def _kept(
    after: Case, said: str, context: Context, effects: tuple[Effect, ...], cancelled: tuple[TimerKind, ...] = ()
) -> Decision:
    return Decision(
        case=replace(after, updated_at=context.now),
        reason=Reason.PERSON_ACTED,
        effects=effects,
        cancelled=cancelled,
        detail=said,
    )


def _note(case: Case, text: str, acted: PersonActed, context: Context) -> Effect:
    return note(case, f"{acted.does}:{context.input}", text)
