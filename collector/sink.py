"""Where collectors hand over what they measured, and how single rows become column batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import numpy as np
import structlog

from collector.model import Fact, SampleBatch, Source
from config.clock import Clock
from config.errors import LineproofError

log = structlog.get_logger()

MOST_ROWS_HELD = 200_000
"""Rows kept while the sink refuses them; 80 minutes of 2,500 links at one a minute."""


class Sink(Protocol):
    """Takes over samples and facts; returns when they are durable. Raises LineproofError when it cannot."""

    async def samples(self, batch: SampleBatch) -> None: ...

    async def facts(self, facts: Sequence[Fact]) -> None: ...


Row = tuple[str, int, int, int, tuple[float, ...]]
"""Link, start of the slot (epoch ms), seconds, received at (epoch ms), values in the order of the fields."""


class Gatherer:
    """Collects rows and facts of one source and hands them to the sink once a second, as one batch.

    What the sink refuses is kept and offered again; beyond `MOST_ROWS_HELD` the oldest rows are dropped and said so.
    """

    def __init__(self, source: Source, fields: Sequence[str], sink: Sink, clock: Clock) -> None:
        self._source = source
        self._fields = tuple(fields)
        self._sink = sink
        self._clock = clock
        self._rows: list[Row] = []
        self._batches: list[SampleBatch] = []
        self._facts: list[Fact] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)

    def add_batch(self, batch: SampleBatch) -> None:
        """Rows that are columns already."""
        if len(batch):
            self._batches.append(batch)

    def add_fact(self, fact: Fact) -> None:
        self._facts.append(fact)

    @contextlib.asynccontextmanager
    async def handing_over(self) -> AsyncIterator[None]:
        """Hand over once a second while the block runs, and what is left at its end."""
        try:
            async with asyncio.TaskGroup() as group:
                hand_over = group.create_task(self._hand_over())
                try:
                    yield
                finally:
                    hand_over.cancel()
        finally:
            await self.flush()

    async def _hand_over(self) -> None:
        while True:
            await self._clock.sleep(1.0)
            await self.flush()

    async def flush(self) -> None:
        """Hand over what is there now. A sink that refuses is logged and tried again next time."""
        rows, self._rows = self._rows, []
        batches, self._batches = self._batches, []
        facts, self._facts = self._facts, []
        try:
            if rows:
                await self._sink.samples(batch_of(self._source, self._fields, rows))
                rows = []
            while batches:
                await self._sink.samples(batches[0])
                del batches[0]
            if facts:
                await self._sink.facts(facts)
                facts = []
        except LineproofError as error:
            log.error(
                "sink_refused",
                source=self._source,
                rows=len(rows) + sum(map(len, batches)),
                facts=len(facts),
                error=str(error),
            )
        finally:
            self._keep(rows, batches, facts)

    def _keep(self, rows: list[Row], batches: list[SampleBatch], facts: list[Fact]) -> None:
        self._batches = batches + self._batches
        while sum(map(len, self._batches)) > MOST_ROWS_HELD:
            log.error("samples_dropped", source=self._source, rows=len(self._batches.pop(0)))
        self._rows = rows + self._rows
        self._facts = facts + self._facts
        surplus = len(self._rows) - MOST_ROWS_HELD
        if surplus > 0:
            log.error("samples_dropped", source=self._source, rows=surplus)
            del self._rows[:surplus]
        del self._facts[: max(0, len(self._facts) - MOST_ROWS_HELD)]


def batch_of(source: Source, fields: Sequence[str], rows: Sequence[Row]) -> SampleBatch:
    """Rows as columns. Raises ValueError for a field that does not exist."""
    values = np.array([row[4] for row in rows], dtype=np.float64).reshape(len(rows), len(fields))
    return SampleBatch(
        source=source,
        links=[row[0] for row in rows],
        time=np.array([row[1] for row in rows], dtype=np.int64),
        seconds=np.array([row[2] for row in rows], dtype=np.int32),
        received_at=np.array([row[3] for row in rows], dtype=np.int64),
        fields={name: np.ascontiguousarray(values[:, column]) for column, name in enumerate(fields)},
    )


class NoSink:
    """Implements Sink and keeps nothing: for a poll that is only shown."""

    async def samples(self, batch: SampleBatch) -> None:
        del batch

    async def facts(self, facts: Sequence[Fact]) -> None:
        del facts
