"""What a window holds: its edges, its order, its buckets."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from store_cases import HOUR, MINUTE, MORNING, NAN, Case, Rows, minutes, samples

from collector.model import Source
from collector.store.port import Aggregate, StoreError
from config.clock import epoch_ms

pytestmark = pytest.mark.rim


async def test_a_window_holds_its_start_and_not_its_end(case: Case) -> None:
    await case.write(samples([("wan1", minute, {"rtt_ms": minute}) for minute in (-1, 0, 9, 10, 11)]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + 10 * MINUTE)
    assert minutes(series) == [0, 9]


async def test_a_sample_at_the_very_end_of_a_window_is_not_in_it(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan1", 10, {"rtt_ms": 2})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + 10 * MINUTE)
    assert minutes(series) == [0]
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + timedelta(milliseconds=1))
    assert minutes(series) == [0]


async def test_windows_over_midnight_hold_both_days(case: Case) -> None:
    midnight = 15 * 60
    await case.write(samples([("wan1", midnight + minute, {"rtt_ms": 1}) for minute in (-2, -1, 0, 1)]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + 24 * HOUR)
    assert minutes(series) == [midnight - 2, midnight - 1, midnight, midnight + 1]


async def test_series_stand_in_the_order_of_the_question(case: Case) -> None:
    await case.write(samples([(link, 0, {"rtt_ms": 1}) for link in ("b", "a", "c")]))
    found = await case.store.window(["c", "a", "nowhere", "b"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert [series.link for series in found] == ["c", "a", "b"]


async def test_a_link_that_is_asked_for_twice_is_answered_once(case: Case) -> None:
    await case.write(samples([("a", 0, {"rtt_ms": 1}), ("b", 0, {"rtt_ms": 2})]))
    found = await case.store.window(["b", "a", "b"], ["rtt_ms", "rtt_ms"], MORNING, MORNING + HOUR)
    assert [series.link for series in found] == ["b", "a"]


async def test_nothing_found_is_no_series(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1})]))
    assert list(await case.store.window(["wan2"], ["rtt_ms"], MORNING, MORNING + HOUR)) == []
    assert list(await case.store.window([], ["rtt_ms"], MORNING, MORNING + HOUR)) == []
    assert list(await case.store.window(["wan1"], ["rtt_ms"], MORNING + HOUR, MORNING)) == []


async def test_a_row_that_measured_none_of_the_fields_asked_for_is_still_there(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan1", 1, {"loss_pct": 1})]))
    (series,) = await case.store.window(["wan1"], ["loss_pct", "mos"], MORNING, MORNING + HOUR)
    assert minutes(series) == [0, 1]
    np.testing.assert_array_equal(series.column("loss_pct"), [NAN, 1])
    assert np.isnan(series.column("mos")).all()


@pytest.mark.parametrize(
    ("agg", "expected"),
    [
        (Aggregate.MEAN, [2.0, 6.0]),
        (Aggregate.MIN, [1.0, 6.0]),
        (Aggregate.MAX, [3.0, 6.0]),
        (Aggregate.SUM, [4.0, 6.0]),
    ],
)
async def test_buckets_leave_out_what_is_missing(case: Case, agg: Aggregate, expected: list[float]) -> None:
    rows: Rows = [
        ("wan1", 0, {"rtt_ms": 1}),
        ("wan1", 1, {"rtt_ms": NAN, "loss_pct": 1}),
        ("wan1", 4, {"rtt_ms": 3}),
        ("wan1", 10, {"rtt_ms": 6}),
    ]
    await case.write(samples(rows))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR, 5 * MINUTE, agg)
    assert minutes(series) == [0, 10]
    assert series.column("rtt_ms").tolist() == expected
    assert series.seconds.tolist() == [300, 300]


async def test_buckets_are_aligned_to_the_clock_not_to_the_window(case: Case) -> None:
    await case.write(samples([("wan1", minute, {"rtt_ms": minute}) for minute in (3, 4, 5, 6)]))
    (series,) = await case.store.window(
        ["wan1"], ["rtt_ms"], MORNING + 3 * MINUTE, MORNING + HOUR, 5 * MINUTE, Aggregate.MAX
    )
    assert minutes(series) == [0, 5]
    assert series.column("rtt_ms").tolist() == [4, 6]


@pytest.mark.parametrize(
    ("agg", "expected"),
    [
        (Aggregate.MEAN, [2.0, 15.0]),
        (Aggregate.MIN, [1.0, 10.0]),
        (Aggregate.MAX, [3.0, 20.0]),
        (Aggregate.SUM, [6.0, 30.0]),
    ],
)
async def test_hours_hold_what_their_minutes_held_and_an_hour_without_any_is_absent(
    case: Case, agg: Aggregate, expected: list[float]
) -> None:
    rows: Rows = [
        ("wan1", 0, {"rtt_ms": 1, "loss_pct": 0}),
        ("wan1", 30, {"rtt_ms": 2}),
        ("wan1", 59, {"rtt_ms": 3}),
        ("wan1", 60 * 2, {"rtt_ms": 10}),
        ("wan1", 60 * 2 + 59, {"rtt_ms": 20}),
    ]
    await case.write(samples(rows), samples([("wan1", 60, {"rtt_ms": 900})], Source.PROBE))
    day = (MORNING - 9 * HOUR, MORNING + 15 * HOUR)
    snmp, probe = await case.store.window(["wan1"], ["rtt_ms", "loss_pct"], *day, HOUR, agg)
    assert (snmp.source, probe.source) == (Source.SNMP, Source.PROBE)
    assert (minutes(snmp), minutes(probe)) == ([0, 120], [60])
    assert (snmp.column("rtt_ms").tolist(), probe.column("rtt_ms").tolist()) == (expected, [900])
    np.testing.assert_array_equal(snmp.column("loss_pct"), [0, NAN])
    assert snmp.seconds.tolist() == [3600, 3600]
    # Received five seconds after their slots began; a bucket was received with the newest of its rows.
    assert snmp.received_at.tolist() == [
        epoch_ms(MORNING) + 59 * 60_000 + 5000,
        epoch_ms(MORNING) + 179 * 60_000 + 5000,
    ]


async def test_hours_of_many_links_are_each_their_own(case: Case) -> None:
    links = [f"wan{n}" for n in range(40)]
    rows: Rows = [(link, 60 * hour, {"rtt_ms": n + hour}) for n, link in enumerate(links) for hour in range(3)]
    await case.write(samples(rows), samples([("wan7", 0, {"rtt_ms": 900})], Source.PROBE))
    day = (MORNING - 9 * HOUR, MORNING + 15 * HOUR)
    found = await case.store.window(links[::-1], ["rtt_ms"], *day, HOUR, Aggregate.MAX)
    snmp = [series for series in found if series.source is Source.SNMP]
    assert [series.link for series in snmp] == links[::-1]
    assert [series.column("rtt_ms").tolist() for series in snmp] == [[n, n + 1, n + 2] for n in reversed(range(40))]
    (probe,) = [series for series in found if series.source is Source.PROBE]
    assert (probe.link, probe.column("rtt_ms").tolist()) == ("wan7", [900])


async def test_an_hour_that_the_window_cuts_holds_only_the_rows_inside(case: Case) -> None:
    await case.write(samples([("wan1", minute, {"rtt_ms": minute}) for minute in (0, 29, 30, 59, 60, 89, 90)]))
    (series,) = await case.store.window(
        ["wan1"], ["rtt_ms"], MORNING + 30 * MINUTE, MORNING + 90 * MINUTE, HOUR, Aggregate.SUM
    )
    assert minutes(series) == [0, 60]
    assert series.column("rtt_ms").tolist() == [30 + 59, 60 + 89]


async def test_days_are_those_of_utc(case: Case) -> None:
    midnight = 15 * 60
    await case.write(samples([("wan1", minute, {"rtt_ms": minute}) for minute in (0, midnight - 1, midnight)]))
    (series,) = await case.store.window(
        ["wan1"], ["rtt_ms"], MORNING - 24 * HOUR, MORNING + 48 * HOUR, timedelta(days=1), Aggregate.SUM
    )
    assert minutes(series) == [-9 * 60, midnight]
    assert series.column("rtt_ms").tolist() == [midnight - 1, midnight]
    assert series.seconds.tolist() == [86_400, 86_400]


async def test_buckets_of_several_hours_are_counted_from_1970(case: Case) -> None:
    """09:00 on 2026-03-03, 20,515 days after 1970, is hour 492,369; the bucket of hour 492,365 began at 05:00."""
    await case.write(samples([("wan1", minute, {"rtt_ms": 1}) for minute in (0, 59, 60)]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + 9 * HOUR, 5 * HOUR, Aggregate.SUM)
    assert minutes(series) == [-240, 60]
    assert series.column("rtt_ms").tolist() == [2, 1]


async def test_a_late_row_changes_its_hour(case: Case) -> None:
    """Also when that hour was rolled up before the row came."""
    await case.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan1", 1, {"rtt_ms": 2})]))
    await case.write(samples([("wan1", 1, {"rtt_ms": 5}), ("wan1", 2, {"rtt_ms": 7})], received=9000))
    for start, end in ((MORNING, MORNING + HOUR), (MORNING - 9 * HOUR, MORNING + 15 * HOUR)):
        (series,) = await case.store.window(["wan1"], ["rtt_ms"], start, end, HOUR, Aggregate.SUM)
        assert (minutes(series), series.column("rtt_ms").tolist()) == ([0], [1 + 5 + 7])


async def test_a_question_for_an_unknown_field_is_refused(case: Case) -> None:
    with pytest.raises(StoreError, match="'rtt' is no measurement field"):
        await case.store.window(["wan1"], ["rtt"], MORNING, MORNING + HOUR)


async def test_buckets_without_an_aggregate_are_refused(case: Case) -> None:
    with pytest.raises(StoreError, match="both `every` and `agg`"):
        await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR, 5 * MINUTE)


@pytest.mark.parametrize("every", [timedelta(0), timedelta(milliseconds=1500), -MINUTE])
async def test_buckets_of_no_whole_seconds_are_refused(case: Case, every: timedelta) -> None:
    with pytest.raises(StoreError):
        await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR, every, Aggregate.MAX)
