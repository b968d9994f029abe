"""Whether an agent ran on: what its clocks say, one by one and together. Times by hand; sysUpTime in 1/100 s."""

from __future__ import annotations

import numpy as np
import pytest

from collector.snmp.continuity import AgentClocks, Continuity, continuity, seconds_between

WRAP = 2**32
"""sysUpTime and hrSystemUptime go back to 0 here, after 497 days."""
DAY = 8_640_000
CONTINUOUS, REBOOTED, AGENT_RESTARTED, UNKNOWN, DOUBTFUL = Continuity

Value = int | None


def clocks(uptime: Value, *, boots: Value = None, time: Value = None, host: Value = None) -> AgentClocks:
    """One agent's; None is "not answered"."""
    return AgentClocks(*(np.array([-1 if value is None else value]) for value in (uptime, boots, time, host)))


def judged(before: AgentClocks, now: AgentClocks, elapsed: float = 60.0) -> Continuity:
    return Continuity(continuity(before, now, np.array([elapsed]))[0])


@pytest.mark.parametrize(
    ("before", "now", "elapsed", "expected"),
    [
        (100_000, 106_000, 60, CONTINUOUS),
        (100_000, 500, 60, REBOOTED),  # 5 s after a restart
        (WRAP - 3_000, 3_000, 60, CONTINUOUS),  # sysUpTime's own wrap: 30 s before, 30 s after
        (WRAP - 3_000, 500, 3_600, REBOOTED),  # it would have run 35 s in an hour
        (1_000, 10_000, 600, REBOOTED),  # up for 100 s, ten minutes after the last reading
        (100, 100, 60, UNKNOWN),  # an agent whose clock stands still has not restarted
        (0, 0, 60, UNKNOWN),
        (None, 500, 60, UNKNOWN),
        (500, None, 60, UNKNOWN),
        (None, None, 60, UNKNOWN),
        (WRAP, 500, 60, UNKNOWN),  # more than 32 bits are no TimeTicks
        (500, WRAP + 6_500, 60, UNKNOWN),
        (0, 7_000, 60, CONTINUOUS),
    ],
)
def test_a_reboot_is_told_from_the_wrap_of_sys_up_time(
    before: Value, now: Value, elapsed: float, expected: Continuity
) -> None:
    assert judged(clocks(before), clocks(now), elapsed) is expected


@pytest.mark.parametrize(
    ("before", "now", "elapsed", "expected"),
    [
        # 100 s before the wrap, then 560 or 440 s after it: 660 or 540 s in 600, 10 % off
        (WRAP - 10_000, 56_000, 600, CONTINUOUS),
        (WRAP - 10_000, 56_001, 600, DOUBTFUL),
        (WRAP - 10_000, 44_000, 600, CONTINUOUS),
        (WRAP - 10_000, 43_999, 600, DOUBTFUL),
        # half of the 600 s, and less
        (WRAP - 10_000, 20_000, 600, DOUBTFUL),
        (WRAP - 10_000, 19_999, 600, REBOOTED),
        # 5 s before it, 3 or 7 s after it: 8 or 12 s in 10
        (WRAP - 500, 300, 10, CONTINUOUS),
        (WRAP - 500, 299, 10, DOUBTFUL),
        (WRAP - 500, 700, 10, CONTINUOUS),
        (WRAP - 500, 701, 10, DOUBTFUL),
        # 1 s in 11: 10 s are missing; a hundredth less
        (WRAP - 50, 50, 11, DOUBTFUL),
        (WRAP - 50, 49, 11, REBOOTED),
    ],
)
def test_a_wrap_is_one_where_the_clock_ran_just_the_time_that_passed(
    before: int, now: int, elapsed: float, expected: Continuity
) -> None:
    assert judged(clocks(before), clocks(now), elapsed) is expected


@pytest.mark.parametrize(
    ("before", "now", "elapsed", "expected"),
    [
        # 60 s and a tenth: up for 66 s it may have started right after the last reading, when it had been up for 1 s
        (100, 6_600, 60, DOUBTFUL),
        (100, 6_601, 60, CONTINUOUS),
        # 10 s and at least two
        (100, 1_200, 10, DOUBTFUL),
        (100, 1_201, 10, CONTINUOUS),
        # a second restart within a minute: up for 10 s, then for 40 s; half of the minute is missing
        (1_000, 4_000, 60, DOUBTFUL),
        (1_000, 3_999, 60, REBOOTED),
        # 10 s are missing, and a hundredth more
        (100, 200, 11, DOUBTFUL),
        (100, 199, 11, REBOOTED),
    ],
)
def test_an_agent_that_is_younger_than_the_interval_may_have_started_again_although_its_clock_rose(
    before: int, now: int, elapsed: float, expected: Continuity
) -> None:
    assert judged(clocks(before), clocks(now), elapsed) is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (15 * DAY, DOUBTFUL),  # set back, or the other unit of a pair; nothing rebooted 15 days ago
        (6_601, DOUBTFUL),
        (6_600, REBOOTED),
    ],
)
def test_a_clock_that_fell_but_shows_more_than_the_interval_did_not_start_again_in_it(
    now: int, expected: Continuity
) -> None:
    assert judged(clocks(20 * DAY), clocks(now)) is expected


