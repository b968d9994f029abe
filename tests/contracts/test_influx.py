"""What the InfluxDB adapter and the forwarder do when the server is away, refuses, or is told nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collector.journal import Journal
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.forwarder import Forwarder
from collector.store.influx import InfluxStore
from collector.store.lineprotocol import original_text, sample_lines, stored_text
from collector.store.port import RefusedError, StoreError
from collector.store.rows import rows_of
from config.clock import ManualClock, SystemClock, epoch_ms

MORNING = datetime(2026, 3, 3, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def batch(*minutes: int, link: str = "wan1", **fields: float) -> SampleBatch:
    time = np.array([epoch_ms(MORNING) + minute * 60_000 for minute in minutes], np.int64)
    n = len(minutes)
    return SampleBatch(
        source=Source.SNMP,
        links=[link] * n,
        time=time,
        seconds=np.full(n, 60, np.int32),
        received_at=time + 5000,
        fields={name: np.full(n, value) for name, value in (fields or {"rtt_ms": 20.0}).items()},
    )


def test_a_line_holds_only_what_was_measured() -> None:
    rows = rows_of([batch(0, link="a b,c=d", rtt_ms=20.5, loss_pct=np.nan)])
    begin = epoch_ms(MORNING)
    assert sample_lines(rows) == [
        rf"samples,link=a\ b\,c\=d,source=snmp rtt_ms=20.5,seconds=60i,received_at={begin + 5000}i {begin}"
    ]


@pytest.mark.parametrize("text", ["%", "%25", "%5C", "\\", "\\%5C\n", "a%0Ab", "\t\r\n", "plain"])
def test_stored_names_turn_back_into_themselves(text: str) -> None:
    stored = stored_text(text)
    assert original_text(stored) == text
    assert not set(stored) & set("\\\n\r\t")


@pytest.fixture
async def store(influx_proxy: Any, influx_bucket: str) -> AsyncIterator[InfluxStore]:
    store = InfluxStore(influx_proxy.url, influx_proxy.token, influx_bucket)
    yield store
    await store.close()


@pytest.mark.real
@pytest.mark.parametrize(
    ("status", "retryable", "refused", "advice"),
    [
        (429, True, False, "overloaded"),
        (500, True, False, "tried again"),
        (503, True, False, "tried again"),
        (400, False, True, "refused rows"),
        (413, False, True, "refused rows"),
        (422, False, True, "refused rows"),
        (401, False, False, "token"),
        (403, False, False, "token"),
    ],
)
async def test_an_error_says_what_to_do_and_whether_to_try_again(
    store: InfluxStore, influx_proxy: Any, status: int, retryable: bool, refused: bool, advice: str
) -> None:
    influx_proxy.answers.append((status, '{"code": "x", "message": "the reason"}'))
    with pytest.raises(StoreError) as caught:
        await store.write(batch(0))
    assert caught.value.retryable is retryable
    assert isinstance(caught.value, RefusedError) is refused
    assert advice in str(caught.value)
    assert influx_proxy.token not in str(caught.value)


@pytest.mark.real
async def test_an_answer_that_is_no_influxdb_is_said_so(store: InfluxStore, influx_proxy: Any) -> None:
    influx_proxy.answers.append((200, "<html>login</html>"))
    with pytest.raises(StoreError, match="no InfluxQL result; check the url"):
        await store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)


@pytest.mark.real
async def test_a_wrong_token_is_an_error_that_does_not_show_it(influx_proxy: Any, influx_bucket: str) -> None:
    store = InfluxStore(influx_proxy.url, "a-wrong-secret", influx_bucket)
    for attempt in (store.write(batch(0)), store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)):
        with pytest.raises(StoreError, match=r"check `influx\.token`") as caught:
            await attempt
        assert "a-wrong-secret" not in str(caught.value)
    await store.close()


async def test_no_server_at_all_is_worth_trying_again() -> None:
    store = InfluxStore("http://127.0.0.1:9", None, "wan/raw", timeout=2)
    for attempt in (store.write(batch(0)), store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)):
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            await attempt
        assert caught.value.retryable
    await store.close()


@pytest.mark.real
async def test_many_rows_go_in_writes_of_five_thousand(store: InfluxStore, influx_proxy: Any) -> None:
    await store.write(batch(*range(12_000)))
    assert influx_proxy.writes == 3
    (series,) = await store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + timedelta(days=30))
    assert len(series) == 12_000


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


async def minutes_in(store: InfluxStore, link: str = "wan1") -> list[int]:
    found = await store.window([link], ["rtt_ms"], MORNING, MORNING + 24 * HOUR)
    return [(time - epoch_ms(MORNING)) // 60_000 for series in found for time in series.time.tolist()]


@pytest.mark.real
async def test_the_forwarder_brings_over_everything_and_remembers_where_it_was(
    store: InfluxStore, journal: Journal
) -> None:
    clock = ManualClock(MORNING + timedelta(seconds=65))
    forwarder = Forwarder(journal, store, clock, "influx")
    said = Fact(MORNING, "router1", FactKind.EVENT, "LINK_DEAD", Source.SNMP, MORNING)
    await journal.append([batch(0), batch(1)], [])
    await journal.append([batch(2)], [said])
    assert forwarder.depth() == 2
    assert forwarder.age() == timedelta(seconds=60)
    assert await forwarder.step() == 2
    assert await minutes_in(store) == [0, 1, 2]
    assert list(await store.facts(["router1"], MORNING, MORNING + HOUR)) == [said]
    assert (forwarder.depth(), forwarder.age()) == (0, timedelta(0))
    await journal.append([batch(3)], [])
    assert await Forwarder(journal, store, clock, "influx").step() == 1
    assert await minutes_in(store) == [0, 1, 2, 3]


@pytest.mark.real
async def test_what_was_forwarded_leaves_the_journal_only_when_every_reader_is_done(
    store: InfluxStore, journal: Journal
) -> None:
    journal.advance("hot_window", 0)
    forwarder = Forwarder(journal, store, ManualClock(MORNING), "influx")
    await journal.append([batch(0)], [])
    await forwarder.step()
    assert len(journal.read(0)) == 1
    journal.advance("hot_window", 1)
    await journal.append([batch(1)], [])
    await forwarder.step()
    assert [entry.seq for entry in journal.read(0)] == [2]


@pytest.mark.real
async def test_a_wrong_token_delays_and_sets_nothing_aside(
    influx_proxy: Any, influx_bucket: str, journal: Journal
) -> None:
    await journal.append([batch(0)], [])
    wrong = InfluxStore(influx_proxy.url, "wrong", influx_bucket)
    forwarder = Forwarder(journal, wrong, ManualClock(MORNING), "influx")
    with pytest.raises(StoreError):
        await forwarder.step()
    assert (forwarder.depth(), forwarder.set_aside()) == (1, 0)
    await wrong.close()


@pytest.mark.real
@pytest.mark.slow
async def test_a_server_that_is_stopped_for_a_while_costs_delay_only(
    store: InfluxStore, journal: Journal, influxd: Any
) -> None:
    class Impatient(SystemClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.02))

    forwarder = Forwarder(journal, store, Impatient(), "influx")
    running = asyncio.create_task(forwarder.run())
    await journal.append([batch(0)], [])
    await asyncio.to_thread(influxd.stop)
    for minute in range(1, 20):
        await journal.append([batch(minute)], [])
    await asyncio.sleep(0.3)
    assert forwarder.depth() > 0
    await asyncio.to_thread(influxd.start)
    for _ in range(200):
        if not forwarder.depth():
            break
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await minutes_in(store) == list(range(20))
    assert forwarder.set_aside() == 0
