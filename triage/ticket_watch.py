"""Looks what people did in the ticket system, and makes it inputs: each change once, in order, over restarts.

Where we are is in rows alone (`triage_ticket`): what each ticket last showed is written in the transaction that
enqueues what was new, and up to when all changes are known only when all of a look is done. So what fails is looked at
again. Times of the ticket system are compared with its own only: its clock may be another than ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from config.clock import Clock
from config.database import Database
from config.errors import LineproofError, NotFoundError
from inventory.model import Inventory
from triage import inbox
from triage.inputs import TicketChanged
from triage.ticket_comparison import change_by_people, gone_now, notes_by_people, opens, seen_now
from triage.ticket_records import (
    KnownTicket,
    asked_since,
    known_tickets,
    last_change_seen,
    linked_tickets,
    never_looked_at,
    next_in_turn,
    save_looks,
    save_seen,
)
from triage.tickets.port import PersonsTicket, Ticket, TicketSystem

log = structlog.get_logger()


FIRST_LOOK = timedelta(days=1)
"""How far back tickets of people are looked for where we have looked at none of ours yet."""
OVERLAP = timedelta(seconds=2)
"""A system may show a change a moment after the time that it gives it."""


class TicketWatch:
    """Looks at the tickets of our cases that were touched since the last look, and at one more in turn: not every
    system lists what was deleted, or what our user may not see any more."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        tickets: TicketSystem,
        inventory: Callable[[], Awaitable[Inventory]] | None = None,
    ) -> None:
        """Without an inventory, tickets that people open there by themselves open no case."""
        self._database = database
        self._clock = clock
        self._tickets = tickets
        self._inventory = inventory
        self._turn = 0

    async def look(self) -> list[int]:
        """Enqueue what people have done; returns the numbers of the inputs that this made.

        Raises TicketError when the system cannot be asked, or one of the tickets not: all others have been looked at.
        """
        touched, until, theirs = await self._touched()
        made, changed, failed = await self._opened_by(theirs), list[datetime](), None
        for known in touched:
            try:
                shown, inputs = await self._look_at(known)
            except NotFoundError as error:
                made += await self._gone(known, str(error))
            except LineproofError as error:
                failed = failed or error
            else:
                changed.append(shown.updated_at)
                made += inputs
        if failed is not None:
            raise failed
        # At first nothing is listed: what a ticket showed when it was last changed cannot be older than that.
        until = until or min(changed, default=None)
        if until is not None:
            async with self._database.writing() as connection:
                await save_looks(connection, self._tickets.name, touched, until)
        return made

    async def _touched(self) -> tuple[Sequence[KnownTicket], datetime | None, Sequence[PersonsTicket]]:
        """Tickets to look at, and up to when, by their system's clock, none that was touched is missing; and those
        that people opened by themselves.

        That moment is the time of the newest change that is listed, less what the listing took: whatever was touched
        after its beginning is found by the next one, even if it was touched before others were shown to us.
        """
        system = self._tickets.name
        async with self._database.reading() as connection:
            until = await last_change_seen(connection, system)
            new = await never_looked_at(connection, system)
            linked = await linked_tickets(connection, system)
        if until is None:
            lately = await self._tickets.changed_since(self._clock.now() - FIRST_LOOK, linked)
            return new, None, lately.by_people
        began = self._clock.monotonic()
        changes = await self._tickets.changed_since(until - OVERLAP, linked)
        took = timedelta(seconds=self._clock.monotonic() - began)
        if changes.newest is not None:
            until = max(until, changes.newest - took)
        async with self._database.reading() as connection:
            touched = [one for one in await known_tickets(connection, system, changes.tickets) if one.looked_at]
            in_turn = await next_in_turn(connection, system, self._turn)
        if in_turn is not None:
            self._turn = in_turn[0]
            touched += [in_turn[1]] if in_turn[1] not in touched else []
        return [*new, *touched], until, changes.by_people

    async def _opened_by(self, theirs: Sequence[PersonsTicket]) -> list[int]:
        """Cases that people open by opening a ticket of a site there, each once."""
        if not theirs or self._inventory is None:
            return []
        inventory, system, now = await self._inventory(), self._tickets.name, self._clock.now()
        async with self._database.writing() as connection:
            known = {one.ticket for one in await known_tickets(connection, system, [one.id for one in theirs])}
            told = [(one, opens(one, inventory)) for one in theirs if one.id not in known]
            for one, opening in told:
                if opening is None:
                    log.info("ticket_names_no_site", ticket=one.id, names=one.names)
            return [
                await inbox.put(connection, _keyed("opened", system, one.id), opening, now)
                for one, opening in told
                if opening is not None
            ]

    async def _look_at(self, known: KnownTicket) -> tuple[Ticket, list[int]]:
        looked = self._clock.now()
        shown = await self._tickets.show(known.ticket)
        async with self._database.writing() as connection:
            # Read after the ticket: what we have done to it until now is known to be ours.
            asked = await asked_since(connection, known)
            written = notes_by_people(known.case, known.seen, shown)
            change = change_by_people(known.case, known.seen, shown, asked)
            seen = seen_now(known.seen, shown, looked, changed=change is not None)
            now = self._clock.now()
            news = [(f"note:{note.id}", told) for note, told in written]
            if known.seen is not None and known.seen.gone:
                back = TicketChanged(
                    case=known.case, ticket=known.ticket, by="somebody", at=shown.updated_at, gone=False
                )
                news.append((f"back:{seen.changes}", back))
            if change is not None:
                news.append((f"change:{seen.changes}", change))
            inputs = [await inbox.put(connection, _key(known, what), told, now) for what, told in news]
            await save_seen(connection, known, seen)
        return shown, inputs

    async def _gone(self, known: KnownTicket, why: str) -> list[int]:
        """Its system does not have it any more; said once, until it is there again."""
        if known.seen is not None and known.seen.gone:
            return []
        log.warning("ticket_gone", ticket=known.ticket, case=known.case, why=why)
        now = self._clock.now()
        seen = gone_now(known.seen, now)
        told = TicketChanged(case=known.case, ticket=known.ticket, by="somebody", at=now, note=why, gone=True)
        async with self._database.writing() as connection:
            number = await inbox.put(connection, _key(known, f"gone:{seen.changes}"), told, now)
            await save_seen(connection, known, seen)
        return [number]


def _key(known: KnownTicket, what: str) -> str:
    return _keyed(known.case, known.system, known.ticket, what)


def _keyed(about: str, *names: str) -> str:
    """Ids are as long as each system likes; a key is not."""
    return f"ticket:{about}:{hashlib.sha256(chr(10).join(names).encode()).hexdigest()[:24]}"
