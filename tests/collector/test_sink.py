"""Rows become batches; what the sink refuses is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from collector import sink as module
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.sink import Gatherer, batch_of
from config.clock import ManualClock
from config.errors import LineproofError

NOW = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
ROW = ("wan1", 1_000, 60, 2_000, (1.5, float("nan")))
FACT = Fact(NOW, "rtr", FactKind.POLL_OUTCOME, "ok", Source.SNMP, NOW)


class Moody:
    """A sink that refuses as long as it is told to."""

    def __init__(self) -> None:
        self.refuses = False
        self.batches: list[SampleBatch] = []
        self.said: list[Fact] = []

    async def samples(self, batch: SampleBatch) -> None:
        if self.refuses:
            raise LineproofError("the disk is full; free some space")
        self.batches.append(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        if self.refuses:
            raise LineproofError("the disk is full; free some space")
        self.said.extend(facts)


def gatherer(sink: Moody) -> Gatherer:
    return Gatherer(Source.SNMP, ("rx_bps", "tx_bps"), sink, ManualClock(NOW))


def test_rows_become_columns() -> None:
    batch = batch_of(Source.SNMP, ("rx_bps", "tx_bps"), [ROW, ("wan2", 3_000, 60, 4_000, (2.5, 3.5))])
    assert list(batch.links) == ["wan1", "wan2"]
    assert batch.time.tolist() == [1_000, 3_000]
    assert batch.received_at.tolist() == [2_000, 4_000]
    assert batch.fields["rx_bps"].tolist() == [1.5, 2.5]
    assert np.isnan(batch.fields["tx_bps"]).tolist() == [True, False]


async def test_rows_of_a_second_travel_as_one_batch() -> None:
    sink = Moody()
    gather = gatherer(sink)
    for _ in range(3):
        gather.add(ROW)
    gather.add_fact(FACT)
    await gather.flush()
    await gather.flush()
    assert [len(batch) for batch in sink.batches] == [3]
    assert sink.said == [FACT]


async def test_what_the_sink_refuses_is_offered_again_before_what_came_later() -> None:
    sink = Moody()
    gather = gatherer(sink)
    sink.refuses = True
    gather.add(ROW)
    gather.add_fact(FACT)
    await gather.flush()
    sink.refuses = False
    gather.add(("wan9", 5_000, 60, 6_000, (0.0, 0.0)))
    await gather.flush()
    assert [list(batch.links) for batch in sink.batches] == [["wan1", "wan9"]]
    assert sink.said == [FACT]


async def test_when_too_much_is_held_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS_HELD", 2)
    sink = Moody()
    gather = gatherer(sink)
    sink.refuses = True
    for number in range(4):
        gather.add((f"wan{number}", 1_000, 60, 2_000, (0.0, 0.0)))
    await gather.flush()
    sink.refuses = False
    await gather.flush()
    assert list(sink.batches[0].links) == ["wan2", "wan3"]


async def test_what_is_left_at_the_end_is_handed_over() -> None:
    sink = Moody()
    gather = gatherer(sink)
    async with gather.handing_over():
        gather.add(ROW)
    assert sum(map(len, sink.batches)) == 1


async def test_refused_rows_stay_before_those_that_came_meanwhile() -> None:
    later = ("wan9", 5_000, 60, 6_000, (0.0, 0.0))

    class Slow(Moody):
        async def samples(self, batch: SampleBatch) -> None:
            if self.refuses:
                gather.add(later)
            await super().samples(batch)

    sink = Slow()
    gather = gatherer(sink)
    sink.refuses = True
    gather.add(ROW)
    await gather.flush()
    sink.refuses = False
    await gather.flush()
    assert list(sink.batches[0].links) == ["wan1", "wan9"]
