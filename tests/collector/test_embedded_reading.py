"""What the embedded store answers does not depend on where the rows lie: journal, parts, roll-ups, or some of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.journal import Journal
from collector.measures import percentile
from collector.model import Cadence, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.inspect import verify
from collector.store.manifest import Kind
from collector.store.port import Aggregate, Due, Selector, Statistic, StoreError, Summary
from collector.store.summaries import statistics
from config.clock import epoch_ms

pytestmark = pytest.mark.rim

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
STATS = [Statistic.P50, Statistic.P95, Statistic.COUNT]
LINKS = [f"wan{n:02d}" for n in range(20)]
"""Enough that a part's columns are read as they lie."""


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", raw_days=95)


def day_of(
    day: int, links: Sequence[str] = LINKS, *, every: int = 600, received: int = 1, **fields: object
) -> SampleBatch:
    """A row each ten minutes: 144 a day of each link; `rtt_ms` counts them from 1."""
    n = 86_400 // every
    begin = epoch_ms(FIRST + day * DAY)
    time = np.tile(begin + np.arange(n) * every * 1000, len(links))
    columns = {"rtt_ms": np.arange(1.0, n + 1), "loss_pct": np.zeros(n), **fields}
    return SampleBatch(
        source=Source.PROBE,
        links=[link for link in links for _ in range(n)],
        time=time,
        seconds=np.full(len(time), every, np.int32),
        received_at=time + every * 1000 + received * 1000,
        fields={name: np.tile(np.asarray(values, float), len(links)) for name, values in columns.items()},
    )


def taken(batch: SampleBatch, which: np.ndarray[tuple[int], np.dtype[np.int64]]) -> SampleBatch:
    """These rows of a batch."""
    return SampleBatch(
        batch.source,
        [batch.links[place] for place in which.tolist()],
        batch.time[which],
        batch.seconds[which],
        batch.received_at[which],
        {name: values[which] for name, values in batch.fields.items()},
    )


def due(now: datetime, every: int = 600) -> Due:
    return Due(Cadence(every=every, late=600), now)


async def asked(
    store: EmbeddedStore, start: datetime, end: datetime, *, approximate: bool = False, now: datetime | None = None
) -> list[Summary]:
    wanted = Selector(tuple(LINKS), Source.PROBE)
    at = due(now or end + 5 * DAY)
    return list(await store.summary(wanted, ["rtt_ms"], start, end, STATS, at, approximate=approximate))


def told(summary: Summary) -> tuple[object, ...]:
    assert summary.availability is not None
    up, down, expected = summary.availability.up, summary.availability.down, summary.availability.expected
    return dict(summary.values), summary.samples, summary.newest, up, down, expected


