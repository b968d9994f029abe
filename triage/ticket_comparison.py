"""What people did to a ticket, from what it showed before, what it shows now, and what we asked of it meanwhile. Pure.

A ticket system tells neither who changed a field nor why, and has words of its own for queues and severities. So: what
we asked is ours, all else is a person's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inventory.aliases import Closeness, find_sites
from inventory.model import Inventory
from triage.cases import Effect, EffectKind
from triage.inputs import Opening, PersonAct, PersonActed, TicketChanged
from triage.model import Severity
from triage.tickets.port import PersonsTicket, Ticket, TicketNote, TicketStatus

LINKED = ":linked"
"""How our key ends of a ticket that people opened there: it does not stand in the ticket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A ticket as it was last seen, at `looked` by our clock, when its last change was `changed_at` by its system's.
    `notes` are the ids of all notes that were ever there; `changes` counts what people have done to it otherwise.
    `gone`: its system did not have it any more."""

    status: TicketStatus
    owner: str
    queue: str
    severity: str
    notes: tuple[str, ...]
    changes: int
    looked: datetime
    changed_at: datetime | None = None
    gone: bool = False


def seen_now(before: Seen | None, shown: Ticket, looked: datetime, *, changed: bool) -> Seen:
    """What is to be remembered of a look; a note that has been deleted stays known."""
    known = before.notes if before is not None else ()
    new = tuple(note.id for note in shown.notes if note.id not in known)
    return Seen(
        status=shown.status,
        owner=shown.owner,
        queue=shown.queue,
        severity=shown.severity,
        notes=(*known, *new),
        changes=(before.changes if before is not None else 0) + changed,
        looked=looked,
        changed_at=shown.updated_at,
    )


def gone_now(before: Seen | None, looked: datetime) -> Seen:
    """What is to be remembered of a ticket that is not there any more: what it showed last, or how tickets begin."""
    began = Seen(status=TicketStatus.ACKNOWLEDGED, owner="", queue="", severity="", notes=(), changes=0, looked=looked)
    known = before or began
    return replace(known, changes=known.changes + 1, looked=looked, gone=True)


def notes_by_people(case: str, seen: Seen | None, shown: Ticket) -> list[tuple[TicketNote, TicketChanged]]:
    """The notes that people have added, in their order. One that was edited or deleted is no news."""
    known = seen.notes if seen is not None else ()
    new = [note for note in shown.notes if note.id not in known and not note.ours]
    return [
        (note, TicketChanged(case=case, ticket=shown.id, by=note.author or "somebody", at=note.made_at, note=note.text))
        for note in sorted(new, key=lambda note: note.made_at)
    ]


def opens(theirs: PersonsTicket, inventory: Inventory) -> PersonActed | None:
    """A person who opens a ticket of a site opens its case; None where it names no site of ours, or several. The
    beginning of a name is not enough, for nobody is asked."""
    for name in theirs.names:
        fits = find_sites(inventory, name)
        if len(fits) == 1 and fits[0].closeness is not Closeness.PREFIX:
            opening = Opening(existing_ticket=theirs.id)
            who, title = theirs.by or "somebody", theirs.title or f"ticket {theirs.id}"
            return PersonActed(who=who, does=PersonAct.OPEN, target=fits[0].site.id, note=title, opening=opening)
    return None


def change_by_people(case: str, seen: Seen | None, shown: Ticket, asked: Sequence[Effect]) -> TicketChanged | None:
    """What people have changed otherwise; None for nothing. `asked` are our effects on the ticket that may have come
    into force since it was seen.

    A ticket that is seen for the first time began as its system begins tickets: without an owner, and worked on.
    """
    status = _status(seen, shown, asked)
    owner = _owner(seen, shown, asked)
    moved = seen is not None and shown.queue != seen.queue and not any(one.queue is not None for one in asked)
    graded = seen is not None and shown.severity != seen.severity and not any(one.severity is not None for one in asked)
    severity = _severity(shown.severity) if graded else None
    if status is None and owner is None and severity is None and not moved:
        return None
    return TicketChanged(
        case=case,
        ticket=shown.id,
        by=_somebody(seen, shown),
        at=shown.updated_at,
        status=status,
        owner=owner,
        queue=shown.queue if moved else None,
        severity=severity,
    )


def _status(seen: Seen | None, shown: Ticket, asked: Iterable[Effect]) -> TicketStatus | None:
    """A status counts by its kind where we asked for one: systems have fewer statuses than we do."""
    began = TicketStatus.ACKNOWLEDGED if seen is None else seen.status
    if shown.status is began or (seen is None and _kind(shown.status) == _kind(began)):
        return None
    ours = {_kind(wanted) for one in asked if (wanted := _asked_status(one)) is not None}
    return None if _kind(shown.status) in ours else shown.status


def _asked_status(effect: Effect) -> TicketStatus | None:
    return TicketStatus.RESOLVED if effect.kind is EffectKind.RESOLVE_TICKET else effect.status


def _kind(status: TicketStatus) -> str:
    if status.ended:
        return "ended"
    return "waits" if status in (TicketStatus.PENDING, TicketStatus.HELD) else "worked on"


def _owner(seen: Seen | None, shown: Ticket, asked: Iterable[Effect]) -> str | None:
    if shown.owner == (seen.owner if seen is not None else ""):
        return None
    ours = any(one.owner is not None and one.owner.casefold() == shown.owner.casefold() for one in asked)
    return None if ours else shown.owner


def _severity(word: str) -> Severity | None:
    """Ours, where the system has the same word for it."""
    return next((one for one in Severity if one.value == word.casefold()), None)


def _somebody(seen: Seen | None, shown: Ticket) -> str:
    """Who it will have been: whoever wrote last since, or has the ticket."""
    written = notes_by_people("", seen, shown)
    return written[-1][1].by if written else shown.owner or "somebody"
