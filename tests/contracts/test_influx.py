"""What the InfluxDB adapter does when the server is away, busy, refuses, or is told nonsense."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import numpy as np
import pytest

from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.influx import InfluxStore
from collector.store.port import BusyError, PoisonError, RefusedError, StoreError
from config.clock import epoch_ms

MORNING = datetime(2026, 3, 3, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

pytestmark = pytest.mark.rim


def batch(*minutes: int, link: str = "wan1", received: float = 5, **fields: float) -> SampleBatch:
    """A row a minute after nine, received `received` seconds after its start."""
    time = np.array([epoch_ms(MORNING) + minute * 60_000 for minute in minutes], np.int64)
    n = len(minutes)
    return SampleBatch(
        source=Source.SNMP,
        links=[link] * n,
        time=time,
        seconds=np.full(n, 60, np.int32),
        received_at=time + round(received * 1000),
        fields={name: np.full(n, value) for name, value in (fields or {"rtt_ms": 20.0}).items()},
    )


@pytest.fixture
async def store(influx_proxy: Any, influx_bucket: str) -> AsyncIterator[InfluxStore]:
    store = InfluxStore(influx_proxy.url, influx_proxy.token, influx_bucket)
    yield store
    await store.close()


async def minutes_in(store: InfluxStore, link: str = "wan1") -> list[int]:
    found = await store.window([link], ["rtt_ms"], MORNING, MORNING + 24 * HOUR)
    return [(time - epoch_ms(MORNING)) // 60_000 for series in found for time in series.time.tolist()]


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
        (302, False, False, "check that the url"),
        (200, False, False, "check the url"),
    ],
)
async def test_an_error_says_what_to_do_and_whether_to_try_again(
    store: InfluxStore, influx_proxy: Any, status: int, retryable: bool, refused: bool, advice: str
) -> None:
    await store.write(batch(0))
    influx_proxy.answers.append((status, '{"code": "x", "message": "the reason"}'))
    with pytest.raises(StoreError) as caught:
        await store.write(batch(1))
    assert caught.value.retryable is retryable
    assert isinstance(caught.value, RefusedError) is refused
    assert advice in str(caught.value)
    assert influx_proxy.token not in str(caught.value)


@pytest.mark.real
@pytest.mark.parametrize("status", [400, 401, 413, 422, 500, 503])
async def test_a_question_that_is_refused_condemns_no_rows(store: InfluxStore, influx_proxy: Any, status: int) -> None:
    influx_proxy.answers.append((status, "no"))
    with pytest.raises(StoreError) as caught:
        await store.write(batch(0))
    assert not isinstance(caught.value, RefusedError)
    await store.write(batch(0))
    assert await minutes_in(store) == [0]


@pytest.mark.real
async def test_a_busy_server_says_for_how_long_it_is_to_be_left_alone(store: InfluxStore, influx_proxy: Any) -> None:
    await store.write(batch(0))
    influx_proxy.answers.append((429, "slow down", {"Retry-After": "17"}))
    with pytest.raises(BusyError) as caught:
        await store.write(batch(1))
    assert caught.value.retryable
    assert caught.value.retry_after == 17
    await store.write(batch(1))
    assert await minutes_in(store) == [0, 1]


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


async def test_a_password_in_the_url_is_in_no_message() -> None:
    store = InfluxStore("http://lineproof:hush@127.0.0.1:9", "hush-token", "wan/raw", timeout=2)
    assert "hush" not in (await store.health()).detail
    with pytest.raises(StoreError) as caught:
        await store.write(batch(0))
    assert "hush" not in str(caught.value)
    await store.close()


async def test_no_server_at_all_is_worth_trying_again() -> None:
    store = InfluxStore("http://127.0.0.1:9", None, "wan/raw", timeout=2)
    for attempt in (store.write(batch(0)), store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)):
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            await attempt
        assert caught.value.retryable
    await store.close()


@pytest.mark.parametrize("silent", [True, False])
async def test_a_connection_that_ends_or_hangs_in_the_middle_is_worth_trying_again(silent: bool) -> None:
    answering: list[asyncio.Task[Any] | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.current_task())
        await reader.read(100)
        while silent and await reader.read(1000):
            pass
        # With lingering off, closing sends a reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = InfluxStore(f"http://127.0.0.1:{port}", None, "wan/raw", timeout=0.3)
    with pytest.raises(StoreError, match="no answer in time" if silent else "cannot be reached") as caught:
        await store.write(batch(0))
    assert caught.value.retryable
    await store.close()
    await asyncio.gather(*(task for task in answering if task is not None))
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0)


@pytest.mark.real
async def test_many_rows_go_in_writes_of_five_thousand(store: InfluxStore, influx_proxy: Any) -> None:
    await store.write(batch(*range(12_000)))
    assert influx_proxy.writes == 3
    (series,) = await store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + timedelta(days=30))
    assert len(series) == 12_000


@pytest.mark.real
async def test_what_is_too_large_for_the_server_is_written_in_parts(store: InfluxStore, influx_proxy: Any) -> None:
    await store.write(batch(0))
    influx_proxy.answers += [(413, "too large"), (413, "too large")]
    await store.write(batch(*range(1, 9)))
    assert await minutes_in(store) == list(range(9))


def said(minute: int) -> Fact:
    time = MORNING + timedelta(minutes=minute)
    return Fact(time, "router1", FactKind.EVENT, "LINK_DEAD", Source.SNMP, time)


@pytest.mark.real
async def test_what_comes_in_order_is_written_without_a_question(store: InfluxStore, influx_proxy: Any) -> None:
    await store.write(batch(0))
    await store.write_facts([said(0)])
    before = influx_proxy.questions
    for minute in range(1, 10):
        await store.write(batch(2 * minute, 2 * minute + 1))
        await store.write_facts([said(minute)])
    assert influx_proxy.questions == before
    await store.write(batch(0, received=100, loss_pct=1.0))
    assert influx_proxy.questions == before + 1


@pytest.mark.real
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_late_row_merges_by_when_it_was_received(
    influx_proxy: Any, influx_bucket: str, restarted: bool
) -> None:
    """Values received 65 s, 5 s and 30 s after the slot's start, written in this order."""
    written = [batch(0, received=65, loss_pct=1.0), batch(0, rtt_ms=20.0, mos=4.0), batch(0, received=30, rtt_ms=21.0)]
    stores = [InfluxStore(influx_proxy.url, influx_proxy.token, influx_bucket) for _ in written]
    for number, rows in enumerate([*written, *reversed(written)]):
        await stores[number % 3 if restarted else 0].write(rows)
    (series,) = await stores[1].window(["wan1"], ["rtt_ms", "loss_pct", "mos"], MORNING, MORNING + HOUR)
    assert [series.column(name).tolist() for name in ("rtt_ms", "loss_pct", "mos")] == [[21], [1], [4]]
    assert series.received_at.tolist() == [epoch_ms(MORNING) + 65_000]
    for each in stores:
        await each.close()


