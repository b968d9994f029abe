"""The carrier's side of a case: its tickets, what it promised, and when it is overdue. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from config.clock import rfc3339
from triage.cases import CarrierTicket, Case, CaseStatus, Context, Decision, Effect, PendingWhy, Timer, TimerKind
from triage.consequences import note
from triage.formatting import local_time
from triage.inputs import CarrierTold
from triage.intake import one_line
from triage.reasons import Reason

FARTHEST = timedelta(days=366)
"""No carrier's ticket is older, and no repair is promised for later: a date beyond it is a slip of the pen."""
LONGEST = {"who": 120, "number": 60, "carrier": 120, "repair_contact": 200, "account": 120, "reason_for_outage": 1000}
"""Characters of what a person tells of a carrier's ticket."""


def on_carrier_told(case: Case, told: CarrierTold, context: Context) -> Decision:
    """A carrier's ticket is new, or something new is said of it. Ended cases take it too: reasons come days later."""
    told = _tidy(told)
    known = _known(case, told)
    after = _merged(case, told, known[0] if known else None, context)
    why = _refusal(case, told, known, after, context)
    if why:
        return Decision(case=None, reason=Reason.CARRIER_REFUSED, detail=why)
    others = tuple(one for one in case.carrier_tickets if one not in known)
    tickets = (*others, after)
    changed = replace(
        case,
        carrier_tickets=tickets,
        resolution=with_reasons(case.resolution, tickets),
        updated_at=context.now,
    )
    changed = _with_next_action(changed, context)
    text = " ".join(_news(known[0] if known else None, after, context.zone))
    return Decision(
        case=changed,
        reason=Reason.CARRIER_TOLD,
        effects=_noted(changed, text, "told", context) if text else (),
        timers=_timers(changed, context),
        cancelled=(TimerKind.CARRIER_UPDATE,),
        detail=f"{told.who}: {text or f'nothing new of {after.carrier} {after.number}'}",
    )


def on_carrier_update(case: Case, context: Context) -> Decision:
    """An update was promised, or repair was, and nothing has come: somebody has to ask, and again after a while."""
    now = context.now
    due = [one for one in case.carrier_tickets if (at := due_at(one, context.rules.carrier_reminder)) and at <= now]
    if not case.status.is_open:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    if not due:
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING, timers=_timers(case, context))
    tickets = tuple(replace(one, raised_at=now) if one in due else one for one in case.carrier_tickets)
    after = _with_next_action(replace(case, carrier_tickets=tickets, updated_at=now), context)
    text = " ".join(overdue_words(one, now, context.zone) for one in due)
    return Decision(
        case=after,
        reason=Reason.CARRIER_OVERDUE,
        effects=_noted(after, text, "overdue", context),
        timers=_timers(after, context),
        detail=text,
    )


def watched(decision: Decision, context: Context) -> Decision:
    """Any decision that leaves a case open leaves its carriers watched: its end had stopped that, and it may have been
    taken up again."""
    case = decision.case
    set_already = any(timer.kind is TimerKind.CARRIER_UPDATE for timer in decision.timers)
    if case is None or set_already:
        return decision
    return replace(decision, timers=(*decision.timers, *_timers(case, context)))


def due_at(ticket: CarrierTicket, reminder: timedelta) -> datetime | None:
    """When a carrier that says nothing more is to be raised: at each promise that passes, and while one stays broken
    again `reminder` after it was last raised. None: never."""
    if ticket.closed_at is not None:
        return None
    promises, raised = _promises(ticket), ticket.raised_at
    if raised is None:
        return min(promises, default=None)
    ahead = [moment for moment in promises if moment > raised]
    return min([*ahead, *([raised + reminder] if len(ahead) < len(promises) else [])], default=None)


def is_overdue(ticket: CarrierTicket, now: datetime) -> bool:
    """Whether it is open and a promise of its carrier's has passed; a promise is broken at its moment."""
    return ticket.closed_at is None and any(moment <= now for moment in _promises(ticket))


def overdue_words(ticket: CarrierTicket, now: datetime, zone: tzinfo) -> str:
    """Which promise is broken, for everybody who may read a ticket."""
    broken = []
    if ticket.next_update_at is not None and ticket.next_update_at <= now:
        broken.append(f"an update was due at {local_time(ticket.next_update_at, zone)}")
    if ticket.etr is not None and ticket.etr <= now:
        broken.append(f"repair was expected by {local_time(ticket.etr, zone)}")
    return f"{ticket.carrier} {ticket.number} is overdue: {' and '.join(broken)}."


