"""Roll-ups in a real InfluxDB: made of closed days, trusted only while they hold everything, and read instead of
samples."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession
from store_cases import HOUR, MINUTE, MORNING, minutes, samples

from collector.model import SampleBatch, Source
from collector.store.influx import InfluxStore
from collector.store.port import Aggregate, StoreError

pytestmark = pytest.mark.real

DAY = timedelta(days=1)
CLOSED = MORNING + 20 * HOUR
"""05:00 on the next day: the day of MORNING closed at 02:00."""
Open = Callable[[], InfluxStore]


@pytest.fixture
async def another(influx_proxy: Any, influx_bucket: str) -> AsyncIterator[Open]:
    """Opens one more store on the same bucket, as another process would."""
    opened: list[InfluxStore] = []

    def open_one() -> InfluxStore:
        opened.append(InfluxStore(influx_proxy.url, influx_proxy.token, influx_bucket))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
def store(another: Open) -> InfluxStore:
    return another()


def rtt(*values: tuple[float, float], received: float = 5) -> SampleBatch:
    """Round trips by minute after nine."""
    return samples([("wan1", minute, {"rtt_ms": value}) for minute, value in values], received=received)


async def hours(store: InfluxStore, agg: Aggregate = Aggregate.SUM, end: datetime = MORNING + 48 * HOUR) -> Any:
    """Minutes after nine and values of the buckets of an hour."""
    found = await store.window(["wan1"], ["rtt_ms"], MORNING - 9 * HOUR, end, HOUR, agg)
    return [(minute, value) for one in found for minute, value in zip(minutes(one), one.column("rtt_ms"), strict=True)]


async def influxql(influxd: Any, bucket: str, query: str) -> list[dict[str, Any]]:
    database, _, policy = bucket.partition("/")
    form = {"q": query, "db": database, "rp": policy, "epoch": "ms"}
    async with ClientSession() as session, session.post(influxd.url + "/query", data=form) as answer:
        (result,) = (await answer.json())["results"]
    assert "error" not in result, result
    series: list[dict[str, Any]] = result.get("series", [])
    return series


async def forget_samples(influxd: Any, bucket: str) -> None:
    """As retention does: the raw samples are gone, the roll-ups are not."""
    database, _, policy = bucket.partition("/")
    await influxql(influxd, bucket, f'DROP RETENTION POLICY "{policy}" ON "{database}"')
    await influxql(influxd, bucket, f'CREATE RETENTION POLICY "{policy}" ON "{database}" DURATION INF REPLICATION 1')


def rolled_in(bucket: str) -> str:
    return bucket.partition("/")[0] + "/rollup"


@pytest.mark.parametrize(
    ("agg", "expected"),
    [
        (Aggregate.SUM, [(0, 30.0), (60, 5.0)]),
        (Aggregate.MEAN, [(0, 15.0), (60, 5.0)]),
        (Aggregate.MIN, [(0, 10.0), (60, 5.0)]),
        (Aggregate.MAX, [(0, 20.0), (60, 5.0)]),
    ],
)
async def test_hours_outlive_the_samples_that_they_were_made_of(
    store: InfluxStore, influxd: Any, influx_bucket: str, agg: Aggregate, expected: list[tuple[float, float]]
) -> None:
    await store.write(rtt((0, 10), (59, 20), (60, 5)))
    await store.maintain(CLOSED)
    await forget_samples(influxd, influx_bucket)
    assert await store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + DAY) == []
    assert await hours(store, agg) == expected


async def test_hours_of_a_day_that_the_window_cuts_are_there_when_its_samples_are_not(
    store: InfluxStore, influxd: Any, influx_bucket: str
) -> None:
    """From 09:30: of nine o'clock only a part was asked for, and that part has gone."""
    await store.write(rtt((0, 10), (59, 20), (60, 5), (120, 7)))
    await store.maintain(CLOSED)
    await forget_samples(influxd, influx_bucket)
    found = await store.window(["wan1"], ["rtt_ms"], MORNING + 30 * MINUTE, MORNING + 2 * HOUR, HOUR, Aggregate.SUM)
    assert [(minutes(one), one.column("rtt_ms").tolist()) for one in found] == [([60], [5])]


