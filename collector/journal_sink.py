"""The sink that collects: whatever a watch hands over is in the journal when the call returns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from collector.admission import Refusal, Refusals, Span, admitted, admitted_facts, span_of
from collector.journal import Journal
from collector.metrics import FACTS, FACTS_REFUSED, REFUSED, SAMPLES
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.port import StoreError
from config.clock import Clock, from_epoch_ms

log = structlog.get_logger()

GATHER_SECONDS = 0.25
"""Real seconds for which hand-overs are gathered into one entry with one fsync: far below the promised second."""


SAID_EVERY = 60.0
"""Real seconds between two log lines about the same reason and source."""
REFUSED_SHOWN = 600.0
"""Real seconds for which health shows that something was refused."""


@dataclass(slots=True)
class _Told:
    """What was refused for one reason from one source, in real seconds of the loop: when lately, when last logged."""

    count: int = 0
    unsaid: int = 0
    last: float = 0.0
    said: float | None = None
    example: str = ""


class Admission:
    """Applies `collector.admission` with the inventory's links and our clock; tells what was refused."""

    def __init__(self, links: Collection[str], raw_days: int, clock: Clock) -> None:
        self._links, self._raw_days, self._clock = frozenset(links), raw_days, clock
        self._earliest = self._latest = clock.now()
        self._told: dict[tuple[str, Refusal, Source], _Told] = {}

    def samples(self, batch: SampleBatch) -> tuple[SampleBatch, Refusals]:
        return admitted(batch, self._links, self._span())

    def facts(self, facts: Sequence[Fact]) -> tuple[Sequence[Fact], Refusals]:
        return admitted_facts(facts, self._span())

    def _span(self) -> Span:
        now = self._clock.now()
        self._earliest, self._latest = min(self._earliest, now), max(self._latest, now)
        return span_of(self._earliest, self._latest, self._raw_days)

    def tell(self, what: str, source: Source, refusals: Refusals) -> None:
        """Log and count; one line a minute, reason and source, with all that was refused since the one before."""
        now = asyncio.get_running_loop().time()
        for reason, refused in refusals.items():
            (REFUSED if what == "samples" else FACTS_REFUSED).labels(reason, source).inc(refused.count)
            told = self._told.setdefault((what, reason, source), _Told())
            told.last, told.example = now, refused.example
            told.count += refused.count
            told.unsaid += refused.count
            if told.said is None or now - told.said >= SAID_EVERY:
                log.warning(f"{what}_refused", reason=reason, source=source, count=told.unsaid, example=refused.example)
                told.said, told.unsaid = now, 0

    def problems(self) -> Sequence[str]:
        now = asyncio.get_running_loop().time()
        return [
            f"{source}: {told.count} {what} refused ({reason.said}), for example {told.example}"
            for (what, reason, source), told in self._told.items()
            if now - told.last < REFUSED_SHOWN
        ]


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

    def __init__(self, journal: Journal, admission: Admission | None = None) -> None:
        """Without `admission` everything is taken."""
        self._journal, self._admission = journal, admission
        self._waiting: list[_HandOver] = []
        self._wake = asyncio.Event()
        self._newest: dict[Source, datetime] = {}
        self._outcomes: dict[str, str] = {}
        self.error = ""

    async def samples(self, batch: SampleBatch) -> None:
        batch, refusals = self._admission.samples(batch) if self._admission else (batch, {})
        if len(batch):
            await self._hand_over([batch], [])
        # Told once, when the rest is there: what the journal refuses is offered again as a whole.
        if self._admission and refusals:
            self._admission.tell("samples", batch.source, refusals)
        if len(batch):
            SAMPLES.labels(batch.source).inc(len(batch))
            newest = from_epoch_ms(int((batch.time + batch.seconds.astype("int64") * 1000).max()))
            self._newest[batch.source] = max(newest, self._newest.get(batch.source, newest))

    async def facts(self, facts: Sequence[Fact]) -> None:
        kept, refusals = self._admission.facts(facts) if self._admission else (facts, {})
        if kept:
            await self._hand_over([], kept)
        if self._admission and refusals:
            self._admission.tell("facts", facts[0].source, refusals)
        for kind, count in Counter(fact.kind for fact in kept).items():
            FACTS.labels(kind).inc(count)
        self._outcomes.update({fact.subject: fact.value for fact in kept if fact.kind is FactKind.POLL_OUTCOME})

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

    def refused(self) -> Sequence[str]:
        """One sentence for each reason for which something was refused lately."""
        return self._admission.problems() if self._admission else ()

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
