"""What the tests of the contract start from, and how they compare texts that a system may lay out anew."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable

from triage.evidence import EvidenceFile
from triage.model import Severity
from triage.tickets.port import NewTicket, Ticket, TicketNote, TicketType

BINARY = EvidenceFile(
    "evidence-C-7.pdf", "application/pdf", b"%PDF-1.7\n" + bytes(range(256)) * 3 + b"\r\n\x00\n%%EOF\n"
)


_numbers = itertools.count(1000)


def new(external_id: str | None = None, **changes: object) -> NewTicket:
    """A ticket under a key of its own, unless one is given: some systems stay for many tests."""
    given = {
        "name": "store-114: the line of Example Carrier is down",
        "description": "Since 02:10 no packet came through.\nThe router answers over the other line.",
        "severity": Severity.MAJOR,
        "client": "acme",
        "site": "store-114",
        "ticket_type": TicketType.OUTAGE,
        "circuit": "CKT-114/1",
    }
    return NewTicket(external_id=external_id or f"C-{next(_numbers)}:ticket", **{**given, **changes})  # type: ignore[arg-type]


def file(name: str, content: bytes, media_type: str = "application/pdf") -> EvidenceFile:
    return EvidenceFile(name, media_type, content)


def lines_of(text: str) -> list[str]:
    """The lines that a reader sees: no control characters, no line ends of one system or another, no empty lines."""
    kept = "".join(one for one in re.sub(r"\r\n?", "\n", text) if one == "\n" or unicodedata.category(one) != "Cc")
    return [line.strip() for line in kept.split("\n") if line.strip()]


def ours(ticket: Ticket) -> list[TicketNote]:
    return [note for note in ticket.notes if note.ours]


def theirs(ticket: Ticket) -> list[TicketNote]:
    return [note for note in ticket.notes if not note.ours]


def told(notes: Iterable[TicketNote]) -> list[str]:
    """All lines of the notes, in their order."""
    return [line for note in notes for line in lines_of(note.text)]


def appear_in_order(wanted: Iterable[str], lines: Iterable[str]) -> bool:
    """Whether each wanted line stands within a line, one after the other."""
    left = iter(lines)
    return all(any(one in line for line in left) for one in wanted)
