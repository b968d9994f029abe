"""Ticks stand at round values, cover the data, and follow the local clock."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.axis import time_ticks, value_ticks

ZONES = ("UTC", "America/Chicago", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns")


@given(st.floats(min_value=1e-6, max_value=1e13))
def test_value_ticks_begin_at_zero_cover_the_top_and_are_few(top: float) -> None:
    ticks = value_ticks(top)
    assert ticks[0] == 0
    assert ticks[-1] >= top * (1 - 1e-9)
    assert 2 <= len(ticks) <= 6
    steps = [after - before for before, after in pairwise(ticks)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-9) for step in steps)
    lead = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert min(abs(lead - nice) for nice in (1, 2, 2.5, 5)) < 1e-6


def test_value_ticks_of_a_percentage() -> None:
    assert value_ticks(15.9) == (0, 5, 10, 15, 20)
    assert value_ticks(0) == (0, 1)


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_an_axis_without_a_top_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        value_ticks(wrong)


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)),  # noqa: DTZ001
    st.integers(min_value=600, max_value=32 * 86_400),
    st.sampled_from(ZONES),
)
def test_time_ticks_ascend_within_the_time_at_round_local_times(begin: datetime, seconds: int, name: str) -> None:
    zone = ZoneInfo(name)
    start = begin.replace(tzinfo=UTC)
    end = start + timedelta(seconds=seconds)
    ticks = time_ticks(start, end, zone)
    times = [tick.at for tick in ticks]
    assert times == sorted(set(times))
    assert all(start <= at <= end for at in times)
    assert len(ticks) <= 11
    for tick in ticks:
        local = tick.at.astimezone(zone)
        assert (local.second, local.microsecond) == (0, 0)
        assert tick.label in (f"{local:%H:%M}", f"{local.day} {local:%b}")
    if seconds >= 86_400:
        assert ticks


def test_hours_that_the_clocks_skip_have_no_tick() -> None:
    zone = ZoneInfo("America/Chicago")
    ticks = time_ticks(datetime(2026, 3, 8, 6, tzinfo=UTC), datetime(2026, 3, 8, 10, tzinfo=UTC), zone)
    assert [tick.label for tick in ticks] == [
        "00:00", "00:30", "01:00", "01:30", "03:00", "03:30", "04:00", "04:30", "05:00",
    ]  # fmt: skip


def test_the_day_is_named_once_and_again_after_midnight() -> None:
    zone = ZoneInfo("America/Chicago")
    ticks = time_ticks(datetime(2026, 3, 3, 23, tzinfo=UTC), datetime(2026, 3, 4, 11, tzinfo=UTC), zone)
    assert [(tick.label, tick.day) for tick in ticks if tick.day] == [("18:00", "3 Mar"), ("00:00", "4 Mar")]


def test_a_month_is_marked_by_its_days() -> None:
    ticks = time_ticks(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), ZoneInfo("UTC"))
    assert [tick.label for tick in ticks] == ["1 Mar", "8 Mar", "15 Mar", "22 Mar", "29 Mar"]
