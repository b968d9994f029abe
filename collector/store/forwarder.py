"""From the journal into a store elsewhere, in order, at least once, for as long as that store is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

import structlog

from collector.journal import Entry, Journal
from collector.model import Source
from collector.store.port import MeasurementStore, RefusedError, StoreError
from collector.store.rows import batch_of_rows, rows_of
from config.clock import Clock, from_epoch_ms

log = structlog.get_logger()

ENTRIES_AT_ONCE = 200
IDLE = 1.0
LONGEST_WAIT = 60.0


class Forwarder:
    """Follows the cursor `name` of `journal` into `store`.

    A store that is away or refuses us as a whole (token, missing bucket) delays; rows that it refuses for themselves
    are set aside with its reason and do not hold up the rest.
    """

    def __init__(self, journal: Journal, store: MeasurementStore, clock: Clock, name: str) -> None:
        self._journal, self._store, self._clock, self.name = journal, store, clock, name
        journal.advance(name, 0)

    def depth(self) -> int:
        """Entries yet to be forwarded."""
        return self._journal.position() - max(self._journal.cursor(self.name), self._journal.trimmed())

    def age(self) -> timedelta:
        """How long ago the oldest entry that is yet to be forwarded was received; zero when there is none."""
        waiting = self._journal.read(self._journal.cursor(self.name), limit=1)
        received = _received_at(waiting[0]) if waiting else None
        return self._clock.now() - received if received else timedelta(0)

    def set_aside(self) -> int:
        """How many entries the store refused for good."""
        return len(self._journal.aside(self.name))

    async def run(self) -> NoReturn:
        """Forward until cancelled; waits 1 s, 2 s, ... at most a minute while the store is away."""
        wait = IDLE
        while True:
            try:
                forwarded = await self.step()
            except StoreError as error:
                log.warning("forwarding_waits", store=self.name, reason=str(error), seconds=wait, depth=self.depth())
                await self._clock.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            if wait > IDLE:
                log.info("forwarding_resumed", store=self.name, depth=self.depth())
            wait = IDLE
            if not forwarded:
                await self._clock.sleep(IDLE)

    async def step(self) -> int:
        """Forward the next entries; how many. Raises StoreError, the cursor where it was, when the store is away."""
        after = await asyncio.to_thread(self._journal.cursor, self.name)
        entries = await asyncio.to_thread(self._journal.read, after, ENTRIES_AT_ONCE)
        if not entries:
            return 0
        try:
            await self._write(entries)
            await asyncio.to_thread(self._journal.advance, self.name, entries[-1].seq)
        except RefusedError:
            await self._one_by_one(entries)
        await asyncio.to_thread(self._journal.trim)
        return len(entries)

    async def _write(self, entries: Sequence[Entry]) -> None:
        for source in Source:
            batches = [batch for entry in entries for batch in entry.batches if batch.source is source and len(batch)]
            if batches:
                await self._store.write(batch_of_rows(source, rows_of(batches)))
        await self._store.write_facts([fact for entry in entries for fact in entry.facts])

    async def _one_by_one(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            try:
                await self._write([entry])
            except RefusedError as error:
                log.error("entry_set_aside", store=self.name, entry=entry.seq, rows=entry.rows, reason=str(error))
                await asyncio.to_thread(self._journal.set_aside, self.name, entry.seq, str(error))
            else:
                await asyncio.to_thread(self._journal.advance, self.name, entry.seq)


def _received_at(entry: Entry) -> datetime | None:
    times = [from_epoch_ms(int(batch.received_at.min())) for batch in entry.batches if len(batch)]
    times += [fact.received_at for fact in entry.facts]
    return min(times, default=None)