def _promises(ticket: CarrierTicket) -> list[datetime]:
    return [moment for moment in (ticket.next_update_at, ticket.etr) if moment is not None]


def _tidy(told: CarrierTold) -> CarrierTold:
    """Texts on one line, times to the second, as people say them."""
    changes: dict[str, Any] = {name: one_line(getattr(told, name)) for name in LONGEST}
    for name in ("opened_at", "etr", "next_update_at", "closed_at"):
        moment = getattr(told, name)
        changes[name] = moment.replace(microsecond=0) if moment is not None else None
    return replace(told, **changes)


def _known(case: Case, told: CarrierTold) -> list[CarrierTicket]:
    """The case's carrier tickets of this number; several where two carriers gave the same one."""
    carrier = told.carrier.casefold()
    return [
        one
        for one in case.carrier_tickets
        if one.number.casefold() == told.number.casefold() and carrier in ("", one.carrier.casefold())
    ]


def _merged(case: Case, told: CarrierTold, known: CarrierTicket | None, context: Context) -> CarrierTicket:
    """What is known after it was told. What is not said again stays; but a new promise replaces those that have passed,
    and re-opens what was closed."""
    link = next((one for one in context.links if one.id == (told.link or case.link)), None)
    before = known or CarrierTicket(
        number=told.number,
        carrier=(link.carrier if link is not None else None) or _carrier_of(case),
        link=link.id if link is not None else None,
        repair_contact=(link.carrier_repair_contact or "") if link is not None else "",
        account=(link.carrier_account or "") if link is not None else "",
        opened_at=context.now.replace(microsecond=0),
    )
    promised = told.etr is not None or told.next_update_at is not None
    etr, following, closed = before.etr, before.next_update_at, before.closed_at
    if promised:
        etr = told.etr or (etr if etr is not None and etr > context.now else None)
        following = told.next_update_at or (following if following is not None and following > context.now else None)
        closed = None
    return replace(
        before,
        carrier=told.carrier if known is None and told.carrier else before.carrier,
        link=told.link or before.link,
        opened_at=told.opened_at or before.opened_at,
        etr=etr,
        next_update_at=following,
        repair_contact=told.repair_contact or before.repair_contact,
        account=told.account or before.account,
        reason_for_outage=told.reason_for_outage or before.reason_for_outage,
        closed_at=told.closed_at or closed,
        raised_at=None if promised else before.raised_at,
    )


def _carrier_of(case: Case) -> str:
    return case.site.removeprefix("carrier:").rpartition("@")[0] if case.is_parent else ""


def _refusal(
    case: Case, told: CarrierTold, known: Sequence[CarrierTicket], after: CarrierTicket, context: Context
) -> str:
    """Why this cannot be so, and what to say instead; empty when it can."""
    if not told.who:
        return "nobody is named as telling it; say who does"
    if not told.number:
        return "a carrier's ticket has a number; say which"
    for name, longest in LONGEST.items():
        if len(getattr(told, name)) > longest:
            return f"the {name.replace('_', ' ')} has more than {longest} characters; shorten it"
    if len(known) > 1:
        carriers = ", ".join(one.carrier for one in known)
        return f"{case.id} has ticket {told.number} of several carriers ({carriers}); name the carrier"
    lines = ", ".join(one.id for one in context.links) or "none"
    if told.link and told.link not in {one.id for one in context.links}:
        return f"{one_line(told.link)[:60]!r} is no line of {case.site}; its lines: {lines}"
    if not after.carrier:
        return f"the carrier of ticket {told.number} is not known; name the carrier, or the line (of {lines})"
    return _wrong_time(told, after, context)