async def test_buckets_of_no_whole_hours_come_from_samples(store: InfluxStore) -> None:
    """Buckets of 90 minutes begin at 09:00 and 10:30."""
    await store.write(rtt((0, 1), (89, 2), (90, 4)))
    await store.maintain(CLOSED)
    (found,) = await store.window(["wan1"], ["rtt_ms"], MORNING - 9 * HOUR, MORNING + DAY, 90 * MINUTE, Aggregate.SUM)
    assert (minutes(found), found.column("rtt_ms").tolist()) == ([0, 90], [3, 4])


async def test_buckets_over_a_closed_and_an_open_day_come_from_both(store: InfluxStore) -> None:
    """Midnight is minute 900; the bucket of 8 hours from 16:00 (minute 420) holds the closed day's last row, the one
    from 00:00 the open day's first."""
    await store.write(rtt((0, 1), (899, 2), (900, 4), (960, 8)))
    await store.maintain(CLOSED)
    found = await store.window(["wan1"], ["rtt_ms"], MORNING - 9 * HOUR, MORNING + 48 * HOUR, 8 * HOUR, Aggregate.SUM)
    assert [minutes(one) for one in found] == [[-60, 420, 900]]
    assert found[0].column("rtt_ms").tolist() == [1, 2, 12]
    (week,) = await store.window(["wan1"], ["rtt_ms"], MORNING - 9 * HOUR, MORNING + 48 * HOUR, 7 * DAY, Aggregate.SUM)
    assert week.column("rtt_ms").tolist() == [15]


async def test_a_late_row_is_seen_at_once_by_every_process_and_rolled_up_in_time(
    store: InfluxStore, another: Open, influxd: Any, influx_bucket: str
) -> None:
    reader = another()
    await store.write(rtt((0, 10), (1, 20)))
    await store.maintain(CLOSED)
    assert await hours(reader) == [(0, 30)]
    await another().write(rtt((2, 5), received=80_000))
    assert await hours(reader) == [(0, 35)]
    await store.maintain(CLOSED + 59 * MINUTE)
    await store.maintain(CLOSED + HOUR)
    await forget_samples(influxd, influx_bucket)
    assert await hours(reader) == [(0, 35)]


async def test_what_another_process_wrote_into_a_day_that_it_did_not_know_to_be_rolled_up_is_found(
    store: InfluxStore, another: Open
) -> None:
    stranger = another()
    await stranger.write(rtt((0, 10)))
    await store.maintain(CLOSED)
    await stranger.write(rtt((1, 20), received=80_000))
    assert await hours(another()) == [(0, 10)]
    await store.maintain(CLOSED + HOUR)
    assert await hours(another()) == [(0, 30)]


async def test_a_row_that_comes_while_its_day_is_rolled_up_leaves_the_day_unmarked(
    store: InfluxStore, another: Open, influx_proxy: Any, influxd: Any, influx_bucket: str
) -> None:
    await store.write(rtt((0, 10)))
    released = asyncio.Event()
    influx_proxy.held.append(released)
    upkeep = asyncio.create_task(store.maintain(CLOSED))
    for _ in range(100):
        if not influx_proxy.held:
            break
        await asyncio.sleep(0.02)
    assert not upkeep.done()
    await store.write(rtt((1, 20), received=80_000))
    released.set()
    await upkeep
    assert await marks(influxd, influx_bucket) == []
    assert await hours(another()) == [(0, 30)]
    await store.maintain(CLOSED + HOUR)
    assert [row[1:] for row in await marks(influxd, influx_bucket)] == [[2, 0]]


async def test_upkeep_looks_once_an_hour_and_costs_nothing_between(store: InfluxStore, influx_proxy: Any) -> None:
    await store.write(rtt((0, 10)))
    await store.maintain(CLOSED)
    before = len(influx_proxy.asked)
    for minute in range(1, 60):
        await store.maintain(CLOSED + minute * MINUTE)
    assert len(influx_proxy.asked) == before
    await store.maintain(CLOSED + HOUR)
    assert len(influx_proxy.asked) > before


