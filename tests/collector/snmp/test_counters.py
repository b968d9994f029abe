"""Two readings of a counter: what they say, and where they say nothing."""

from __future__ import annotations

import math

import pytest

from collector.snmp.counters import Change, Continuity, continuity, difference, interval

GIGABIT = 125_000_000.0
TEN_MEGABIT = 1_250_000.0


def test_a_counter_that_advanced_counts_the_difference() -> None:
    got = difference(1_000, 751_000, bits=64, seconds=60, ceiling=GIGABIT)
    assert (got.change, got.amount) == (Change.ADVANCED, 750_000)


def test_a_32_bit_counter_that_went_past_its_end_wrapped_once() -> None:
    got = difference(2**32 - 100, 400, bits=32, seconds=60, ceiling=TEN_MEGABIT)
    assert (got.change, got.amount) == (Change.WRAPPED, 500)


def test_a_64_bit_counter_that_fell_was_reset() -> None:
    got = difference(10**12, 500, bits=64, seconds=60, ceiling=GIGABIT)
    assert got.change is Change.RESET
    assert math.isnan(got.amount)


def test_a_64_bit_counter_wraps_too() -> None:
    assert difference(2**64 - 1, 9, bits=64, seconds=60, ceiling=GIGABIT).amount == 10


def test_a_32_bit_counter_that_fell_farther_than_the_line_can_carry_was_reset() -> None:
    got = difference(3_000_000_000, 10, bits=32, seconds=60, ceiling=TEN_MEGABIT)
    assert got.change is Change.RESET


def test_more_than_the_interface_can_carry_is_not_a_rate() -> None:
    # 65 s (60 and 5 of an agent's cache) at 1.25 MB/s are 81,250,000 octets.
    assert difference(0, 81_250_000, bits=64, seconds=60, ceiling=TEN_MEGABIT).change is Change.ADVANCED
    beyond = difference(0, 81_250_001, bits=64, seconds=60, ceiling=TEN_MEGABIT)
    assert beyond.change is Change.RESET
    assert math.isnan(beyond.amount)


def test_a_32_bit_counter_that_can_wrap_twice_in_the_interval_says_nothing() -> None:
    # At 1 Gbit/s 2^32 octets take 34.4 s.
    assert difference(0, 1_000, bits=32, seconds=29.3, ceiling=GIGABIT).change is Change.ADVANCED
    assert difference(0, 1_000, bits=32, seconds=29.4, ceiling=GIGABIT).change is Change.AMBIGUOUS


def test_without_a_known_speed_a_fall_says_nothing() -> None:
    assert difference(5, 7, bits=32, seconds=60, ceiling=None).amount == 2
    assert difference(7, 7, bits=32, seconds=60, ceiling=None).amount == 0
    assert math.isnan(difference(7, 5, bits=32, seconds=60, ceiling=None).amount)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_gives_no_difference(seconds: float) -> None:
    assert math.isnan(difference(0, 10, bits=64, seconds=seconds, ceiling=GIGABIT).amount)


@pytest.mark.parametrize(
    ("before", "now", "elapsed", "expected"),
    [
        (100_000, 106_000, 60, Continuity.CONTINUOUS),
        (100_000, 500, 60, Continuity.REBOOTED),  # 5 s after a restart
        (2**32 - 3_000, 3_000, 60, Continuity.CONTINUOUS),  # sysUpTime's own wrap: 30 s before, 30 s after
        (2**32 - 3_000, 500, 3_600, Continuity.REBOOTED),  # it would have run 35 s in an hour
        (1_000, 10_000, 600, Continuity.REBOOTED),  # up for 100 s, ten minutes after the last reading
        (100, 100, 60, Continuity.UNKNOWN),  # an agent whose clock stands still has not restarted
        (None, 500, 60, Continuity.UNKNOWN),
        (500, None, 60, Continuity.UNKNOWN),
    ],
)
def test_a_reboot_is_told_from_the_wrap_of_sys_up_time(
    before: int | None, now: int | None, elapsed: float, expected: Continuity
) -> None:
    assert continuity(before, now, elapsed) is expected


@pytest.mark.parametrize(
    ("before", "now", "elapsed", "seconds"),
    [
        (1_000, 7_000, 63.0, 60.0),  # our answer was late, the agent's clock knows better
        (2**32 - 3_000, 3_000, 61.0, 60.0),
        (1_000, 1_000, 60.0, 60.0),  # frozen: ours
        (1_000, 601_000, 60.0, 60.0),  # ten to the power of something: ours
        (1_000, 4_000, 60.0, 30.0),
        (1_000, 3_999, 60.0, 60.0),
        (1_000, 13_000, 60.0, 120.0),
        (1_000, 13_001, 60.0, 60.0),
        (None, 7_000, 63.0, 63.0),
    ],
)
def test_the_interval_is_the_agents_where_that_is_credible(
    before: int | None, now: int | None, elapsed: float, seconds: float
) -> None:
    assert interval(before, now, elapsed) == seconds
