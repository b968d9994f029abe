"""What follows of itself from every decision that leaves a case open with a ticket. Pure."""

from __future__ import annotations

from dataclasses import replace

from triage.byob import acknowledged
from triage.cases import CaseStatus, Context, Decision
from triage.handover import scheduled
from triage.modems import with_restart


def followed_up(decision: Decision, context: Context) -> Decision:
    """The decision with the restart of a modem, word to a client whose own line it is, and the plan to hand the ticket
    over; each once, however often the case is decided."""
    case = decision.case
    if case is None:
        return decision
    if not case.status.is_open:
        return replace(decision, case=replace(case, hand_over_at=None, hand_over_for="", reboots=()))
    if case.is_parent:  # `triage.parent_life` plans its hand-over, by the lines and zones of its sites
        return decision
    if case.status is not CaseStatus.OPEN or not (case.ticket_wanted or case.ticket):
        return decision
    case, restart = with_restart(case, context)
    case, told, reminder = acknowledged(case, context)
    case, plan = scheduled(case, context)
    effects, timers = (*decision.effects, *restart, *told), (*decision.timers, *reminder, *plan)
    return replace(decision, case=case, effects=effects, timers=timers)
