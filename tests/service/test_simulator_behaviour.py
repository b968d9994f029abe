"""The simulated lines behave as lines do, and a fault shows where it was put and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.simulator.behaviour import Character, Condition, Demand, Habit, Surroundings, busy, conditions, queue_ms
from service.simulator.faults import FaultKind, Hit
from service.simulator.noise import uniform

NOON = 1_773_230_400.0  # 2026-03-11T12:00:00Z, a Wednesday
MEGABIT = 1e6

MAIN = Character(
    link="wan1", seed=11, down_bps=100 * MEGABIT, up_bps=20 * MEGABIT, latency_ms=8.0, jitter_ms=1.0, noisy=0.0
)
SPARE = replace(MAIN, link="wan2", seed=12, down_bps=20 * MEGABIT, up_bps=5 * MEGABIT, latency_ms=16.0)
DEMAND = Demand(seed=5, zone=ZoneInfo("UTC"), share_down=0.3, share_up=0.2, weekend=0.5)
HOUR = np.arange(NOON, NOON + 3600, 10.0)


def hit(kind: FaultKind, **values: float) -> Hit:
    return Hit(kind=kind, site="s", link="wan1", start=NOON + 1200, end=NOON + 2400, **values)


def lived(*hits: Hit, spare: Character = SPARE) -> Mapping[str, Condition]:
    return conditions(Surroundings(DEMAND, (MAIN, spare), hits), HOUR)


INSIDE = (HOUR >= NOON + 1200) & (HOUR < NOON + 2400)


def test_a_site_uses_its_first_line_and_keeps_the_other_alive() -> None:
    lines = lived()
    assert (lines["wan1"].rx_bps > 10 * MEGABIT).all()
    assert lines["wan2"].rx_bps == pytest.approx(24_000)


def test_a_dead_line_carries_nothing_and_its_traffic_moves() -> None:
    lines = lived(hit(FaultKind.LINE_DOWN))
    assert not lines["wan1"].up[INSIDE].any()
    assert lines["wan1"].up[~INSIDE].all()
    assert (lines["wan1"].rx_bps[INSIDE] == 0).all()
    assert (lines["wan2"].rx_bps[INSIDE] > 10 * MEGABIT).all()


def test_a_cold_backup_carries_nothing_until_it_is_needed() -> None:
    lines = lived(hit(FaultKind.LINE_DOWN), spare=replace(SPARE, cold=True))
    assert (lines["wan2"].rx_bps[~INSIDE] == 0).all()
    assert (lines["wan2"].rx_bps[INSIDE] > 10 * MEGABIT).all()


def test_no_line_carries_more_than_its_rate() -> None:
    lines = lived(hit(FaultKind.LINE_DOWN))
    assert lines["wan2"].rx_bps.max() <= SPARE.down_bps


def test_a_lossy_line_loses_packets_then_and_not_before() -> None:
    lines = lived(hit(FaultKind.LOSS, strength=15.0))
    assert lines["wan1"].loss_rx_pct[INSIDE].mean() == pytest.approx(15.0, abs=1.5)
    assert (lines["wan1"].loss_rx_pct[~INSIDE] == 0).all()
    assert (lines["wan2"].loss_rx_pct == 0).all()


def test_a_saturated_line_is_full_and_slow() -> None:
    lines = lived(hit(FaultKind.SATURATION, strength=1.3))
    assert (lines["wan1"].rx_bps[INSIDE] > 0.9 * MAIN.down_bps).all()
    assert lines["wan1"].latency_rx_ms[INSIDE].min() > lines["wan1"].latency_rx_ms[~INSIDE].max() + 50


def test_a_flapping_line_is_down_for_its_share_of_each_period() -> None:
    lines = lived(hit(FaultKind.FLAPPING, period=200.0, down_seconds=80.0))
    assert (~lines["wan1"].up[INSIDE]).mean() == pytest.approx(0.4)
    assert lines["wan1"].up[~INSIDE].all()


def test_lost_management_changes_nothing_on_the_line() -> None:
    quiet, unmanaged = lived()["wan1"], lived(hit(FaultKind.MANAGEMENT_LOST))["wan1"]
    assert (quiet.rx_bps == unmanaged.rx_bps).all()
    assert unmanaged.up.all()


def test_a_habit_comes_back_each_day_at_the_same_local_hour() -> None:
    habit = Habit(from_hour=19.0, to_hour=22.0, latency_ms=60.0, loss_pct=1.0)
    zone = ZoneInfo("America/Denver")  # UTC-6 on that date (daylight saving began on March 8)
    line = replace(MAIN, habit=habit)
    around = Surroundings(replace(DEMAND, zone=zone), (line, SPARE))
    three_days = np.arange(NOON, NOON + 3 * 86_400, 600.0)
    local_hour = ((three_days - 6 * 3600) % 86_400) / 3600
    evening = (local_hour >= 19) & (local_hour < 22)
    latency = conditions(around, three_days)["wan1"].latency_rx_ms
    assert latency[evening].min() > 40
    assert latency[~evening].max() < 40


def test_business_hours_are_busier_than_the_night() -> None:
    assert busy(np.array([11.0]))[0] > 10 * busy(np.array([2.0]))[0]


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_fuller_line_never_queues_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert queue_ms(np.array([low]))[0] <= queue_ms(np.array([high]))[0]


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(0, 2**40))
def test_noise_depends_on_its_arguments_alone(seed: int, channel: int, index: int) -> None:
    whole = uniform(seed, channel, np.arange(index, index + 5))
    assert ((whole > 0) & (whole < 1)).all()
    assert uniform(seed, channel, np.array([index + 3]))[0] == whole[3]


def test_any_stretch_of_time_can_be_asked_by_itself() -> None:
    around = Surroundings(DEMAND, (MAIN, SPARE), (hit(FaultKind.LOSS, strength=12.0),))
    whole = conditions(around, HOUR)["wan1"]
    part = conditions(around, HOUR[100:140])["wan1"]
    assert (whole.rx_bps[100:140] == part.rx_bps).all()
    assert (whole.loss_rx_pct[100:140] == part.loss_rx_pct).all()
