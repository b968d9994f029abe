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
    catch_up,
    clocks,
    first_readings,
    floor_to,
    missing_span,
    read_once,
    read_twice,
    second_readings,
    skipped_ahead,
    started,
)
from collector.settings import OrchestratorSettings
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
    progress = Progress(read=NOON)
    assert first_readings(progress, at(now), TICK, LATE) == [(at(start), at(end)) for start, end in windows]


@pytest.mark.parametrize(("now", "count"), [(34.99, 0), (35, 1), (40, 2), (600, 4)])
def test_a_window_is_asked_for_again_half_an_hour_after_its_end(now: float, count: int) -> None:
    progress = Progress(read=at(20), once=tuple(at(5 * i) for i in range(4)))
    windows = second_readings(progress, at(now), TICK)
    assert windows == [(at(5 * i), at(5 * i + 5)) for i in range(count)]


def test_a_window_that_was_read_twice_is_done_with() -> None:
    progress = Progress(read=at(10), once=(NOON, at(5)))
    assert read_twice(progress, (NOON, at(5))) == Progress(read=at(10), once=(at(5),))


@pytest.mark.parametrize(("now", "once"), [(15, (NOON,)), (34.99, (NOON,)), (35, ()), (300, ())])
def test_a_window_that_was_first_read_half_an_hour_late_needs_no_second_reading(
    now: float, once: tuple[datetime, ...]
) -> None:
    assert read_once(Progress(read=NOON), (NOON, at(5)), at(now)) == Progress(read=at(5), once=once)


def test_after_a_start_the_half_hour_before_is_read_again_for_nobody_may_have() -> None:
    assert started(at(60), at(30), TICK, LATE).once == tuple(at(minutes) for minutes in (5, 10, 15, 20, 25, 30))
    assert started(at(60), None, timedelta(minutes=20), LATE).once == (at(0), at(20))


def test_where_the_tick_was_changed_windows_are_aligned_to_the_new_one() -> None:
    # A sample of [12:05, 12:10) is there; ticks are of ten minutes now.
    assert started(at(60), at(5), 2 * TICK, LATE).read == at(10)


def test_without_samples_the_present_starts_now_and_the_past_is_for_the_history() -> None:
    assert started(at(17), None, TICK, LATE).read == at(5)


def test_after_a_short_stop_the_next_window_is_the_one_after_the_newest_sample() -> None:
    assert started(at(60), at(30), TICK, LATE).read == at(35)


def test_after_a_long_stop_only_an_hour_is_caught_up() -> None:
    assert started(at(600), at(0), TICK, LATE).read == at(590 - 5 * CATCH_UP)


def test_a_host_that_was_away_for_long_leaves_a_gap_to_the_history() -> None:
    behind = Progress(read=NOON, once=(at(-5),))
    progress, gap = skipped_ahead(behind, at(300), TICK, LATE)
    assert gap == (NOON, at(230))
    # What was read once before is still to be read again.
    assert progress == Progress(read=at(230), once=(at(-5),))
    assert skipped_ahead(progress, at(300), TICK, LATE) == (progress, None)


def test_a_clock_that_was_put_back_does_not_end_the_reading() -> None:
    ahead = Progress(read=at(100), once=(at(30), at(45), at(95)))
    progress, gap = skipped_ahead(ahead, at(57), TICK, LATE)
    assert (progress, gap) == (Progress(read=at(45), once=(at(30),)), None)
    assert first_readings(progress, at(60), TICK, LATE) == [(at(45), at(50))]


@pytest.mark.parametrize(("devices", "windows"), [(0, 12), (12, 12), (13, 13), (72, 72), (10_000, 72)])
def test_a_gap_is_caught_up_by_aggregate_calls_while_those_are_fewer_than_one_for_each_device(
    devices: int, windows: int
) -> None:
    assert catch_up(devices) == windows


def paced(stretch: float, **settings: int) -> tuple[float, float, float]:
    given = {"url": "https://vco.example", "token": "env:HOME", **settings}
    return clocks(OrchestratorSettings.model_validate(given), stretch)


def test_a_stretched_plan_reads_everything_less_often() -> None:
    assert paced(1) == (60, 600, 300)
    assert paced(2) == (120, 1200, 600)


def test_states_are_stretched_no_further_than_they_hold_and_statistics_than_is_caught_up() -> None:
    # States hold for five minutes; twelve windows of five minutes are caught up.
    assert paced(8) == (240, 1800, 2400)


def test_what_the_settings_ask_for_is_never_made_faster() -> None:
    assert paced(1, states_every=900, statistics_every=7200) == (900, 7200, 300)
    assert paced(8, states_every=900, statistics_every=7200) == (900, 7200, 2400)


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
def test_whenever_we_look_every_window_is_read_then_once_again_after_half_an_hour_or_left_to_the_history(
    stops: list[int], late: int, begin: int
) -> None:
    now = at(begin)
    allowed = timedelta(minutes=late)
    progress = started(now, None, TICK, allowed)
    first, before = progress.read, set(progress.once)
    read, reread, left, late_enough = [], [], [], set()
    for stop in stops:
        now += timedelta(minutes=stop)
        progress, gap = skipped_ahead(progress, now, TICK, allowed)
        if gap:
            left.append(gap)
        for window in first_readings(progress, now, TICK, allowed):
            assert window[1] + allowed <= now
            read.append(window[0])
            if now >= window[1] + timedelta(minutes=30):
                late_enough.add(window[0])
            progress = read_once(progress, window, now)
        for window in second_readings(progress, now, TICK):
            assert window[1] + timedelta(minutes=30) <= now
            reread.append(window[0])
            progress = read_twice(progress, window)
    covered = sorted(read + [s for a, b in left for s in (a + TICK * i for i in range((b - a) // TICK))])
    assert covered == [first + TICK * i for i in range((floor_to(now - allowed, TICK) - first) // TICK)]
    assert len(set(reread)) == len(reread)
    due_again = {start for start in (before | set(read)) - late_enough if start + TICK * 7 <= now}
    assert set(reread) == due_again