@pytest.mark.parametrize("n", [*range(1, 201)])
def test_a_percentile_is_the_one_of_every_adapter(n: int) -> None:
    values = np.random.default_rng(n).permutation(n).astype(float)
    found = statistics([values[: n // 3], values[n // 3 :]], [Statistic.P50, Statistic.P95, Statistic.P99])
    assert found is not None
    assert found[Statistic.P50] == percentile(values, 50)
    assert found[Statistic.P95] == percentile(values, 95)
    assert found[Statistic.P99] == percentile(values, 99)


def test_of_33_values_the_17th_32nd_and_33rd_are_the_percentiles() -> None:
    found = statistics([np.arange(33.0, 0, -1)], [Statistic.P50, Statistic.P95, Statistic.P99])
    assert found is not None
    assert list(found.values()) == [17, 32, 33]


async def test_statistics_are_the_same_from_the_journal_from_parts_and_from_both(store: EmbeddedStore) -> None:
    """Each day has 1..144 of every link; of three days the 216th of 432 is 72, the 411th is 137; all is up."""
    for day in range(3):
        await store.write(day_of(day))
    for sealed in (-1, 1, 2, 9):
        if sealed >= 0:
            await store.maintain(FIRST + sealed * DAY)
        for summary in await asked(store, FIRST, FIRST + 3 * DAY):
            assert [summary.values["rtt_ms"][stat] for stat in STATS] == [72, 137, 432]
            assert summary.samples == 432
            assert summary.newest == FIRST + 3 * DAY - 10 * MINUTE
            assert summary.availability is not None
            assert (summary.availability.up, summary.availability.down) == (3 * 86_400, 0)
            assert summary.availability.expected == 3 * 86_400
            assert not summary.approximate


async def test_a_late_row_corrects_a_day_that_lies_in_parts(store: EmbeddedStore) -> None:
    await store.write(day_of(0))
    await store.maintain(FIRST + 3 * DAY)
    late = replace(day_of(0, received=9999, loss_pct=np.full(144, 100.0)))
    await store.write(late)
    for _ in range(2):
        for summary in await asked(store, FIRST, FIRST + DAY):
            assert summary.samples == 144
            assert summary.availability is not None
            assert (summary.availability.up, summary.availability.down) == (0, 86_400)
        await store.maintain(FIRST + 3 * DAY)


async def test_a_port_that_is_down_settles_it_and_lost_packets_beside_traffic_say_nothing(store: EmbeddedStore) -> None:
    """Of 144 rows of ten minutes: 10 with the port down, 20 of nothing but loss, 30 of loss while traffic came."""
    loss, port, traffic = np.zeros(144), np.ones(144), np.zeros(144)
    port[:10], loss[10:60], traffic[30:60] = 0, 100, 5e6
    await store.write(day_of(0, loss_pct=loss, oper_up=port, rx_bps=traffic))
    for _ in range(2):
        for summary in await asked(store, FIRST, FIRST + DAY):
            assert summary.availability is not None
            assert (summary.availability.down, summary.availability.up) == (30 * 600, 84 * 600)
        await store.maintain(FIRST + 3 * DAY)


async def test_a_row_speaks_no_longer_than_until_the_next_one_also_over_midnight(store: EmbeddedStore) -> None:
    """Rows of ten minutes of which each lasts an hour: the day's last one is cut by the next day's first, and by the
    end of the period."""
    for day in (0, 1):
        batch = day_of(day)
        await store.write(replace(batch, seconds=np.full(len(batch), 3600, np.int32)))
    for _ in range(2):
        for summary in await asked(store, FIRST, FIRST + 2 * DAY):
            assert summary.availability is not None
            assert summary.availability.up == 2 * 86_400
        await store.maintain(FIRST + 4 * DAY)


@pytest.mark.parametrize(
    ("there", "slots"),
    [
        # The slot from 23:50 may still come until 00:10, and the one before it not any more.
        (range(140), (143, 143, 144)),
        # A slot that is there counts although it might still have come.
        ((*range(100), 143), (144, 144, 144)),
    ],
)
async def test_slots_that_may_still_come_are_left_out_of_what_was_expected(
    store: EmbeddedStore, there: Sequence[int], slots: tuple[int, int, int]
) -> None:
    batch = day_of(0)
    await store.write(taken(batch, np.flatnonzero(np.isin(np.arange(len(batch)) % 144, list(there)))))
    for _ in range(2):
        for after, expected in zip((0, 9, 10), slots, strict=True):
            for summary in await asked(store, FIRST, FIRST + DAY, now=FIRST + DAY + after * MINUTE):
                assert summary.availability is not None
                assert summary.availability.expected == expected * 600
        await store.maintain(FIRST + 4 * DAY)


async def test_a_period_that_begins_and_ends_within_days_holds_their_rows_and_no_others(store: EmbeddedStore) -> None:
    """From 01:00 on 138 rows with 7..144 of the first day, and 6 rows with 1..6 of the second."""
    for day in (0, 1):
        await store.write(day_of(day))
    for _ in range(2):
        for summary in await asked(store, FIRST + HOUR, FIRST + DAY + HOUR):
            assert summary.samples == 144
            assert [summary.values["rtt_ms"][stat] for stat in STATS] == [72, 137, 144]
            assert summary.newest == FIRST + DAY + 50 * MINUTE
        await store.maintain(FIRST + 4 * DAY)


async def test_rows_whose_fields_came_apart_count_once(store: EmbeddedStore) -> None:
    first = day_of(0, received=5)
    second = replace(day_of(0, received=9), fields={"jitter_ms": np.ones(144 * len(LINKS))})
    await store.write(first)
    await store.write(second)
    for _ in range(2):
        for summary in await asked(store, FIRST, FIRST + DAY):
            assert (summary.samples, summary.values["rtt_ms"][Statistic.COUNT]) == (144, 144)
            assert summary.availability is not None
            assert summary.availability.up == 86_400
        await store.maintain(FIRST + 4 * DAY)
    assert not all(part.plain for part in store.manifest().parts if part.kind is Kind.SAMPLES)


async def test_what_is_approximate_says_so_and_what_need_not_be_is_not(store: EmbeddedStore) -> None:
    for day in range(3):
        await store.write(day_of(day))
    await store.maintain(FIRST + 5 * DAY)
    exact = await asked(store, FIRST, FIRST + 3 * DAY)
    for summary, truth in zip(await asked(store, FIRST, FIRST + 3 * DAY, approximate=True), exact, strict=True):
        assert summary.approximate
        assert summary.samples == truth.samples
        assert summary.availability == truth.availability
        for stat in STATS:
            assert summary.values["rtt_ms"][stat] == pytest.approx(truth.values["rtt_ms"][stat], rel=0.01)
    counted = await store.summary(
        Selector(("wan00",), Source.PROBE), ["rtt_ms"], FIRST, FIRST + 3 * DAY, [Statistic.MAX], approximate=True
    )
    assert not counted[0].approximate
    within = await asked(store, FIRST + HOUR, FIRST + DAY, approximate=True)
    assert [told(one) for one in within] == [told(one) for one in await asked(store, FIRST + HOUR, FIRST + DAY)]
    assert not any(one.approximate for one in within)


async def test_a_day_for_which_rows_wait_in_the_journal_is_not_read_from_its_roll_ups(store: EmbeddedStore) -> None:
    await store.write(day_of(0))
    await store.maintain(FIRST + 3 * DAY)
    await store.write(day_of(0, received=9999, rtt_ms=np.full(144, 1000.0)))
    summary, *_ = await asked(store, FIRST, FIRST + DAY, approximate=True)
    assert summary.values["rtt_ms"][Statistic.P50] == 1000
    (series,) = await store.window(["wan03"], ["rtt_ms"], FIRST, FIRST + DAY, HOUR, Aggregate.MAX)
    assert series.fields["rtt_ms"].tolist() == [1000] * 24


@pytest.mark.parametrize("hours", [1, 5, 24])
@pytest.mark.parametrize("agg", list(Aggregate))
async def test_buckets_of_hours_are_the_same_from_roll_ups_and_from_samples(
    store: EmbeddedStore, hours: int, agg: Aggregate
) -> None:
    """Three days, of which the last lies in the journal; the period begins and ends within a day."""
    start, end = FIRST + 7 * HOUR, FIRST + 2 * DAY + 90 * MINUTE
    for day in range(3):
        await store.write(day_of(day, ["wan01", "wan00"], rtt_ms=np.arange(144) % 7 + day, oper_up=np.ones(144)))
    question = (["wan01", "wan00"], ["rtt_ms", "oper_up", "mos"], start, end, hours * HOUR, agg)
    raw = await store.window(*question)
    assert not any(part.kind is Kind.HOURS for part in store.manifest().parts)
    await store.maintain(FIRST + 2 * DAY + 3 * HOUR)
    assert any(part.kind is Kind.HOURS for part in store.manifest().parts)
    rolled = await store.window(*question)
    assert [one.link for one in rolled] == ["wan01", "wan00"]
    for one, truth in zip(rolled, raw, strict=True):
        assert (one.link, one.source, set(one.fields)) == (truth.link, truth.source, {"rtt_ms", "oper_up"})
        for column in ("time", "seconds", "received_at"):
            np.testing.assert_array_equal(getattr(one, column), getattr(truth, column))
        for name, values in truth.fields.items():
            np.testing.assert_allclose(one.fields[name], values, rtol=1e-12)


async def test_a_damaged_part_is_named_and_the_rest_can_be_read_once_it_is_set_aside(store: EmbeddedStore) -> None:
    await store.write(day_of(0))
    await store.maintain(FIRST + DAY + HOUR)
    await store.write(day_of(1))
    await store.maintain(FIRST + DAY + HOUR)
    part = next(one for one in store.manifest().parts if one.start == epoch_ms(FIRST))
    path = store.parts_folder / part.name
    path.write_bytes(path.read_bytes()[: part.size // 2])
    with pytest.raises(StoreError, match=rf"{part.name} is damaged .*lineproof store verify"):
        await store.window(["wan00"], ["rtt_ms"], FIRST, FIRST + 2 * DAY)
    with pytest.raises(StoreError, match=rf"{part.name} is damaged .*lineproof store verify"):
        await asked(store, FIRST, FIRST + 2 * DAY)
    assert (await store.health()).ok
    verify(store, FIRST + 2 * DAY)
    (series,) = await store.window(["wan00"], ["rtt_ms"], FIRST, FIRST + 2 * DAY)
    assert len(series) == 144
    health = await store.health()
    assert not health.ok
    assert "1 damaged parts with 2880 rows are set aside, the first since 2026-03-03 00:00 UTC" in health.detail
    assert part.name in health.detail
