"""Lines that a client brought ("bring your own broadband", BYOB), whose contract the client holds. Pure.

A provider's rules: such a line that is down goes to no carrier and no desk of ours. The client is told once, and
reminded at least a day apart while it stays down; never each time that somebody looks (a provider's clients were
written to with each cycle, 2022-04-20). A device that is out of contact is ours to look at, whoever owns its lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from config.clock import epoch_ms
from inventory.model import Link, Ownership
from triage.cases import Case, CaseStatus, Context, Decision, Effect, EffectKind, Timer, TimerKind
from triage.consequences import note
from triage.formatting import local_time
from triage.inputs import Answered
from triage.life_cycle import has_ticket
from triage.model import Cause
from triage.reasons import Reason
from triage.trouble_class import LINE_CAUSES


def is_clients_own(case: Case, links: Sequence[Link]) -> bool:
    """Whether all lines in trouble are the client's; one of ours among them makes it ours. `links` are the site's."""
    if case.cause not in LINE_CAUSES:
        return False
    troubled = [one for one in links if one.id == case.link or one.id in case.lines]
    return bool(troubled) and all(one.ownership is Ownership.CLIENT for one in troubled)


def acknowledged(case: Case, context: Context) -> tuple[Case, tuple[Effect, ...], tuple[Timer, ...]]:
    """The client is told once that their own line is down, and the first reminder is set."""
    if case.own_line_told_at is not None or not _down(case, context):
        return case, (), ()
    told = _told(case, "own-line", _text(case, context, "We have found that"))
    return _after(case, context), told, (_next(case, context),)


def on_reminder(case: Case, context: Context) -> Decision:
    """A day has passed since the client was last told, or should have been: again, if it is still down."""
    if not case.status.is_open or case.own_line_told_at is None:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    due = max(case.own_line_told_at, case.told_client_at or case.own_line_told_at) + context.rules.client_reminder
    if context.now < due:
        early = Timer(case=case.id, kind=TimerKind.REMINDER, due_at=due)
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING, timers=(early,))
    if not _down(case, context):
        watched = Timer(case=case.id, kind=TimerKind.REMINDER, due_at=context.now + context.rules.recovery)
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING, timers=(watched,))
    key = f"own-line:{epoch_ms(case.own_line_told_at)}"
    begin = "This is to remind you:" if case.told_client_at is not None else "We have found that"
    told = _told(case, key, _text(case, context, begin))
    return Decision(
        case=_after(case, context), reason=Reason.CLIENT_REMINDED, effects=told, timers=(_next(case, context),)
    )


def on_told(case: Case, answered: Answered, context: Context) -> Decision:
    """A mail to the client has gone out, from which the next one counts; or it was given up, and then nobody has told
    the client."""
    if not answered.ok:
        why = f"tell the client that their own line is down: the mail was given up: {answered.text}"
        after = replace(case, next_action=why, next_action_at=context.now)
        return Decision(case=after, reason=Reason.FAR_END_GAVE_UP, detail=answered.text)
    if answered.withheld:
        return Decision(case=None, reason=Reason.FAR_END_ANSWERED, detail=f"withheld: {answered.text}")
    after = replace(case, told_client_at=context.now, updated_at=context.now)
    timers = (_next(after, context),) if after.status.is_open and after.own_line_told_at is not None else ()
    return Decision(case=after, reason=Reason.FAR_END_ANSWERED, timers=timers, detail="the client was written to")


def _down(case: Case, context: Context) -> bool:
    there = case.status in (CaseStatus.OPEN, CaseStatus.PENDING)
    return there and case.cause is Cause.LINK_DOWN and is_clients_own(case, context.links)


def _told(case: Case, key: str, text: str) -> tuple[Effect, ...]:
    """A mail, and the same words on the ticket, where there is one."""
    mail = Effect(
        key=f"{case.id}:{key}",
        kind=EffectKind.TELL_CLIENT,
        case=case.id,
        ticket=case.ticket,
        title=f"{case.id}: your own line at {case.site} is down",
        text=text,
    )
    return (mail, note(case, f"{key}:note", text)) if has_ticket(case) else (mail,)


def _after(case: Case, context: Context) -> Case:
    return replace(case, own_line_told_at=context.now, updated_at=context.now)


def _next(case: Case, context: Context) -> Timer:
    due = context.now + context.rules.client_reminder
    return Timer(case=case.id, kind=TimerKind.REMINDER, due_at=due)


def _text(case: Case, context: Context, begin: str) -> str:
    lines = [one for one in context.links if one.id == case.link or one.id in case.lines]
    named = ", ".join(f"{one.id} ({one.carrier})" if one.carrier else one.id for one in lines)
    since = local_time(case.onset, context.zone)
    site = context.site.name if context.site is not None and context.site.name else case.site
    hours = context.rules.client_reminder.total_seconds() / 3600
    often = "once a day" if hours == 24 else f"every {hours:g} hours"
    return (
        f"{begin} the line {named} at {site} has been down since {since}. The contract of this line is yours: please "
        f"report it to its carrier. We go on watching it, and remind you {often} while it is down."
    )
