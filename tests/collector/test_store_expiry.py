"""What an embedded store still answers of days whose samples have expired, and what a clock that jumps may not take."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "contracts"))

from store_cases import HOUR, MORNING, minutes, samples

from collector.journal import Journal
from collector.model import Source
from collector.store.embedded import EmbeddedStore
from collector.store.port import Aggregate, Selector, Statistic

pytestmark = pytest.mark.rim

DAY = timedelta(days=1)
MIDNIGHT = MORNING.replace(hour=0)
ONE = Selector(("wan1",), Source.SNMP)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """Raw samples are kept for two days; the first day has one sample an hour, whose value is the hour."""
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", 2)
    await store.write(samples([("wan1", 60 * (hour - 9), {"rtt_ms": hour}) for hour in range(24)]))
    yield store
    await store.close()


async def maintained_daily(store: EmbeddedStore, days: int) -> None:
    """Up to so many days after the first one, at 03:00; a longer step would look like a jump of the clock."""
    for day in range(1, days + 1):
        await store.maintain(MIDNIGHT + day * DAY + 3 * HOUR)


async def raw(store: EmbeddedStore) -> list[float]:
    found = await store.window(["wan1"], ["rtt_ms"], MIDNIGHT, MIDNIGHT + DAY)
    return [value for series in found for value in series.column("rtt_ms").tolist()]


async def hours(store: EmbeddedStore, first: int = 0, last: int = 24) -> Sequence[float]:
    found = await store.window(
        ["wan1"], ["rtt_ms"], MIDNIGHT + first * HOUR, MIDNIGHT + last * HOUR, HOUR, Aggregate.MAX
    )
    return [value for series in found for value in series.column("rtt_ms").tolist()]


async def test_a_days_samples_go_after_the_days_that_were_asked_for_and_its_hours_stay(store: EmbeddedStore) -> None:
    await maintained_daily(store, 2)
    assert await raw(store) == list(range(24))
    await maintained_daily(store, 3)
    assert await raw(store) == []
    assert await hours(store) == list(range(24))
    (summary,) = await store.summary(
        ONE, ["rtt_ms"], MIDNIGHT, MIDNIGHT + DAY, [Statistic.P95, Statistic.COUNT], approximate=True
    )
    # The ceil(0.95 x 24) = 23rd of 0..23 is 22.
    assert summary.values["rtt_ms"] == {Statistic.P95: pytest.approx(22, rel=0.01), Statistic.COUNT: 24}
    assert summary.approximate
    (exact,) = await store.summary(ONE, ["rtt_ms"], MIDNIGHT, MIDNIGHT + DAY, [Statistic.COUNT])
    assert (exact.values, exact.samples) == ({}, 0)


async def test_hours_of_an_expired_day_are_answered_when_the_period_begins_or_ends_within_it(
    store: EmbeddedStore,
) -> None:
    await maintained_daily(store, 3)
    assert await hours(store, 6, 48) == list(range(6, 24))
    assert await hours(store, -48, 9) == list(range(9))


async def test_a_row_that_comes_after_its_day_has_expired_hides_nothing_of_that_day(store: EmbeddedStore) -> None:
    await maintained_daily(store, 3)
    await store.write(samples([("wan1", 0, {"rtt_ms": 500})], received=3 * 86_400))
    assert set(await hours(store)) >= {hour for hour in range(24) if hour != 9}
    (summary,) = await store.summary(ONE, ["rtt_ms"], MIDNIGHT, MIDNIGHT + DAY, [Statistic.COUNT], approximate=True)
    assert summary.samples >= 24


async def test_a_row_that_comes_after_its_day_has_expired_changes_no_roll_up(store: EmbeddedStore) -> None:
    await maintained_daily(store, 3)
    await store.write(samples([("wan1", 0, {"rtt_ms": 500})], received=3 * 86_400))
    await store.maintain(MIDNIGHT + 3 * DAY + 4 * HOUR)
    assert await raw(store) == []
    assert await hours(store) == list(range(24))


async def test_rows_that_came_late_are_in_the_roll_ups_before_their_day_expires(store: EmbeddedStore) -> None:
    await maintained_daily(store, 1)
    await store.write(samples([("wan1", 0, {"rtt_ms": 500})], received=86_400))
    await store.maintain(MIDNIGHT + DAY + 3 * HOUR + timedelta(minutes=5))
    assert max(await hours(store)) == 500
    await maintained_daily(store, 3)
    assert await raw(store) == []
    assert await hours(store) == [*range(9), 500, *range(10, 24)]


async def test_a_row_that_came_before_its_day_expired_is_in_the_roll_ups_even_when_the_next_upkeep_is_after(
    store: EmbeddedStore,
) -> None:
    await maintained_daily(store, 2)
    await store.write(samples([("wan1", 0, {"rtt_ms": 500})], received=2 * 86_400))
    await store.maintain(MIDNIGHT + 3 * DAY + HOUR)
    assert await raw(store) == []
    assert await hours(store) == [*range(9), 500, *range(10, 24)]


async def test_a_clock_that_jumped_forward_takes_nothing_before_the_new_time_has_stood_for_six_hours(
    store: EmbeddedStore,
) -> None:
    far = MIDNIGHT + 100 * DAY
    await store.maintain(MIDNIGHT + DAY)
    for later in (timedelta(0), 3 * HOUR, 6 * HOUR - timedelta(seconds=1)):
        await store.maintain(far + later)
        assert await raw(store) == list(range(24))
    await store.maintain(far + 6 * HOUR)
    assert await raw(store) == []
    assert await hours(store) == list(range(24))


async def test_a_clock_that_jumped_forward_and_is_set_right_has_taken_nothing(store: EmbeddedStore) -> None:
    await store.maintain(MIDNIGHT + DAY)
    await store.maintain(MIDNIGHT + 100 * DAY)
    await maintained_daily(store, 2)
    assert await raw(store) == list(range(24))


async def test_a_clock_that_steps_back_loses_and_doubles_nothing(store: EmbeddedStore) -> None:
    """An hour back while samples go on: the second pass over the hour has the same slots, received later."""
    await store.maintain(MIDNIGHT + DAY)
    again = samples([("wan1", 60 * (hour - 9), {"rtt_ms": hour + 100}) for hour in (22, 23)], received=3600)
    await store.write(again)
    await store.maintain(MIDNIGHT + DAY - HOUR)
    await store.write(samples([("wan1", 60 * 15, {"rtt_ms": 24})]))
    await store.maintain(MIDNIGHT + DAY + 3 * HOUR)
    (series,) = await store.window(["wan1"], ["rtt_ms"], MIDNIGHT, MIDNIGHT + 2 * DAY)
    assert minutes(series) == [60 * (hour - 9) for hour in range(25)]
    assert series.column("rtt_ms").tolist() == [*range(22), 122, 123, 24]
    assert np.array_equal(await hours(store, 0, 25), [*range(22), 122, 123, 24])


async def test_the_latest_sample_goes_with_the_last_day(store: EmbeddedStore) -> None:
    asked = (ONE, MIDNIGHT + DAY, 9 * DAY)
    assert len((await store.latest(*asked)).links) == 1
    await maintained_daily(store, 3)
    assert len((await store.latest(*asked)).links) == 0