@pytest.mark.parametrize("now", [DAY + 1_800, DAY + 60_000, 21 * DAY])
def test_an_agent_up_for_a_day_ran_on_however_wrong_its_clock_goes(now: int) -> None:
    assert judged(clocks(DAY), clocks(now)) is CONTINUOUS


@pytest.mark.parametrize(
    ("host_before", "host_now", "expected"),
    [
        (DAY, DAY + 6_000, AGENT_RESTARTED),
        (DAY, 3_000, REBOOTED),
        (None, None, REBOOTED),
        (None, DAY, REBOOTED),
        (DAY, DAY, REBOOTED),  # a clock nobody keeps is no witness
        (1_500, 5_000, REBOOTED),  # nor is one that may have started again itself
    ],
)
def test_a_reboot_is_told_from_a_restart_of_the_agent_by_the_hosts_clock(
    host_before: Value, host_now: Value, expected: Continuity
) -> None:
    assert judged(clocks(100_000, host=host_before), clocks(500, host=host_now)) is expected


@pytest.mark.parametrize(
    ("before", "now", "host_now", "expected"),
    [
        (WRAP - 3_000, 3_000, DAY + 6_000, CONTINUOUS),
        (WRAP - 3_000, 3_000, 3_000, REBOOTED),  # a reboot that looks like sysUpTime's wrap
        (WRAP - 3_000, 3_000, 6_601, DOUBTFUL),
        (1_500, 5_000, DAY + 6_000, DOUBTFUL),  # the device was up; of the agent nobody knows
        (1_500, 5_000, 3_000, REBOOTED),
        (100_000, 106_000, 3_000, AGENT_RESTARTED),  # contradicting clocks: no rate, and no reboot either
        (100_000, 106_000, 20 * DAY, CONTINUOUS),
        (100_000, 106_000, 6_601, CONTINUOUS),  # no agent outlives its host
        (None, None, DAY + 6_000, UNKNOWN),
        (None, None, 3_000, REBOOTED),
        (None, None, 0, REBOOTED),
        (100, 100, 3_000, REBOOTED),
        (None, None, 6_601, UNKNOWN),
    ],
)
def test_the_hosts_clock_only_tells_of_the_device(
    before: Value, now: Value, host_now: int, expected: Continuity
) -> None:
    assert judged(clocks(before, host=DAY), clocks(now, host=host_now)) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (100_000, 106_000, AGENT_RESTARTED),  # sysUpTime is the box's here
        (100_000, 500, REBOOTED),
        (WRAP - 3_000, 3_000, REBOOTED),  # it looked like sysUpTime's wrap
        (1_500, 5_000, REBOOTED),
        (None, None, REBOOTED),
    ],
)
def test_another_boot_of_the_snmp_engine_is_a_start(before: Value, now: Value, expected: Continuity) -> None:
    """RFC 3414, section 2.2: an engine counts each of its initialisations."""
    for engine_time in (5, 10_060, None):
        seen = judged(clocks(before, boots=7, time=10_000), clocks(now, boots=8, time=engine_time))
        assert seen is expected
    assert judged(clocks(before, boots=8, time=10_000), clocks(now, boots=7, time=5)) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (WRAP - 3_000, 3_000, CONTINUOUS),
        (WRAP - 3_000, 1_000, CONTINUOUS),  # 40 s in a minute would be a doubtful wrap
        (20 * DAY, 15 * DAY, CONTINUOUS),  # sysUpTime was set
        (1_500, 5_000, CONTINUOUS),
        (100_000, 106_000, CONTINUOUS),
        (None, None, CONTINUOUS),
        (100, 100, CONTINUOUS),
        (100_000, 500, AGENT_RESTARTED),  # contradicting clocks: no rate, and no reboot either
    ],
)
def test_an_engine_time_that_ran_on_settles_what_sys_up_time_leaves_in_doubt(
    before: Value, now: Value, expected: Continuity
) -> None:
    old, new = clocks(before, boots=7, time=50_000_000), clocks(now, boots=7, time=50_000_060)
    assert judged(old, new) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(100_000, 106_000, AGENT_RESTARTED), (100_000, 500, REBOOTED), (None, None, REBOOTED)],
)
def test_an_engine_that_cannot_store_its_boots_shows_a_restart_by_its_time(
    before: Value, now: Value, expected: Continuity
) -> None:
    assert judged(clocks(before, boots=1, time=1_000), clocks(now, boots=1, time=5)) is expected


