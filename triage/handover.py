"""Which desk's queue a ticket goes to that nobody has taken, and when. Pure.

A provider's rules: by class of trouble, by day and by night at the site, counted from when the ticket was wanted. A
plan is never put off by another look at the same trouble; a worse one may bring it forward. Of a carrier's trouble at
many sites the context's zone is the one that most of them have, and its links are those that are in trouble.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from inventory.model import Ownership
from triage.byob import is_clients_own
from triage.case_rules import is_night
from triage.cases import Case, CaseStatus, Context, Decision, Effect, EffectKind, Timer, TimerKind
from triage.formatting import local_time
from triage.modems import restarted
from triage.reasons import Reason
from triage.trouble_class import TroubleClass, trouble_class
from triage.words import CAUSE_WORDS

OWN = " of the client's own"


def is_taken(case: Case) -> bool:
    """Whether a person has it, or has said which desk it belongs to."""
    return bool(case.owner) or "owner" in case.set_by_person or "queue" in case.set_by_person


def scheduled(case: Case, context: Context) -> tuple[Case, tuple[Timer, ...]]:
    """The case with the plan to hand it over, and the timer that this takes; as it was where there is one already."""
    if case.hand_over_at is not None and case.hand_over_at <= context.now:
        # It was due while the case was pending; that is over now.
        return case, (Timer(case=case.id, kind=TimerKind.HAND_OVER, due_at=context.now),)
    kind = _class(case, context)
    own = _is_clients_own(case, context)
    if not _is_worse(kind, own, case.hand_over_for) or is_taken(case):
        return case, ()
    queue, wait = _desk(case, kind, context)
    if queue in ("", case.queue):
        return case, ()
    due = context.now + wait
    about = f"{kind}{OWN if own else ''}"
    if case.hand_over_at is not None and case.hand_over_at <= due:
        return replace(case, hand_over_for=about), ()
    after = replace(case, hand_over_for=about, hand_over_at=due)
    return after, (Timer(case=case.id, kind=TimerKind.HAND_OVER, due_at=due),)


def on_hand_over(case: Case, context: Context) -> Decision:
    """The time is up: to the queue, unless there is a reason not to, which is the decision's."""
    if not case.status.is_open:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    if case.hand_over_at is None:
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING)
    if is_taken(case):
        return Decision(case=replace(case, hand_over_at=None), reason=Reason.TAKEN_BY_PERSON)
    if _is_clients_own(case, context):
        return Decision(case=replace(case, hand_over_at=None), reason=Reason.CLIENTS_OWN_LINE)
    later = _later(case, context)
    if case.status is CaseStatus.PENDING or later is not None:
        timers = (Timer(case=case.id, kind=TimerKind.HAND_OVER, due_at=later),) if later is not None else ()
        waiting = replace(case, hand_over_at=later or case.hand_over_at)
        return Decision(case=waiting, reason=Reason.HAND_OVER_POSTPONED, timers=timers)
    kind = _class(case, context)
    queue, _ = _desk(case, kind, context)
    if queue in ("", case.queue):
        return Decision(case=replace(case, hand_over_at=None), reason=Reason.TROUBLE_ONGOING)
    after = replace(case, queue=queue, hand_over_at=None, handed_over_at=context.now, updated_at=context.now)
    text = _text(case, queue, context)
    effect = Effect(
        key=f"{case.id}:hand_over:{case.reopened}:{case.hand_over_for}",
        kind=EffectKind.UPDATE_TICKET,
        case=case.id,
        ticket=case.ticket,
        queue=queue,
        text=text,
    )
    return Decision(case=after, reason=Reason.HANDED_OVER, effects=(effect,), detail=f"to {queue}")


def _class(case: Case, context: Context) -> TroubleClass:
    return TroubleClass.CARRIER_WIDE if case.is_parent else trouble_class(case.cause, case.link, context.links)


def _is_clients_own(case: Case, context: Context) -> bool:
    """One line of ours in a carrier's trouble is enough to call the carrier: the contract is ours."""
    if case.is_parent:
        return bool(context.links) and all(link.ownership is Ownership.CLIENT for link in context.links)
    return is_clients_own(case, context.links)


def _is_worse(kind: TroubleClass, own: bool, planned: str) -> bool:
    """Whether it asks for another plan: a worse class of trouble, or now a line of ours; so that a trouble that goes
    back and forth moves no ticket back and forth."""
    if not planned or (planned.endswith(OWN) and not own):
        return True
    order = list(TroubleClass)
    return order.index(kind) < order.index(TroubleClass(planned.removesuffix(OWN)))


def _desk(case: Case, kind: TroubleClass, context: Context) -> tuple[str, timedelta]:
    """The queue, "" for none, and how long the case waits for it from now on."""
    rules = context.rules
    again = restarted(case)
    if again is not None:
        return rules.modem_queue, max(timedelta(), again + rules.modem_wait - context.now)
    rule = rules.hand_over.get(kind)
    if rule is None:
        return "", timedelta()
    return rule.queue, rule.night if is_night(context.now, context.zone, rules.night) else rule.day


def _later(case: Case, context: Context) -> datetime | None:
    """When it is looked at again: at the end of a wait that is known, after the recovery that is watched, or when a
    modem has had its time to come back."""
    rules = context.rules
    if case.status is CaseStatus.PENDING:
        until = case.pending.until if case.pending is not None else None
        return until if until is not None and until > context.now else None
    watched = case.next_action_at
    if case.status is CaseStatus.MONITORING and watched is not None and watched >= context.now:
        return watched + rules.recheck
    again = restarted(case)
    if again is not None and again + rules.modem_wait > context.now:
        return again + rules.modem_wait
    return None


def _text(case: Case, queue: str, context: Context) -> str:
    """Why and when, by the site's clock."""
    zone = context.zone
    since = f" since {local_time(case.onset, zone)}" if case.onset is not None else ""
    again = restarted(case)
    why = "so many at once are the carrier's" if case.is_parent else "nobody has taken it"
    if again is not None:
        why = f"its modem was told to restart at {local_time(again, zone)}, and it is still down"
    what = case.title if case.is_parent else CAUSE_WORDS[case.cause]
    return f"Handed over to {queue} at {local_time(context.now, zone)}: {what}{since}, and {why}."
