"""Looks what people did in the ticket system, and makes it inputs: each change once, in order, over restarts.

Where we are is in rows alone (`triage_ticket`): what each ticket last showed is written in the transaction that
enqueues what was new, and the newest change seen only when all of a look is done. So what fails is looked at again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import structlog

from config.clock import Clock
from config.database import Database
from config.errors import LineproofError, NotFoundError
from triage import inbox
from triage.ticket_comparison import change_by_people, notes_by_people, seen_now
from triage.ticket_records import (
    KnownTicket,
    asked_since,
    known_tickets,
    last_change_seen,
    never_looked_at,
    save_look,
    save_seen,
)
from triage.tickets.port import Ticket, TicketSystem

log = structlog.get_logger()


class TicketWatch:
    """Looks at the tickets of our cases that were touched since the last look."""

    def __init__(self, database: Database, clock: Clock, tickets: TicketSystem) -> None:
        self._database = database
        self._clock = clock
        self._tickets = tickets

    async def look(self) -> list[int]:
        """Enqueue what people have done; returns the numbers of the inputs that this made.

        Raises TicketError when the system cannot be asked, or one of the tickets not: all others have been looked at.
        """
        done, made, failed = [], list[int](), None
        for known in await self._touched():
            try:
                shown, inputs = await self._look_at(known)
            except NotFoundError:
                # Deleted, or merged away, by people: nobody can change it any more.
                log.warning("ticket_gone", ticket=known.ticket, case=known.case)
                done.append((known, known.looked_at or known.opened_at))
            except LineproofError as error:
                failed = failed or error
            else:
                done.append((known, shown.updated_at))
                made += inputs
        if failed is not None:
            raise failed
        if done:
            async with self._database.writing() as connection:
                for known, changed_at in done:
                    await save_look(connection, known, changed_at)
        return made

    async def _touched(self) -> Sequence[KnownTicket]:
        system = self._tickets.name
        async with self._database.reading() as connection:
            newest = await last_change_seen(connection, system)
            new = await never_looked_at(connection, system)
        if newest is None:
            return new
        ids = await self._tickets.changed_since(newest)
        async with self._database.reading() as connection:
            touched = await known_tickets(connection, system, ids)
        return [*new, *(one for one in touched if one.looked_at is not None)]

    async def _look_at(self, known: KnownTicket) -> tuple[Ticket, list[int]]:
        looked = self._clock.now()
        shown = await self._tickets.show(known.ticket)
        async with self._database.writing() as connection:
            # Read after the ticket: what we have done to it until now is known to be ours.
            asked = await asked_since(connection, known.case, known.seen.looked if known.seen is not None else None)
            written = notes_by_people(known.case, known.seen, shown)
            change = change_by_people(known.case, known.seen, shown, asked)
            seen = seen_now(known.seen, shown, looked, changed=change is not None)
            now = self._clock.now()
            news = [(f"note:{note.id}", told) for note, told in written]
            if change is not None:
                news.append((f"change:{seen.changes}", change))
            inputs = [await inbox.put(connection, _key(known, what), told, now) for what, told in news]
            await save_seen(connection, known, seen, asked)
        return shown, inputs


def _key(known: KnownTicket, what: str) -> str:
    """Ids are as long as each system likes; a key is not."""
    named = f"{known.system}\n{known.ticket}\n{what}"
    return f"ticket:{known.case}:{hashlib.sha256(named.encode()).hexdigest()[:24]}"
