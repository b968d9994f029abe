"""Which statistics windows are asked for, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.orchestrator.windows import (
    CATCH_UP,
    Progress,
    first_readings,
    floor_to,
    gaps,
    second_readings,
    skipped_ahead,
    started,
)

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


def test_each_device_lacks_what_lies_between_its_newest_sample_and_the_present() -> None:
    devices = {"new": ["a"], "known": ["b", "c"], "behind": ["d"], "fresh": ["e"]}
    newest = {"b": at(-60), "c": at(-120), "d": at(-10), "e": at(-5)}
    found = gaps(devices, newest, NOON, timedelta(days=1), TICK)
    assert found == {"new": (at(-24 * 60), NOON), "known": (at(-55), NOON), "behind": (at(-5), NOON)}


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
