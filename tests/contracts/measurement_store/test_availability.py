"""Availability and coverage of a period, and what daily roll-ups may answer approximately."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

import numpy as np
import pytest
from store_cases import HOUR, MINUTE, MORNING, Case, Rows, samples

from collector.model import Cadence, Source
from collector.store.port import Due, Selector, Statistic, Summary

DAY = timedelta(days=1)
ONE = Selector(("wan1",), Source.SNMP)

pytestmark = pytest.mark.rim

UP, DOWN_PORT, LOST, QUIET = {"rx_bps": 5e6}, {"oper_up": 0.0}, {"loss_pct": 100.0}, {"rx_bps": 10.0}


async def asked(case: Case, end: datetime, now: datetime) -> Summary:
    due = Due(Cadence(every=60, late=120), now)
    (summary,) = await case.store.summary(ONE, [], MORNING, end, [], due)
    return summary


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # 09:07 may come until 09:10:00, so it is pending, as is 09:08; 09:09 is not over.
        (MORNING + 9.5 * MINUTE, 7 * 60),
        (MORNING + 10 * MINUTE - timedelta(milliseconds=1), 7 * 60),
        (MORNING + 10 * MINUTE, 8 * 60),
        (MORNING + 11 * MINUTE, 9 * 60),
        (MORNING + HOUR, 10 * 60),
    ],
)
async def test_availability_leaves_out_what_is_pending_and_what_is_unknown(
    case: Case, now: datetime, expected: float
) -> None:
    """Four minutes up, two down, one that says nothing; the last three never came."""
    said = [UP, UP, UP, UP, DOWN_PORT, LOST, QUIET]
    await case.write(samples([("wan1", minute, fields) for minute, fields in enumerate(said)]))
    availability = (await asked(case, MORNING + 10 * MINUTE, now)).availability
    assert availability is not None
    assert (availability.up, availability.down, availability.expected) == (4 * 60, 2 * 60, expected)
    assert availability.percent == pytest.approx(100 * 4 / 6)
    assert availability.coverage_percent == pytest.approx(100 * 360 / expected)


async def test_a_link_of_which_nothing_came_is_neither_up_nor_down(case: Case) -> None:
    await case.write(samples([("wan2", 0, UP)]))
    summary = await asked(case, MORNING + 10 * MINUTE, MORNING + HOUR)
    assert summary.availability is not None
    assert (summary.availability.up, summary.availability.down, summary.availability.expected) == (0, 0, 600)
    assert summary.availability.percent is None
    assert summary.availability.coverage_percent == 0


async def test_a_longer_row_counts_until_the_next_one_begins_and_stands_for_the_slots_it_spans(case: Case) -> None:
    """Five minutes up from 09:00, of which 09:02 to 09:03 is told again as down: 2 minutes up, 1 down, 09:03 and
    09:04 belong to neither, and all five slots are there."""
    long = dataclasses.replace(samples([("wan1", 0, UP)]), seconds=np.array([300], np.int32))
    await case.write(long, samples([("wan1", 2, LOST)]))
    availability = (await asked(case, MORNING + 5 * MINUTE, MORNING + 5 * MINUTE)).availability
    assert availability is not None
    assert (availability.up, availability.down, availability.expected) == (120, 60, 300)


async def test_availability_is_only_told_when_asked_for(case: Case) -> None:
    await case.write(samples([("wan1", 0, UP)]))
    (summary,) = await case.store.summary(ONE, ["rx_bps"], MORNING, MORNING + HOUR, [Statistic.MAX])
    assert summary.availability is None
    assert not summary.approximate


def two_days() -> Rows:
    """From midnight on, two days of 1,440 minutes with the values 1 to 1440 in a scattered order."""
    return [("wan1", n - 9 * 60, {"rtt_ms": (7 * n) % 1440 + 1, "rx_bps": 5e6}) for n in range(2 * 1440)]


async def test_an_approximate_summary_is_within_one_percent_and_counts_exactly(case: Case) -> None:
    """Each value 1..1440 twice: ceil(0.5 x 2880) = 1440th is 720, ceil(0.95 x 2880) = 2736th is 1368,
    ceil(0.99 x 2880) = 2852nd is 1426; the mean is 720.5."""
    await case.write(samples(two_days()))
    start = MORNING - 9 * HOUR
    due = Due(Cadence(every=60, late=120), start + 9 * DAY)
    (summary,) = await case.store.summary(
        ONE, ["rtt_ms"], start, start + 2 * DAY, list(Statistic), due, approximate=True
    )
    values = summary.values["rtt_ms"]
    assert values[Statistic.P50] == pytest.approx(720, rel=0.01)
    assert values[Statistic.P95] == pytest.approx(1368, rel=0.01)
    assert values[Statistic.P99] == pytest.approx(1426, rel=0.01)
    assert values[Statistic.MEAN] == pytest.approx(720.5, rel=1e-12)
    assert [values[each] for each in (Statistic.MIN, Statistic.MAX, Statistic.COUNT)] == [1, 1440, 2880]
    assert summary.samples == 2880
    assert summary.availability is not None
    assert (summary.availability.up, summary.availability.expected) == (2 * 86_400, 2 * 86_400)
    (exact,) = await case.store.summary(ONE, ["rtt_ms"], start, start + 2 * DAY, list(Statistic))
    assert not exact.approximate
    assert exact.values["rtt_ms"][Statistic.P99] == 1426


async def test_what_is_read_from_roll_ups_says_so(rolled: Case) -> None:
    await rolled.write(samples(two_days()))
    start = MORNING - 9 * HOUR
    asked = (ONE, ["rtt_ms"], start, start + 2 * DAY, [Statistic.P95])
    (summary,) = await rolled.store.summary(*asked, approximate=True)
    assert summary.approximate
    (summary,) = await rolled.store.summary(*asked)
    assert not summary.approximate


async def test_an_approximate_summary_counts_the_cut_days_at_its_ends_from_their_samples(case: Case) -> None:
    await case.write(samples([(link, minute, {"rtt_ms": 1}) for link, minute, _ in two_days()]))
    (summary,) = await case.store.summary(
        ONE, ["rtt_ms"], MORNING, MORNING + 20 * HOUR, [Statistic.COUNT, Statistic.P50], approximate=True
    )
    assert summary.values["rtt_ms"][Statistic.COUNT] == summary.samples == 20 * 60
    assert summary.newest == MORNING + 20 * HOUR - MINUTE


async def test_a_row_that_came_late_is_in_an_approximate_summary_too(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1})]), samples([("wan1", 1, {"rtt_ms": 5})], received=9000))
    start = MORNING - 9 * HOUR
    (summary,) = await case.store.summary(
        ONE, ["rtt_ms"], start, start + DAY, [Statistic.COUNT, Statistic.MAX], approximate=True
    )
    assert summary.values["rtt_ms"] == {Statistic.COUNT: 2, Statistic.MAX: 5}