@pytest.mark.parametrize(("before", "now"), [(None, None), (100_000, 106_000), (WRAP - 3_000, 3_000), (100, 6_100)])
def test_an_engine_younger_than_the_interval_may_have_started_again(before: Value, now: Value) -> None:
    """Where an agent cannot store its boots they stay at 1, so that they prove nothing."""
    assert judged(clocks(before, boots=1, time=3), clocks(now, boots=1, time=63)) is DOUBTFUL
    assert judged(clocks(before, boots=1, time=7), clocks(now, boots=1, time=67)) is CONTINUOUS


@pytest.mark.parametrize(
    ("boots", "time_before", "time_now"),
    [
        (0, 1_784_363_931, 1_784_363_991),  # OpenBSD's snmpd: no boots, and the time of day
        (None, 1_000, 1_060),
        (7, None, None),
        (7, 1_000, 1_000),
        (7, -1_051_833, -1_051_773),  # seen at a FiberHome switch
    ],
)
def test_an_engine_without_boots_or_time_is_no_witness(boots: Value, time_before: Value, time_now: Value) -> None:
    def engine(uptime: Value, time: Value) -> AgentClocks:
        return clocks(uptime, boots=boots, time=time)

    assert judged(engine(100_000, time_before), engine(500, time_now)) is REBOOTED
    assert judged(engine(1_500, time_before), engine(5_000, time_now)) is DOUBTFUL
    assert judged(engine(None, time_before), engine(None, time_now)) is UNKNOWN


@pytest.mark.parametrize(("boots_before", "boots_now"), [(None, 7), (7, None), (0, 7), (7, 0)])
def test_an_engine_that_answered_only_once_has_not_started_again(boots_before: Value, boots_now: Value) -> None:
    before, now = clocks(100_000, boots=boots_before, time=1_000), clocks(106_000, boots=boots_now, time=5)
    assert judged(before, now) is CONTINUOUS


def test_an_engine_time_that_wraps_with_sys_up_time_is_no_restart() -> None:
    """As some Cisco IOS have it: the time stands at 2^32 / 100 s and goes back to zero, in the same boot."""
    before = clocks(WRAP - 3_000, boots=7, time=42_949_642)
    assert judged(before, clocks(3_000, boots=7, time=30)) is CONTINUOUS


def test_agents_are_judged_each_by_its_own_clocks() -> None:
    uptimes = [(100_000, 106_000), (100_000, 500), (100_000, 500), (-1, -1), (100, 6_600)]
    hosts = [(-1, -1), (-1, -1), (DAY, DAY + 6_000), (-1, -1), (-1, -1)]
    nobody = np.full(5, -1)
    before, now = (
        AgentClocks(np.array([row[at] for row in uptimes]), nobody, nobody, np.array([row[at] for row in hosts]))
        for at in (0, 1)
    )
    codes = continuity(before, now, np.full(5, 60.0))
    assert codes.dtype == np.int8
    assert codes.tolist() == [CONTINUOUS, REBOOTED, AGENT_RESTARTED, UNKNOWN, DOUBTFUL]


def test_no_agents_give_no_codes() -> None:
    nobody = AgentClocks(*(np.zeros(0, dtype=np.int64) for _ in range(4)))
    assert continuity(nobody, nobody, np.zeros(0)).shape == (0,)
    assert seconds_between(nobody, nobody, np.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("before", "now", "elapsed", "seconds"),
    [
        (1_000, 7_000, 63.0, 60.0),  # our answer was late, the agent's clock knows better
        (WRAP - 3_000, 3_000, 61.0, 60.0),
        (1_000, 1_000, 60.0, 60.0),  # frozen: ours
        (1_000, 601_000, 60.0, 60.0),  # ten to the power of something: ours
        (1_000, 4_000, 60.0, 30.0),
        (1_000, 3_999, 60.0, 60.0),
        (1_000, 13_000, 60.0, 120.0),
        (1_000, 13_001, 60.0, 60.0),
        (None, 7_000, 63.0, 63.0),
        (7_000, None, 63.0, 63.0),
        (None, 6_000, 63.0, 63.0),
        (WRAP - 5_001, None, 60.0, 60.0),
        (0, 6_000, 63.0, 60.0),
        (WRAP - 6_000, 0, 63.0, 60.0),
    ],
)
def test_the_interval_is_the_agents_where_that_is_credible(
    before: Value, now: Value, elapsed: float, seconds: float
) -> None:
    assert seconds_between(clocks(before), clocks(now), np.array([elapsed])).tolist() == [seconds]