def _wrong_time(told: CarrierTold, after: CarrierTicket, context: Context) -> str:
    def at(moment: datetime) -> str:
        return local_time(moment, context.zone)

    now, opened = context.now, after.opened_at
    given = [moment for moment in (told.opened_at, told.etr, told.next_update_at, told.closed_at) if moment is not None]
    for moment in given:
        if abs(moment - now) > FARTHEST:
            return f"{rfc3339(moment)} is more than {FARTHEST.days} days from now; check the year"
    if opened > now:
        return f"the ticket cannot have been opened at {at(opened)}: it is {at(now)} now"
    for name, promise in (("repair is expected at", told.etr), ("the next update is due at", told.next_update_at)):
        if promise is not None and promise <= opened:
            return f"{name} {at(promise)}, which is not after the ticket was opened at {at(opened)}"
    if told.closed_at is not None and not opened <= told.closed_at <= now:
        return f"the ticket cannot have been closed at {at(told.closed_at)}: opened {at(opened)}, it is {at(now)} now"
    return ""


def _news(before: CarrierTicket | None, after: CarrierTicket, zone: tzinfo) -> Iterator[str]:
    """What is new, in sentences that a client may read: no account, no names, no phone numbers."""
    name = f"{after.carrier} {after.number}"
    if before is None:
        about = f" about {after.link}" if after.link else ""
        opened = local_time(after.opened_at, zone)
        yield f"The carrier {after.carrier} has ticket {after.number}{about}, opened {opened}."
    elif before.closed_at is not None and after.closed_at is None:
        yield f"{name} is open again."
    if after.etr is not None and (before is None or before.etr != after.etr):
        yield f"{name}: repair is expected by {local_time(after.etr, zone)}."
    if after.etr is None and before is not None and before.etr is not None:
        yield f"{name}: no time of repair is estimated any more."
    if after.next_update_at is not None and (before is None or before.next_update_at != after.next_update_at):
        yield f"{name}: the next update is due at {local_time(after.next_update_at, zone)}."
    if after.closed_at is not None and (before is None or before.closed_at != after.closed_at):
        yield f"{name} was closed {local_time(after.closed_at, zone)}."
    if after.reason_for_outage and (before is None or before.reason_for_outage != after.reason_for_outage):
        yield f"{name}: reason for outage: {after.reason_for_outage}"


def with_reasons(resolution: str, tickets: Sequence[CarrierTicket]) -> str:
    """A case's resolution with the reasons that carriers closed their tickets with: a line each, its latest wording."""
    ended = [one for one in tickets if one.closed_at is not None and one.reason_for_outage]
    heads = {f"{one.carrier} {one.number}: ": one.reason_for_outage for one in ended}
    others = [line for line in resolution.splitlines() if not line.startswith(tuple(heads))]
    return "\n".join([*others, *(head + reason for head, reason in heads.items())])


def _with_next_action(case: Case, context: Context) -> Case:
    """What comes next where the carrier is what the case waits for; other waits and a line that is well keep theirs."""
    waits = case.pending is not None and case.pending.why is PendingWhy.CARRIER
    if case.status is not CaseStatus.OPEN and not (case.status is CaseStatus.PENDING and waits):
        return case
    standing = [one for one in case.carrier_tickets if one.closed_at is None]
    overdue = [one for one in standing if is_overdue(one, context.now)]
    promises = [moment for one in standing for moment in _promises(one)]
    if overdue:
        what, when = f"ask the carrier: {_named(overdue)} is overdue", context.now
    elif promises:
        what, when = f"wait for word of {_named(standing)}", min(promises)
    elif standing:
        return replace(case, next_action=f"ask for an estimated time of repair of {_named(standing)}")
    else:
        what, when = "see whether the line is well: the carrier closed its ticket", context.now
    return replace(case, next_action=what, next_action_at=when)


def _named(tickets: Sequence[CarrierTicket]) -> str:
    return ", ".join(f"{one.carrier} {one.number}" for one in tickets)


def _noted(case: Case, text: str, what: str, context: Context) -> tuple[Effect, ...]:
    """A note on our own ticket, where there is one or will be."""
    if case.ticket is None and not case.ticket_wanted:
        return ()
    return (note(case, f"carrier:{what}:{context.input}", text),)


def _timers(case: Case, context: Context) -> tuple[Timer, ...]:
    due = min(
        (at for one in case.carrier_tickets if (at := due_at(one, context.rules.carrier_reminder)) is not None),
        default=None,
    )
    if due is None or not case.status.is_open:
        return ()
    return (Timer(case=case.id, kind=TimerKind.CARRIER_UPDATE, due_at=due),)
