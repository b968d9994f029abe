"""Statistics of a period, and the newest sample of each link."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from store_cases import HOUR, MINUTE, MORNING, NAN, Case, samples

from collector.model import Source
from collector.store.port import Selector, Statistic, StoreError
from config.clock import epoch_ms

DAY = timedelta(days=1)
ONE = Selector(("wan1",), Source.SNMP)

pytestmark = pytest.mark.rim


async def test_percentiles_are_nearest_rank(case: Case) -> None:
    """Of 33 values 1..33: ceil(0.5 x 33) = 17, ceil(0.95 x 33) = 32, ceil(0.99 x 33) = 33."""
    await case.write(samples([("wan1", (7 * n) % 33, {"rtt_ms": (7 * n) % 33 + 1}) for n in range(33)]))
    (summary,) = await case.store.summary(ONE, ["rtt_ms"], MORNING, MORNING + HOUR, list(Statistic))
    assert summary.values["rtt_ms"] == {
        Statistic.P50: 17,
        Statistic.P95: 32,
        Statistic.P99: 33,
        Statistic.MEAN: 17,
        Statistic.MIN: 1,
        Statistic.MAX: 33,
        Statistic.COUNT: 33,
    }


async def test_of_a_single_sample_every_percentile_is_that_sample(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 7})]))
    (summary,) = await case.store.summary(ONE, ["rtt_ms"], MORNING, MORNING + HOUR, list(Statistic))
    assert set(summary.values["rtt_ms"].values()) == {7, 1}
    assert summary.values["rtt_ms"][Statistic.COUNT] == 1


async def test_a_summary_counts_rows_and_leaves_out_unmeasured_fields(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 4}), ("wan1", 1, {"rx_bps": 1})]))
    await case.write(samples([("wan1", 2, {"rtt_ms": 900})], Source.PROBE))
    measured, absent = await case.store.summary(
        Selector(("wan1", "wan2"), Source.SNMP), ["rtt_ms", "mos"], MORNING, MORNING + HOUR, [Statistic.MAX]
    )
    assert measured.values == {"rtt_ms": {Statistic.MAX: 4}}
    assert (measured.samples, measured.newest) == (2, MORNING + MINUTE)
    assert (absent.link, absent.values, absent.samples, absent.newest) == ("wan2", {}, 0, None)


async def test_a_summary_holds_its_start_and_not_its_end(case: Case) -> None:
    await case.write(samples([("wan1", minute, {"rtt_ms": minute}) for minute in (-1, 0, 9, 10)]))
    (summary,) = await case.store.summary(ONE, ["rtt_ms"], MORNING, MORNING + 10 * MINUTE, [Statistic.MAX])
    assert (summary.samples, summary.values["rtt_ms"][Statistic.MAX]) == (2, 9)


async def test_a_summary_for_an_unknown_field_is_refused(case: Case) -> None:
    with pytest.raises(StoreError, match="'ping' is no measurement field"):
        await case.store.summary(ONE, ["ping"], MORNING, MORNING + HOUR, [Statistic.MAX])


async def test_statistics_of_many_links_stand_in_the_order_of_the_question(case: Case) -> None:
    links = [f"wan{n:03d}" for n in range(300)]
    await case.write(samples([(link, minute, {"rtt_ms": n}) for n, link in enumerate(links) for minute in (0, 1)]))
    found = await case.store.summary(
        Selector(tuple(links[::-1]), Source.SNMP), ["rtt_ms"], MORNING, MORNING + HOUR, [Statistic.MAX]
    )
    assert [summary.link for summary in found] == links[::-1]
    assert [summary.values["rtt_ms"][Statistic.MAX] for summary in found] == list(reversed(range(300)))
    assert {summary.samples for summary in found} == {2}


async def test_the_latest_sample_of_each_link_no_older_than_asked(case: Case) -> None:
    await case.write(
        samples([("wan1", 1, {"rtt_ms": 1}), ("wan1", 2, {"rtt_ms": 2}), ("wan2", 0, {"rtt_ms": 3})]),
        samples([("wan1", 3, {"rtt_ms": 9})], Source.PROBE),
    )
    wanted = Selector(("wan1", "wan2", "wan3"), Source.SNMP)
    found = await case.store.latest(wanted, MORNING + 5 * MINUTE, 4 * MINUTE)
    assert (list(found.links), found.fields["rtt_ms"].tolist()) == (["wan1"], [2])
    found = await case.store.latest(wanted, MORNING + 5 * MINUTE, 5 * MINUTE)
    assert (list(found.links), found.fields["rtt_ms"].tolist()) == (["wan1", "wan2"], [2, 3])


async def test_the_latest_samples_stand_in_the_order_of_the_question_with_all_that_was_measured(case: Case) -> None:
    await case.write(
        samples([("b", 0, {"rtt_ms": 1}), ("a", 1, {"rtt_ms": 2, "loss_pct": 3}), ("c", 2, {"mos": 4})], received=7)
    )
    found = await case.store.latest(Selector(("c", "nowhere", "b", "a"), Source.SNMP), MORNING + HOUR, HOUR)
    assert list(found.links) == ["c", "b", "a"]
    assert found.time.tolist() == [epoch_ms(MORNING) + minute * 60_000 for minute in (2, 0, 1)]
    assert found.received_at.tolist() == [time + 7000 for time in found.time.tolist()]
    assert found.seconds.tolist() == [60, 60, 60]
    assert set(found.fields) == {"rtt_ms", "loss_pct", "mos"}
    np.testing.assert_array_equal(found.fields["rtt_ms"], [NAN, 1, 2])
    np.testing.assert_array_equal(found.fields["loss_pct"], [NAN, NAN, 3])
    np.testing.assert_array_equal(found.fields["mos"], [4, NAN, NAN])


async def test_the_newest_sample_counts_when_it_is_just_as_old_as_asked_and_not_a_millisecond_more(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1})]))
    assert len(await case.store.latest(ONE, MORNING + MINUTE, MINUTE)) == 1
    assert len(await case.store.latest(ONE, MORNING + MINUTE + timedelta(milliseconds=1), MINUTE)) == 0


async def test_the_latest_row_is_the_newest_slot_even_when_an_older_one_was_received_later(case: Case) -> None:
    await case.write(samples([("wan1", 5, {"rtt_ms": 5})]), samples([("wan1", 2, {"rtt_ms": 2})], received=3000))
    found = await case.store.latest(ONE, MORNING + HOUR, HOUR)
    assert found.fields["rtt_ms"].tolist() == [5]


async def test_a_sample_that_is_ahead_of_the_clock_is_the_latest(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan1", 30, {"rtt_ms": 2})]))
    found = await case.store.latest(ONE, MORNING + MINUTE, HOUR)
    assert found.fields["rtt_ms"].tolist() == [2]
