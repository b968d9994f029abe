"""The carrier's side of a case: its tickets, what it promised, and when it is overdue. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from triage.cases import CarrierTicket, Case, Context, Decision, Timer, TimerKind
from triage.inputs import CarrierTold
from triage.reasons import Reason


def on_carrier_told(case: Case, told: CarrierTold, context: Context) -> Decision:
    """A carrier's ticket is new, or says something new; the one of its carrier and number is replaced."""
    ticket = told.ticket
    others = tuple(one for one in case.carrier_tickets if (one.carrier, one.number) != (ticket.carrier, ticket.number))
    after = replace(case, carrier_tickets=(*others, ticket), updated_at=context.now)
    due = next_due(after.carrier_tickets)
    return Decision(
        case=after,
        reason=Reason.CARRIER_TOLD,
        timers=(Timer(case=case.id, kind=TimerKind.CARRIER_UPDATE, due_at=due),) if due is not None else (),
        cancelled=(TimerKind.CARRIER_UPDATE,),
        detail=f"{told.who}: {ticket.carrier} {ticket.number}",
    )


def on_carrier_update(case: Case, context: Context) -> Decision:
    """An update was promised, or repair was, and nothing has come: somebody has to ask."""
    overdue = [one for one in case.carrier_tickets if (due := _due(one)) is not None and due <= context.now]
    if not case.status.is_open or not overdue:
        return Decision(case=None, reason=Reason.CASE_ENDED)
    named = ", ".join(f"{one.carrier} {one.number}" for one in overdue)
    after = replace(case, next_action=f"ask the carrier: {named} is overdue", next_action_at=context.now)
    return Decision(case=after, reason=Reason.CARRIER_OVERDUE, detail=named)


def next_due(tickets: tuple[CarrierTicket, ...]) -> datetime | None:
    """The first moment at which a carrier that says nothing more is overdue."""
    return min((due for one in tickets if (due := _due(one)) is not None), default=None)


def _due(ticket: CarrierTicket) -> datetime | None:
    if ticket.closed_at is not None:
        return None
    return min((moment for moment in (ticket.next_update_at, ticket.etr) if moment is not None), default=None)
