"""What a change of a ticket says of itself where it has no words of its own. Pure."""

from __future__ import annotations

from triage.tickets.port import TicketUpdate


def words_of(update: TicketUpdate) -> str:
    """One sentence for each change; empty for none."""
    told = (
        f"Status: {update.status.value}." if update.status is not None else "",
        f"Severity: {update.severity.value}." if update.severity is not None else "",
        f"Queue: {update.queue}." if update.queue is not None else "",
        f"Owner: {update.owner or 'nobody'}." if update.owner is not None else "",
    )
    return " ".join(one for one in told if one)