async def test_an_open_day_is_not_rolled_up(store: InfluxStore, influxd: Any, influx_bucket: str) -> None:
    """It closes two hours after midnight: at 02:00, minute 1020 after nine."""
    await store.write(rtt((0, 10)))
    await store.maintain(MORNING + 1019 * MINUTE)
    assert await marks(influxd, influx_bucket) == []
    await store.maintain(MORNING + 1079 * MINUTE)
    assert [rows for _, rows, _ in await marks(influxd, influx_bucket)] == [1]


async def marks(influxd: Any, bucket: str) -> Sequence[Any]:
    try:
        found = await influxql(influxd, rolled_in(bucket), 'SELECT "rows", "stale" FROM "rolled"')
    except AssertionError:
        return []
    return found[0]["values"] if found else []


async def test_a_day_whose_rolling_up_was_cut_short_is_not_trusted(
    store: InfluxStore, another: Open, influx_proxy: Any, influxd: Any, influx_bucket: str
) -> None:
    """The server fails while the roll-ups are written; the samples answer, and the next upkeep does it again."""
    await store.write(rtt((0, 10), (1, 20)))
    for failing in range(5):
        # The questions that come before the roll-ups' writing pass; then one request after the other fails.
        influx_proxy.answers += [None] * (4 + failing) + [(500, "no")]
        error = await failure(store.maintain(CLOSED))
        assert error is None or error.retryable
        influx_proxy.answers.clear()
        assert await hours(another()) == [(0, 30)]
    await store.maintain(CLOSED)
    assert [row[1:] for row in await marks(influxd, influx_bucket)] == [[2, 0]]


async def failure(attempt: Coroutine[Any, Any, object]) -> StoreError | None:
    try:
        await attempt
    except StoreError as error:
        return error
    return None


async def test_samples_that_have_gone_leave_the_roll_up_as_it_was(
    store: InfluxStore, another: Open, influxd: Any, influx_bucket: str
) -> None:
    """A late row made the day stale just before its samples expired: nothing is made anew of the few that are left."""
    await store.write(rtt((0, 10), (1, 20)))
    await store.maintain(CLOSED)
    await store.write(rtt((1, 20), received=80_000))
    await forget_samples(influxd, influx_bucket)
    assert await hours(another()) == []
    await another().maintain(CLOSED + 100 * DAY)
    assert await hours(another()) == [(0, 30)]


async def test_every_source_and_field_is_rolled_up_and_gaps_stay_gaps(
    store: InfluxStore, influxd: Any, influx_bucket: str
) -> None:
    await store.write(samples([("wan1", 0, {"rtt_ms": 1, "oper_up": 0}), ("o'dd, a=b\\", 120, {"rtt_ms": 7})]))
    await store.write(samples([("wan1", 0, {"loss_pct": 100})], Source.PROBE))
    await store.maintain(CLOSED)
    await forget_samples(influxd, influx_bucket)
    found = await store.window(
        ["o'dd, a=b\\", "wan1"], ["rtt_ms", "loss_pct"], MORNING - 9 * HOUR, MORNING + DAY, HOUR, Aggregate.MAX
    )
    assert [(one.link, one.source, minutes(one)) for one in found] == [
        ("o'dd, a=b\\", Source.SNMP, [120]),
        ("wan1", Source.SNMP, [0]),
        ("wan1", Source.PROBE, [0]),
    ]
    (down,) = await influxql(
        influxd,
        rolled_in(influx_bucket),
        'SELECT "sum" FROM "days" WHERE "field" = \'down_seconds\' AND "source" = \'snmp\'',
    )
    assert [row[1] for row in down["values"]] == [60]


async def test_many_links_are_rolled_up_in_shares(store: InfluxStore, influxd: Any, influx_bucket: str) -> None:
    links = [f"wan{number:03d}" for number in range(120)]
    await store.write(samples([(link, 0, {"rtt_ms": number}) for number, link in enumerate(links)]))
    await store.maintain(CLOSED)
    await forget_samples(influxd, influx_bucket)
    found = await store.window(links, ["rtt_ms"], MORNING - 9 * HOUR, MORNING + DAY, DAY, Aggregate.MAX)
    assert [one.link for one in found] == links
    assert [one.column("rtt_ms").tolist() for one in found] == [[number] for number in range(120)]
