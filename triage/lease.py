"""The engine's lease: exactly one process decides at a time. A row that its holder renews; it runs in real time."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from config.clock import Clock, epoch_ms
from config.database import Database
from triage import tables

LENGTH = timedelta(seconds=15)
"""After a holder's death nothing is decided for at most this long."""


class Lease:
    """Named by host, process and a random part, so that a restarted process is a new holder.

    Whoever knows that its predecessor is dead may give `holder` itself, and goes on without waiting.
    """

    def __init__(self, database: Database, clock: Clock, name: str = "engine", holder: str | None = None) -> None:
        self._database = database
        self._clock = clock
        self._name = name
        self._until: datetime | None = None
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    @property
    def held(self) -> bool:
        """Whether it is ours at this moment, by our own clock: false for whoever has slept past its end."""
        return self._until is not None and self._clock.now() < self._until

    async def hold(self) -> bool:
        """Take or renew the lease; False while another holder's has not run out."""
        moment = self._clock.now()
        held = await self._take(epoch_ms(moment))
        self._until = moment + LENGTH if held else None
        return held

    async def _take(self, now: int) -> bool:
        expires = now + int(LENGTH.total_seconds() * 1000)
        row = tables.lease.c
        async with self._database.writing() as connection:
            current = (
                await connection.execute(select(row.holder, row.expires_at).where(row.name == self._name))
            ).one_or_none()
            if current is None:
                await connection.execute(
                    insert(tables.lease).values(name=self._name, holder=self.holder, expires_at=expires)
                )
                return True
            if current.holder != self.holder and current.expires_at > now:
                return False
            await connection.execute(
                update(tables.lease).where(row.name == self._name).values(holder=self.holder, expires_at=expires)
            )
            return True

    async def release(self) -> None:
        """Give the lease up, so that the next holder need not wait."""
        self._until = None
        async with self._database.writing() as connection:
            await connection.execute(
                delete(tables.lease).where(tables.lease.c.name == self._name, tables.lease.c.holder == self.holder)
            )