@pytest.mark.real
async def test_a_row_after_a_write_that_failed_merges_with_what_that_one_left(
    store: InfluxStore, influx_proxy: Any
) -> None:
    await store.write(batch(0))
    influx_proxy.answers.append(None)
    influx_proxy.lost.append("/api/v2/write")
    with pytest.raises(StoreError) as caught:
        await store.write(batch(1, received=65, rtt_ms=30.0))
    assert caught.value.retryable
    await store.write(batch(1, received=5, rtt_ms=10.0))
    (series,) = await store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert series.column("rtt_ms").tolist() == [20, 30]


async def influxql(influxd: Any, query: str, **form: str) -> list[dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(influxd.url + "/query", data={"q": query, "epoch": "ms", **form}) as answer,
    ):
        (result,) = (await answer.json())["results"]
        assert "error" not in result, result
        series: list[dict[str, Any]] = result.get("series", [])
        return series


@pytest.fixture
async def short_bucket(influxd: Any, influx_bucket: str) -> str:
    """A bucket that keeps points for two days: MORNING is long past."""
    database = influx_bucket.partition("/")[0]
    await influxql(influxd, f'CREATE RETENTION POLICY "short" ON "{database}" DURATION 2d REPLICATION 1')
    return f"{database}/short"


@pytest.mark.real
async def test_only_the_rows_that_the_server_drops_are_refused(influx_proxy: Any, short_bucket: str) -> None:
    """The server keeps points for two days, and three rows of a write are older."""
    store = InfluxStore(influx_proxy.url, influx_proxy.token, short_bucket)
    today = datetime.now(UTC).replace(microsecond=0)
    minute = (epoch_ms(today) - epoch_ms(MORNING)) // 60_000
    old = [3, 500, 900]
    minutes = [*range(minute - 997, minute)]
    for place, each in zip(old, (10, 11, 12), strict=True):
        minutes.insert(place, each)
    with pytest.raises(PoisonError, match="3 of 1000 were refused and all others are stored") as caught:
        await store.write(batch(*minutes))
    (refused,) = caught.value.batches
    assert [(time - epoch_ms(MORNING)) // 60_000 for time in refused.time.tolist()] == [10, 11, 12]
    assert refused.fields["rtt_ms"].tolist() == [20, 20, 20]
    (series,) = await store.window(["wan1"], ["rtt_ms"], MORNING, today + HOUR)
    assert len(series) == 997
    before = influx_proxy.writes
    with pytest.raises(PoisonError, match="2 of 2"):
        await store.write(batch(13, 14))
    assert influx_proxy.writes == before + 1
    await store.close()


@pytest.mark.real
async def test_a_field_of_another_type_condemns_its_own_rows_only(
    store: InfluxStore, influxd: Any, influx_proxy: Any, influx_bucket: str
) -> None:
    """Somebody wrote `mos` as whole numbers on one day; the server then takes no other there."""
    database, _, policy = influx_bucket.partition("/")
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{influxd.url}/write",
            params={"db": database, "rp": policy, "precision": "ms"},
            data=f"samples,link=other,source=snmp mos=4i {epoch_ms(MORNING)}",
        ) as answer,
    ):
        assert answer.status == 204
    await store.write(batch(0, 1))
    with pytest.raises(PoisonError, match="field type conflict") as caught:
        await store.write(batch(2, 3, mos=4.0))
    assert [len(each) for each in caught.value.batches] == [2]
    await store.write(batch(2, 3))
    assert await minutes_in(store) == [0, 1, 2, 3]


@pytest.mark.real
async def test_a_repeated_fact_keeps_the_time_at_which_it_was_first_received(
    store: InfluxStore, influx_proxy: Any, influx_bucket: str
) -> None:
    again = Fact(MORNING, "router1", FactKind.EVENT, "LINK_DEAD", Source.SNMP, MORNING + HOUR, "again")
    for each in (store, InfluxStore(influx_proxy.url, influx_proxy.token, influx_bucket)):
        await each.write_facts([said(0), said(1)])
        await each.write_facts([again, again])
        assert list(await each.facts(["router1"], MORNING, MORNING + HOUR)) == [said(0), said(1)]
    await each.close()


@pytest.mark.real
async def test_health_names_what_answers_and_where(store: InfluxStore, influx_bucket: str) -> None:
    health = await store.health()
    assert health.ok
    assert health.newest is None
    assert influx_bucket in health.detail
