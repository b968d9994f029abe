"""The sink that collects: whatever a watch hands over is in the journal when the call returns."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.journal import Journal
from collector.metrics import FACTS, SAMPLES
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.port import StoreError
from config.clock import from_epoch_ms

GATHER_SECONDS = 0.25
"""Real seconds for which hand-overs are gathered into one entry with one fsync: far below the promised second."""


@dataclass(frozen=True, slots=True, eq=False)
class _HandOver:
    batches: Sequence[SampleBatch]
    facts: Sequence[Fact]
    at: float
    done: asyncio.Future[None]

    @property
    def rows(self) -> int:
        return sum(map(len, self.batches)) + len(self.facts)


class JournalSink:
    """Group commit: hand-overs wait together and return when their entry is on disk. `run` does the committing.

    An entry that the journal refuses raises its StoreError in every caller, who keep their rows and offer them again.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: list[_HandOver] = []
        self._wake = asyncio.Event()
        self._newest: dict[Source, datetime] = {}
        self._outcomes: dict[str, str] = {}
        self.error = ""

    async def samples(self, batch: SampleBatch) -> None:
        await self._hand_over([batch], [])
        SAMPLES.labels(batch.source).inc(len(batch))
        if len(batch):
            newest = from_epoch_ms(int((batch.time + batch.seconds.astype("int64") * 1000).max()))
            self._newest[batch.source] = max(newest, self._newest.get(batch.source, newest))

    async def facts(self, facts: Sequence[Fact]) -> None:
        await self._hand_over([], facts)
        for fact in facts:
            FACTS.labels(fact.kind).inc()
            if fact.kind is FactKind.POLL_OUTCOME:
                self._outcomes[fact.subject] = fact.value

    async def run(self) -> None:
        """Commit until cancelled; what was handed over by then is committed before this ends."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(GATHER_SECONDS)
                await self.commit()
        finally:
            await self.commit()

    async def _hand_over(self, batches: Sequence[SampleBatch], facts: Sequence[Fact]) -> None:
        loop = asyncio.get_running_loop()
        one = _HandOver(batches, facts, loop.time(), loop.create_future())
        self._waiting.append(one)
        self._wake.set()
        await one.done

    async def commit(self) -> None:
        """Write what waits now as one entry; what the journal refuses is told to those who wait, not raised here."""
        self._wake.clear()
        taken, self._waiting = self._waiting, []
        if not taken:
            return
        try:
            await self._journal.append(
                [batch for one in taken for batch in one.batches], [fact for one in taken for fact in one.facts]
            )
        except StoreError as error:
            self.error = str(error)
            _settle(taken, error)
        except BaseException:
            self._waiting = taken + self._waiting
            self._wake.set()
            raise
        else:
            self.error = ""
            _settle(taken, None)

    def waiting_rows(self) -> int:
        return sum(one.rows for one in self._waiting)

    def lag_seconds(self) -> float:
        """Age of the oldest row that is not yet in the journal, in real seconds."""
        return asyncio.get_running_loop().time() - self._waiting[0].at if self._waiting else 0.0

    def newest(self, source: Source) -> datetime | None:
        """The end of the newest slot that a source has handed over."""
        return self._newest.get(source)

    def outcomes(self) -> Mapping[str, str]:
        """The last poll outcome told of each device."""
        return self._outcomes


def _settle(taken: Sequence[_HandOver], error: StoreError | None) -> None:
    for one in taken:
        if one.done.done():
            continue
        if error is None:
            one.done.set_result(None)
        else:
            one.done.set_exception(error)
