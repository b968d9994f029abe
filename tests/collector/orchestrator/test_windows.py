"""Which statistics windows are asked for, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.orchestrator.windows import (
    CATCH_UP,
    Progress,
    first_readings,
    floor_to,
    missing_span,
    second_readings,
    skipped_ahead,
    started,
)
from config.clock import epoch_ms

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
TICK = timedelta(minutes=5)
LATE = timedelta(minutes=10)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("now", "windows"),
    [(14.99, []), (15, [(0, 5)]), (19.99, [(0, 5)]), (20, [(0, 5), (5, 10)])],
)
def test_a_window_is_asked_for_once_its_statistics_are_due(now: float, windows: list[tuple[int, int]]) -> None:
    progress = Progress(read=NOON, reread=NOON)
    assert first_readings(progress, at(now), TICK, LATE) == [(at(start), at(end)) for start, end in windows]


@pytest.mark.parametrize(("now", "count"), [(34.99, 0), (35, 1), (40, 2), (600, 4)])
def test_a_window_is_asked_for_again_half_an_hour_after_its_end(now: float, count: int) -> None:
    progress = Progress(read=at(20), reread=NOON)
    windows = second_readings(progress, at(now), TICK)
    assert windows == [(at(5 * i), at(5 * i + 5)) for i in range(count)]


def test_without_samples_the_present_starts_now_and_the_past_is_for_the_history() -> None:
    assert started(at(17), None, TICK, LATE).read == at(5)


def test_after_a_short_stop_the_next_window_is_the_one_after_the_newest_sample() -> None:
    assert started(at(60), at(30), TICK, LATE).read == at(35)


def test_after_a_long_stop_only_an_hour_is_caught_up() -> None:
    assert started(at(600), at(0), TICK, LATE).read == at(590 - 5 * CATCH_UP)


def test_a_host_that_was_away_for_long_leaves_a_gap_to_the_history() -> None:
    behind = Progress(read=NOON, reread=NOON)
    progress, gap = skipped_ahead(behind, at(300), TICK, LATE)
    assert gap == (NOON, at(230))
    assert progress.read == at(230)
    assert skipped_ahead(progress, at(300), TICK, LATE) == (progress, None)


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ([], (0, 30)),
        ([0, 5, 10, 15, 20, 25], None),
        ([0, 5], (10, 30)),
        ([20, 25], (0, 20)),
        ([0, 10, 25], (5, 25)),
        ([-5, 30], (0, 30)),
        ([0, 5.5, 10, 15, 20, 25], None),
    ],
)
def test_what_is_missing_spans_every_tick_without_a_sample(there: list[float], missing: tuple[int, int] | None) -> None:
    times = np.array([epoch_ms(at(minutes)) for minutes in there], dtype=np.int64)
    expected = (at(missing[0]), at(missing[1])) if missing else None
    assert missing_span(times, (NOON, at(30)), TICK) == expected


@given(
    stops=st.lists(st.integers(1, 200), min_size=1, max_size=30),
    late=st.integers(0, 40),
    begin=st.integers(0, 3000),
)
def test_whenever_we_look_every_window_is_read_once_then_once_again_or_left_to_the_history(
    stops: list[int], late: int, begin: int
) -> None:
    now = at(begin)
    allowed = timedelta(minutes=late)
    progress = started(now, None, TICK, allowed)
    first = progress.read
    read, reread, left = [], [], []
    for stop in stops:
        now += timedelta(minutes=stop)
        progress, gap = skipped_ahead(progress, now, TICK, allowed)
        if gap:
            left.append(gap)
        for window in first_readings(progress, now, TICK, allowed):
            assert window[1] + allowed <= now
            read.append(window[0])
            progress = Progress(read=window[1], reread=progress.reread)
        for window in second_readings(progress, now, TICK):
            assert window[1] + timedelta(minutes=30) <= now
            reread.append(window[0])
            progress = Progress(read=progress.read, reread=window[1])
    covered = sorted(read + [s for a, b in left for s in (a + TICK * i for i in range((b - a) // TICK))])
    assert covered == [first + TICK * i for i in range((floor_to(now - allowed, TICK) - first) // TICK)]
    assert len(set(reread)) == len(reread)
