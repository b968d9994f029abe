"""Into InfluxDB through the journal: a server that is stopped, killed or refuses, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from store_cases import HOUR, MINUTE, MORNING, fact, minutes, samples

from collector.journal import Journal
from collector.model import SampleBatch
from collector.store.forwarder import Forwarder
from collector.store.influx import InfluxStore
from collector.store.port import StoreError
from config.clock import ManualClock, SystemClock

pytestmark = pytest.mark.real


class Impatient(SystemClock):
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


def at(*when: float, link: str = "wan1") -> SampleBatch:
    return samples([(link, minute, {"rtt_ms": 20.0}) for minute in when])


@pytest.fixture
async def store(influx_proxy: Any, influx_bucket: str) -> AsyncIterator[InfluxStore]:
    store = InfluxStore(influx_proxy.url, influx_proxy.token, influx_bucket)
    yield store
    await store.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


async def minutes_in(store: InfluxStore, link: str = "wan1") -> list[float]:
    return [
        minute
        for one in await store.window([link], ["rtt_ms"], MORNING, MORNING + 48 * HOUR)
        for minute in minutes(one)
    ]


async def forwarded(forwarder: Forwarder, seconds: float = 30) -> None:
    """Wait until nothing waits any more."""
    for _ in range(round(seconds / 0.05)):
        if not forwarder.depth():
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{forwarder.depth()} entries still wait: {forwarder.state().trouble}")


async def ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_forwarder_brings_over_everything_and_remembers_where_it_was(
    store: InfluxStore, journal: Journal
) -> None:
    clock = ManualClock(MORNING + timedelta(seconds=65))
    forwarder = Forwarder(journal, store, clock, "influx")
    await journal.append([at(0), at(1)], [])
    await journal.append([at(2)], [fact()])
    assert forwarder.depth() == 2
    assert forwarder.age() == timedelta(seconds=60)
    assert await forwarder.step() == 2
    assert await minutes_in(store) == [0, 1, 2]
    assert list(await store.facts(["router1"], MORNING, MORNING + HOUR)) == [fact()]
    assert (forwarder.depth(), forwarder.age()) == (0, timedelta(0))
    await journal.append([at(3)], [])
    assert await Forwarder(journal, store, clock, "influx").step() == 1
    assert await minutes_in(store) == [0, 1, 2, 3]


async def test_what_was_forwarded_leaves_the_journal_only_when_every_reader_is_done(
    store: InfluxStore, journal: Journal
) -> None:
    journal.advance("hot_window", 0)
    forwarder = Forwarder(journal, store, ManualClock(MORNING), "influx")
    await journal.append([at(0)], [])
    await forwarder.step()
    assert len(journal.read(0)) == 1
    journal.advance("hot_window", 1)
    await journal.append([at(1)], [])
    await forwarder.step()
    assert [entry.seq for entry in journal.read(0)] == [2]


async def test_a_row_that_the_server_refuses_is_set_aside_alone_and_holds_up_nothing(
    store: InfluxStore, journal: Journal, influx_proxy: Any
) -> None:
    await store.write(at(-1))
    forwarder = Forwarder(journal, store, ManualClock(MORNING), "influx")
    await journal.append([at(0)], [])
    await journal.append([at(1, link="poison")], [])
    await journal.append([at(2)], [])
    refusal = (400, '{"error": "partial write: field type conflict dropped=1"}')
    # The question for what is new, all three rows, the first, the other two, the second, the third.
    influx_proxy.answers += [None, refusal, None, refusal, refusal, None]
    assert await forwarder.step() == 3
    (aside,) = journal.aside("influx")
    assert "field type conflict" in aside.reason
    assert forwarder.set_aside() == 1
    assert forwarder.depth() == 0
    assert len(await minutes_in(store)) + len(await minutes_in(store, "poison")) == 2


@pytest.mark.parametrize("answer", [(401, "no"), (403, "no"), (302, "elsewhere"), (400, "no question of mine")])
async def test_what_is_not_the_rows_fault_delays_and_sets_nothing_aside(
    store: InfluxStore, journal: Journal, influx_proxy: Any, answer: tuple[int, str]
) -> None:
    await journal.append([at(0)], [])
    forwarder = Forwarder(journal, store, ManualClock(MORNING), "influx")
    influx_proxy.answers.append(answer)
    with pytest.raises(StoreError):
        await forwarder.step()
    assert (forwarder.depth(), forwarder.set_aside()) == (1, 0)
    assert await forwarder.step() == 1
    assert await minutes_in(store) == [0]


async def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    store: InfluxStore, journal: Journal, influx_proxy: Any
) -> None:
    slept: list[float] = []

    class Noted(SystemClock):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            await asyncio.sleep(0.01)

    await journal.append([at(0)], [])
    forwarder = Forwarder(journal, store, Noted(), "influx")
    influx_proxy.answers += [None, None, (503, "busy", {"Retry-After": "120"})]
    running = asyncio.create_task(forwarder.run())
    await forwarded(forwarder)
    await ended(running)
    assert slept[0] == 120
    assert await minutes_in(store) == [0]


@pytest.mark.slow
async def test_a_server_that_is_stopped_for_a_while_costs_delay_only(
    store: InfluxStore, journal: Journal, influxd: Any
) -> None:
    forwarder = Forwarder(journal, store, Impatient(), "influx")
    running = asyncio.create_task(forwarder.run())
    await journal.append([at(0)], [])
    await asyncio.to_thread(influxd.stop)
    for minute in range(1, 20):
        await journal.append([at(minute)], [])
    await asyncio.sleep(0.3)
    assert forwarder.depth() > 0
    await asyncio.to_thread(influxd.start)
    await forwarded(forwarder)
    await ended(running)
    assert await minutes_in(store) == list(range(20))
    assert forwarder.set_aside() == 0


@pytest.mark.slow
async def test_a_server_that_is_killed_in_the_middle_of_writes_loses_and_doubles_nothing(
    store: InfluxStore, journal: Journal, influxd: Any
) -> None:
    """Killed three times while entries are forwarded; among them rows that come again and too late."""
    choose = random.Random(4)
    forwarder = Forwarder(journal, store, Impatient(), "influx")
    running = asyncio.create_task(forwarder.run())
    expected: dict[float, float] = {}
    said = []
    for minute in range(600):
        rows = [("wan1", float(minute), {"rtt_ms": float(minute)})]
        if minute % 7 == 0 and minute:
            rows.append(("wan1", float(choose.randrange(minute)), {"loss_pct": 1.0}))
        said.append(fact(minute))
        await journal.append([samples(rows, received=5 + minute % 3)], [said[-1]])
        expected[minute] = minute
        if minute in (120, 300, 480):
            await asyncio.sleep(choose.random() * 0.2)
            await asyncio.to_thread(influxd.stop, kill=True)
            await asyncio.to_thread(influxd.start)
    await forwarded(forwarder)
    await ended(running)
    (series,) = await store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + 600 * MINUTE)
    assert dict(zip(minutes(series), series.column("rtt_ms").tolist(), strict=True)) == expected
    assert list(await store.facts(["router1"], MORNING, MORNING + 600 * MINUTE)) == said
    assert forwarder.set_aside() == 0


@pytest.mark.slow
async def test_what_a_killed_server_acknowledged_is_there_when_it_is_back(store: InfluxStore, influxd: Any) -> None:
    for turn in range(5):
        first = turn * 100
        await store.write(at(*range(first, first + 100)))
        await asyncio.to_thread(influxd.stop, kill=True)
        await asyncio.to_thread(influxd.start)
        assert await minutes_in(store) == list(range(first + 100))
