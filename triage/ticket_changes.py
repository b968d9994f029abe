"""What follows when a person changes a ticket in the ticket system itself: their decision outranks ours. Pure."""

from __future__ import annotations

from dataclasses import replace

from triage.cases import Case, Context, Decision
from triage.consequences import resolved
from triage.inputs import TicketChanged
from triage.reasons import Reason


def on_ticket_changed(case: Case, changed: TicketChanged, context: Context) -> Decision:
    """The case follows its ticket: owner, and an end that a person gave it."""
    told = ", ".join(
        part
        for part in (
            f"status {changed.status}" if changed.status else "",
            f"owner {changed.owner or 'nobody'}" if changed.owner is not None else "",
            f"queue {changed.queue}" if changed.queue else "",
            f"severity {changed.severity}" if changed.severity else "",
            f"note: {changed.note}" if changed.note else "",
        )
        if part
    )
    detail = f"{changed.by} in {changed.ticket}: {told}"
    after = replace(
        case,
        owner=changed.owner or None if changed.owner is not None else case.owner,
        queue=changed.queue if changed.queue is not None else case.queue,
        severity=changed.severity or case.severity,
        updated_at=context.now,
    )
    if changed.status is not None and changed.status.ended and case.status.is_open:
        ended = resolved(replace(after, decided_by=changed.by), detail, Reason.PERSON_ACTED, context)
        return replace(ended, effects=())
    return Decision(case=after, reason=Reason.PERSON_ACTED, detail=detail)
