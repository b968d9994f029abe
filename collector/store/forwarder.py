"""From the journal into a store elsewhere, in order, at least once, for as long as that store is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

import structlog

from collector.entries import CodedLinks
from collector.journal import Entry, Journal, Refused
from collector.metrics import FORWARDED
from collector.model import Fact, SampleBatch, Source
from collector.store.port import BusyError, MeasurementStore, PoisonError, RefusedError, StoreError
from collector.store.rows import rows_of
from config.clock import Clock, from_epoch_ms

log = structlog.get_logger()

ENTRIES_AT_ONCE = 2000
ROWS_AT_ONCE = 20_000
"""Rows in one write, then the cursor moves: large enough for a store that is far, and soon written again."""
BEHIND = timedelta(minutes=10)
"""From this age on a store that answers is nevertheless a problem."""
IDLE = 1.0
LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Forwarding:
    """How forwarding stands. `age`: how long ago the oldest waiting entry was received; `trouble`: why it waits."""

    name: str
    depth: int
    age: timedelta
    trouble: str

    @property
    def detail(self) -> str:
        oldest = f", the oldest for {self.age.total_seconds():.0f} s" if self.depth else ""
        return f"{self.name}: {self.depth} journal entries wait{oldest}"

    @property
    def problems(self) -> tuple[str, ...]:
        if self.trouble:
            return (f"{self.detail}: {self.trouble}",)
        return (f"{self.detail}: the store takes them too slowly",) if self.age > BEHIND else ()


class Forwarder:
    """Follows the cursor `name` of `journal` into `store`.

    A store that is away or refuses us as a whole (token, missing bucket) delays; rows that it refuses for themselves
    are set aside with its reason and do not hold up the rest.
    """

    def __init__(self, journal: Journal, store: MeasurementStore, clock: Clock, name: str) -> None:
        self._journal, self._store, self._clock, self.name = journal, store, clock, name
        self._trouble = ""
        journal.advance(name, 0)

    def depth(self) -> int:
        """Entries yet to be forwarded."""
        return self._journal.position() - max(self._journal.cursor(self.name), self._journal.trimmed())

    def age(self) -> timedelta:
        """How long ago the oldest entry that is yet to be forwarded was received; zero when there is none."""
        waiting = self._journal.read(self._journal.cursor(self.name), limit=1)
        received = _received_at(waiting[0]) if waiting else None
        return max(self._clock.now() - received, timedelta(0)) if received else timedelta(0)

    def set_aside(self) -> int:
        """How many rows the store refused for good, ever."""
        tally = self._journal.tallies("aside").get(self.name)
        return tally.rows if tally else 0

    def state(self) -> Forwarding:
        """How it stands now. Blocks for some milliseconds."""
        return Forwarding(self.name, self.depth(), self.age(), self._trouble)

    async def run(self) -> NoReturn:
        """Forward until cancelled; waits 1 s, 2 s, ... at most a minute while the store is away, and longer only if
        the store itself says so."""
        wait = IDLE
        while True:
            try:
                forwarded = await self.step()
            except StoreError as error:
                seconds = max(wait, _asked_for(error))
                self._trouble = str(error)
                log.warning("forwarding_waits", store=self.name, reason=str(error), seconds=seconds, depth=self.depth())
                await self._clock.sleep(seconds)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            if self._trouble:
                log.info("forwarding_resumed", store=self.name, depth=self.depth())
            wait, self._trouble = IDLE, ""
            if not forwarded:
                await self._clock.sleep(IDLE)

    async def step(self) -> int:
        """Forward the next entries; how many. Raises StoreError, the cursor behind what was written, when the store is
        away."""
        after = await asyncio.to_thread(self._journal.cursor, self.name)
        entries = await asyncio.to_thread(self._journal.read, after, ENTRIES_AT_ONCE)
        for some in _stretches(entries):
            await self._forward(some)
        if entries:
            await asyncio.to_thread(self._journal.trim)
        return len(entries)

    async def _forward(self, entries: Sequence[Entry]) -> None:
        last = entries[-1].seq
        refused: list[Refused] = []
        for batch in await asyncio.to_thread(_joined, entries):
            refused += await self._refused_samples(batch, last)
        refused += await self._refused_facts([fact for entry in entries for fact in entry.facts], last)
        FORWARDED.labels(self.name).inc(sum(entry.rows for entry in entries) - sum(each.rows for each in refused))
        if not refused:
            await asyncio.to_thread(self._journal.advance, self.name, last)
            return
        for each in refused:
            log.error("rows_set_aside", store=self.name, rows=each.rows, reason=each.reason, up_to_entry=last)
        await asyncio.to_thread(self._journal.set_aside, self.name, last, refused, self._clock.now())

    async def _refused_samples(self, batch: SampleBatch, last: int) -> list[Refused]:
        """Write; the rows that the store refuses. An error that does not name them is pinned down by halving."""
        try:
            await self._store.write(batch)
        except RefusedError as error:
            named = _named(error)
            if named or len(batch) == 1:
                return [Refused(last, str(error), named or [batch])]
            middle = len(batch) // 2
            found = await self._refused_samples(_part(batch, slice(0, middle)), last)
            return found + await self._refused_samples(_part(batch, slice(middle, None)), last)
        return []

    async def _refused_facts(self, facts: Sequence[Fact], last: int) -> list[Refused]:
        if not facts:
            return []
        try:
            await self._store.write_facts(facts)
        except RefusedError as error:
            named = error.facts if isinstance(error, PoisonError) else ()
            if named or len(facts) == 1:
                return [Refused(last, str(error), facts=named or facts)]
            middle = len(facts) // 2
            return await self._refused_facts(facts[:middle], last) + await self._refused_facts(facts[middle:], last)
        return []


def _asked_for(error: StoreError) -> float:
    return error.retry_after if isinstance(error, BusyError) else 0.0


def _named(error: RefusedError) -> tuple[SampleBatch, ...]:
    """The samples that a store names as refused: then all others of that write are stored."""
    return error.batches if isinstance(error, PoisonError) else ()


def _stretches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Entries in their order, about ROWS_AT_ONCE rows at a time."""
    some: list[Entry] = []
    rows = 0
    for entry in entries:
        some.append(entry)
        rows += entry.rows
        if rows >= ROWS_AT_ONCE:
            yield some
            some, rows = [], 0
    if some:
        yield some


def _joined(entries: Sequence[Entry]) -> list[SampleBatch]:
    """The entries' samples, of each source at most ROWS_AT_ONCE rows a batch."""
    found = []
    for source in Source:
        rows = rows_of([batch for entry in entries for batch in entry.batches if batch.source is source])
        whole = SampleBatch(
            source, CodedLinks(rows.names, rows.link), rows.time, rows.seconds, rows.received_at, rows.fields
        )
        found += [_part(whole, slice(at, at + ROWS_AT_ONCE)) for at in range(0, len(whole), ROWS_AT_ONCE)]
    return found


def _part(batch: SampleBatch, rows: slice) -> SampleBatch:
    return SampleBatch(
        batch.source,
        batch.links[rows],
        batch.time[rows],
        batch.seconds[rows],
        batch.received_at[rows],
        {name: values[rows] for name, values in batch.fields.items()},
    )


def _received_at(entry: Entry) -> datetime | None:
    times = [from_epoch_ms(int(batch.received_at.min())) for batch in entry.batches if len(batch)]
    times += [fact.received_at for fact in entry.facts]
    return min(times, default=None)
