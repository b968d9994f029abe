"""Samples and facts of one morning in few words, and a store with what a test needs to know of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from collector.model import Fact, FactKind, SampleBatch, Series, Source
from collector.store.port import MeasurementStore
from config.clock import epoch_ms

MORNING = datetime(2026, 3, 3, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NAN = math.nan
ODD = [
    "a b",
    "a,b",
    "a=b",
    "o'hara",
    'say "x"',
    "back\\slash",
    "back\\",
    "%5C",
    "Zürich-Süd",
    "line\nend",
    "tab\t",
    "x;--",
]
"""Names with whatever line protocol, InfluxQL and file names have trouble with."""

Rows = Sequence[tuple[str, float, dict[str, float]]]


def samples(rows: Rows, source: Source = Source.SNMP, received: float = 5) -> SampleBatch:
    """Rows of (link, minute after nine, fields), each a minute long, received `received` seconds after its start."""
    time = np.array([epoch_ms(MORNING) + round(minute * 60_000) for _, minute, _ in rows], np.int64)
    names = dict.fromkeys(name for _, _, fields in rows for name in fields)
    return SampleBatch(
        source=source,
        links=[link for link, _, _ in rows],
        time=time,
        seconds=np.full(len(rows), 60, np.int32),
        received_at=time + round(received * 1000),
        fields={name: np.array([fields.get(name, NAN) for _, _, fields in rows]) for name in names},
    )


def minutes(series: Series) -> list[float]:
    return [(time - epoch_ms(MORNING)) / 60_000 for time in series.time.tolist()]


def fact(
    minute: float = 0,
    *,
    subject: str = "router1",
    kind: FactKind = FactKind.EVENT,
    value: str = "LINK_DEAD",
    received: float = 1,
    detail: str = "",
) -> Fact:
    time = MORNING + minute * MINUTE
    return Fact(time, subject, kind, value, Source.ORCHESTRATOR, time + timedelta(seconds=received), detail)


@dataclass
class Case:
    store: MeasurementStore
    reopen: Callable[[], MeasurementStore]
    python: str = ""
    """Source text that makes `store` in another process; none where no other process can read it."""
    upkeep: datetime | None = None
    """When the store is looked after, once after each write, so much later each time."""
    step: timedelta = timedelta(0)

    async def write(self, *batches: SampleBatch) -> None:
        for batch in batches:
            await self.store.write(batch)
            await self.settle()

    async def settle(self) -> None:
        if self.upkeep is not None:
            await self.store.maintain(self.upkeep)
            self.upkeep += self.step
