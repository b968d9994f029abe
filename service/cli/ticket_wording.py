"""A ticket as `lineproof ticket show` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from service.tickets import KnownTicket, SeenTicket
from triage.tickets.port import Ticket


def ticket_lines(seen: SeenTicket) -> Iterator[str]:
    """The ticket with its notes and files; where its system is away, what we know, and that it is away."""
    if seen.ticket is not None:
        yield from _asked(seen.ticket, seen.known)
    elif seen.known is not None:
        yield from _remembered(seen.known, seen.problem)


def _asked(ticket: Ticket, known: KnownTicket | None) -> Iterator[str]:
    held = [f"owner {ticket.owner}" if ticket.owner else "", f"queue {ticket.queue}" if ticket.queue else ""]
    case = f"case {known.case}" if known else ""
    facts = (ticket.id, ticket.status, ticket.severity, *held, case, ticket.name)
    yield "  ".join(str(fact) for fact in facts if fact)
    if ticket.url:
        yield ticket.url
    yield f"\n{ticket.description}\n"
    for note in ticket.notes:
        yield f"-- {note.made_at:%Y-%m-%d %H:%M}Z {note.author}: {note.text}"
    for attachment in ticket.attachments:
        digest = f"  sha256 {attachment.sha256}" if attachment.sha256 else ""
        yield f"   {attachment.name}  {attachment.size} bytes{digest}"


def _remembered(known: KnownTicket, problem: str) -> Iterator[str]:
    yield f"{known.ticket}  {known.status or 'never looked at'}  {known.severity}  case {known.case}  {known.name}"
    yield f"  in {known.system} since {known.opened_at:%Y-%m-%d %H:%M}Z"
    if known.looked_at is not None:
        yield f"  last change seen {known.looked_at:%Y-%m-%d %H:%M}Z"
    yield f"  this is what we know; {problem}"
