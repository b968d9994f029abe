"""What we opened in a system that keeps no key of ours: key, its id there, and what it was opened with.

Kept in the built-in ticket tables, for some ticket systems tell neither a title nor the client's site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select, update

from config.clock import Clock
from config.database import Database
from triage import tables
from triage.repository import number_of
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import NewTicket


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """`remote` is the ticket's id in its system, `line` what the system calls the line that it is about."""

    key: str
    remote: str
    line: str
    client: str
    site: str
    name: str
    description: str

    @classmethod
    def of_new(cls, new: NewTicket, remote: str, line: str) -> Mirrored:
        return cls(
            key=new.external_id,
            remote=remote,
            line=line,
            client=new.client,
            site=new.site,
            name=new.name,
            description=new.description,
        )


class Mirror:
    """Fails with the database's RecordsError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._own = BuiltinTickets(database, clock)
        self._known: dict[str, Mirrored] = {}

    async def find(self, key: str) -> Mirrored | None:
        return next(iter(await self._rows(tables.ticket.c.external_id == key)), None)

    async def of(self, remote: str) -> Mirrored | None:
        """The newest that we opened under this id: the system may give a second trouble the ticket of the first."""
        if remote not in self._known:
            for row in await self._rows(tables.ticket.c.document["remote"].as_string() == remote):
                self._known[remote] = row
        return self._known.get(remote)

    async def remember(self, new: NewTicket, remote: str, line: str) -> None:
        # The parent is known by its id there, not here.
        number = number_of(await self._own.create(replace(new, parent="")), "T")
        column = tables.ticket.c
        async with self._database.writing() as connection:
            kept = await connection.scalar(select(column.document).where(column.number == number)) or {}
            document = {**kept, "remote": remote, "line": line}
            await connection.execute(update(tables.ticket).where(column.number == number).values(document=document))
        self._known.pop(remote, None)

    async def ended(self, remote: str) -> None:
        """It is over for good, and need not be looked at any more."""
        async with self._database.writing() as connection:
            await connection.execute(
                update(tables.ticket)
                .where(tables.ticket.c.document["remote"].as_string() == remote)
                .values(status="closed")
            )

    async def not_ended(self) -> Sequence[str]:
        """Ids of all that are not known to be over for good."""
        rows = await self._rows(tables.ticket.c.status != "closed")
        return list(dict.fromkeys(row.remote for row in rows))

    async def _rows(self, condition: object) -> list[Mirrored]:
        query = select(tables.ticket).where(condition).order_by(tables.ticket.c.number)  # type: ignore[arg-type]
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Mirrored(
                key=row.external_id,
                remote=row.document["remote"],
                line=row.document["line"],
                client=row.client,
                site=row.site,
                name=row.name,
                description=row.description,
            )
            for row in rows
            if "remote" in row.document
        ]
