"""Counters to rates over every start, speed, gap and mishap. What is simulated counts in Python's own integers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.snmp.continuity import AgentClocks, Continuity, continuity
from collector.snmp.interfaces import READ_COLUMNS, Column
from collector.snmp.rates import MEASURED_FIELDS, Readings, measure

CACHE_SECONDS = 5
"""What an agent may have counted before the interval began; the slack of a plausible rate."""
WRAP = 2**32
"""Of sysUpTime and hrSystemUptime, in 1/100 s."""
BPS = ("rx_bps", "tx_bps")
COUNTS = ("errors_rx", "errors_tx", "discards_rx", "discards_tx")
PAIRS = (BPS, COUNTS[:2], COUNTS[2:])
WIDE = (Column.IF_HC_IN_OCTETS, Column.IF_HC_OUT_OCTETS)
NARROW = (Column.IF_IN_OCTETS, Column.IF_OUT_OCTETS)
COUNTERS_OF_32_BITS = (
    *NARROW,
    Column.IF_IN_ERRORS,
    Column.IF_OUT_ERRORS,
    Column.IF_IN_DISCARDS,
    Column.IF_OUT_DISCARDS,
)


Clocks = tuple[int, int, int, int]
"""sysUpTime, snmpEngineBoots, snmpEngineTime, hrSystemUptime; -1 for "not answered"."""


@dataclass(frozen=True, kw_only=True)
class Poll:
    """What an agent answered for one interface, and when, by our clock."""

    moment: float
    clocks: Clocks
    values: Mapping[Column, int]


@dataclass(frozen=True, kw_only=True)
class Line:
    """An interface polled twice."""

    before: Poll
    now: Poll
    every: float = 60.0
    wan: bool = True
    known: bool = True
    committed_bps: float = math.nan


def readings(polls: Sequence[Poll]) -> Readings:
    values = [[poll.values.get(column, 7) for column in READ_COLUMNS] for poll in polls]
    there = [[column in poll.values for column in READ_COLUMNS] for poll in polls]
    clocks = np.array([poll.clocks for poll in polls], dtype=np.int64)
    return Readings(
        np.array([poll.moment for poll in polls]), AgentClocks(*clocks.T), np.array(values, np.uint64), np.array(there)
    )


def measured(lines: Sequence[Line]) -> np.ndarray:
    """Lines by fields."""
    fields = measure(
        readings([line.before for line in lines]),
        readings([line.now for line in lines]),
        known=np.array([line.known for line in lines]),
        wan=np.array([line.wan for line in lines]),
        every=np.array([line.every for line in lines]),
        committed_bps=np.array([line.committed_bps for line in lines]),
    )
    return np.array([fields[name] for name in MEASURED_FIELDS]).T


def of(line: Line) -> dict[str, float]:
    return dict(zip(MEASURED_FIELDS, measured([line])[0].tolist(), strict=True))


def one(line: Line) -> Continuity:
    """How the agent of a line fared."""
    before, now = readings([line.before]), readings([line.now])
    return Continuity(continuity(before.clocks, now.clocks, now.moment - before.moment)[0])


RESTARTED: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "discontinuity": (),
    "engine restart": ("engine",),
    "agent restart": ("engine", "agent"),
    "reboot": ("engine", "agent", "host"),
}
"""What starts again, by mishap."""
MISHAPS = tuple(name for name in RESTARTED if name != "none")


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What happened at a simulated device, and what two polls of it saw."""

    line: Line
    mishap: str
    octets: Sequence[int]
    """In and out, as they really passed between the polls."""
    seconds: float
    bits: int
    speed: int
    """bit/s"""


@st.composite
def simulated(draw: st.DrawFn, *mishaps: str, load: float = 1.0, settled: bool = False) -> Simulated:
    """Two polls of a device that keeps to its RFCs. A restart takes it at least a second.

    Its clocks run up to 2 % wrong; our moments are up to a second late. Counters begin anywhere. `settled` devices
    have been up for some of the interval before it; `load` is the most that their lines carry of what they can.
    """
    mishap = draw(st.sampled_from(mishaps))
    every = draw(st.sampled_from([30.0, 60.0, 300.0]))
    seconds = every * draw(st.floats(0.3, 2.4))
    down = draw(st.floats(1, seconds - 1)) if RESTARTED[mishap] else 0.0
    at = draw(st.floats(0, 1)) * (seconds - down)
    boots = draw(st.sampled_from([None, 1, 7])) if mishap != "engine restart" else draw(st.sampled_from([1, 7]))
    first, then = _clocks(draw, seconds, at + down, RESTARTED[mishap], boots, settled=settled)

    bits = draw(st.sampled_from([32, 64]))
    speed = draw(st.sampled_from([1, 2, 10, 50, 100, 300, 1_000, 10_000])) * 10**6
    restarts_at = draw(st.sampled_from([None, 0, 5_000])) if mishap != "discontinuity" else 0
    about = {Column.IF_HIGH_SPEED: speed // 10**6}
    if restarts_at is not None:
        about[Column.IF_COUNTER_DISCONTINUITY_TIME] = restarts_at
    before, now, octets = dict(about), dict(about), []
    if mishap == "discontinuity":
        now[Column.IF_COUNTER_DISCONTINUITY_TIME] = 5_001 + round(at * 100)
    kept = mishap in ("none", "engine restart") or (mishap == "agent restart" and draw(st.booleans()))
    for column in WIDE if bits == 64 else NARROW:
        start = draw(st.integers(0, 2**bits - 1))
        anew = 0 if draw(st.booleans()) else draw(st.integers(0, 2**bits - 1))
        sooner, later = (
            draw(st.integers(0, math.floor(load * speed / 8 * duration)))
            for duration in (at, max(0.0, seconds - at - down))
        )
        before[column] = start
        now[column] = ((start + sooner if kept else anew) + later) % 2**bits
        octets.append(sooner + later)
    late = draw(st.floats(0, 1)), draw(st.floats(0, 1))
    line = Line(
        before=Poll(moment=1e6 + late[0], clocks=first, values=before),
        now=Poll(moment=1e6 + seconds + late[1], clocks=then, values=now),
        every=every,
    )
    return Simulated(line=line, mishap=mishap, octets=octets, seconds=seconds, bits=bits, speed=speed)


def _clocks(
    draw: st.DrawFn, seconds: float, back: float, restarted: Sequence[str], boots: int | None, *, settled: bool
) -> tuple[Clocks, Clocks]:
    """What the clocks of a device show before and after; `restarted` are back after so many of the seconds.

    Left out is what nobody can tell. Only an engine that stores its boots tells a restart from a wrap in the very
    minute in which one was due; and a clock that started again and shows just what it showed seems to stand still.
    """
    near = 1.5 * seconds + 10
    may_wrap = not restarted or (boots is not None and boots > 1)
    ages = [st.floats(0.2 * seconds + 6 if settled else 0.1, 3 * seconds), st.floats(seconds, 4e7)]
    if may_wrap:
        ages.append(st.floats(0.1, near).map(lambda until: WRAP / 100 - until))
    up = draw(st.one_of(ages))
    sooner = {
        "agent": up,
        "engine": up + draw(st.sampled_from([0, 5e7])),
        "host": up + draw(st.sampled_from([0, 3600.0, 2 * near])),
    }
    skew = draw(st.floats(0.98, 1.02))
    later = {
        name: (seconds - back if name in restarted else age / skew + seconds) * skew for name, age in sooner.items()
    }
    assume(may_wrap or all(-age % (WRAP / 100) > near for age in sooner.values()))
    answers_host = draw(st.booleans())
    shown = []
    for ages_now, count in (
        (sooner, boots),
        (later, boots if boots == 1 else boots and boots + ("engine" in restarted)),
    ):
        ticks = {name: int(age * 100) for name, age in ages_now.items()}
        shown.append(
            (
                ticks["agent"] % WRAP,
                -1 if count is None else count,
                -1 if count is None else ticks["engine"] // 100,
                ticks["host"] % WRAP if answers_host else -1,
            )
        )
    (agent, _, engine, _), (agent_later, _, engine_later, _) = shown
    assume(agent != agent_later and (boots is None or engine != engine_later))
    return shown[0], shown[1]


@given(st.lists(simulated("none"), min_size=1, max_size=4))
def test_a_rate_is_the_true_one_or_not_known(worlds: list[Simulated]) -> None:
    for world, found in zip(worlds, measured([world.line for world in worlds]), strict=True):
        for at, octets in enumerate(world.octets):
            if not math.isnan(found[at]):
                true = octets * 8 / world.seconds
                assert abs(found[at] - true) <= 0.025 * true + 0.5


@given(st.lists(simulated(*MISHAPS), min_size=1, max_size=4))
def test_no_rate_is_known_across_a_mishap(worlds: list[Simulated]) -> None:
    for world, found in zip(worlds, measured([world.line for world in worlds]), strict=True):
        assert np.isnan(found[: len(BPS)]).all(), world.mishap


@given(simulated("none", load=0.97, settled=True))
def test_a_rate_is_known_wherever_the_agent_ran_on_and_a_counter_cannot_have_wrapped_twice(world: Simulated) -> None:
    """Our being a second late, and a clock that is 2 % fast, count towards the limit."""
    found = of(world.line)
    assume(min(clock for clock in world.line.before.clocks[::3] if clock >= 0) > (0.2 * world.seconds + 5) * 100)
    if world.bits == 64 or world.speed / 8 * (world.seconds * 1.02 + CACHE_SECONDS + 1) < 2**32:
        assert [math.isnan(found[name]) for name in BPS] == [False, False]


@given(simulated("none", *MISHAPS))
def test_a_reboot_is_never_said_of_a_device_that_was_up(world: Simulated) -> None:
    told = one(world.line)
    if not RESTARTED[world.mishap]:
        assert told in (Continuity.CONTINUOUS, Continuity.DOUBTFUL)
    elif world.mishap == "reboot":
        assert told in (Continuity.REBOOTED, Continuity.DOUBTFUL)
    else:
        assert told is not Continuity.CONTINUOUS
        host = world.line.before.clocks[3]
        if host > (0.2 * world.seconds + 5) * 100 and world.line.now.clocks[3] > host:
            assert told is not Continuity.REBOOTED


@given(st.data(), st.sampled_from([32, 64]), st.integers(1, 400_000))
def test_what_was_really_carried_is_what_is_found(data: st.DataObject, bits: int, megabits: int) -> None:
    """Any start, wrap or not, in exactly a minute: exact, or not known where the counter can wrap twice."""
    start = data.draw(st.integers(0, 2**bits - 1))
    carried = data.draw(st.integers(0, megabits * 125_000 * (60 + CACHE_SECONDS)))
    column = WIDE[0] if bits == 64 else NARROW[0]
    about = {Column.IF_HIGH_SPEED: megabits}
    line = Line(
        before=Poll(moment=0, clocks=(10**6, -1, -1, -1), values={column: start} | about),
        now=Poll(moment=60, clocks=(10**6 + 6_000, -1, -1, -1), values={column: (start + carried) % 2**bits} | about),
    )
    found = of(line)["rx_bps"]
    if megabits * 125_000 * (60 + CACHE_SECONDS) < 2**bits:
        assert abs(found - carried * 8 / 60) <= 0.5
    else:
        assert math.isnan(found)


@given(st.integers(0, 2**63), st.integers(0, 10**9))
def test_a_reset_that_nobody_announced_never_adds_to_a_rate(start: int, carried: int) -> None:
    """Of 64 bits: what was counted since is at most what was carried. (One of 32 bits may look wrapped.)"""
    line = Line(
        before=Poll(moment=0, clocks=(10**6, -1, -1, -1), values={WIDE[0]: start}),
        now=Poll(moment=60, clocks=(10**6 + 6_000, -1, -1, -1), values={WIDE[0]: carried}),
    )
    found = of(line)["rx_bps"]
    assert math.isnan(found) or 0 <= found <= carried * 8 / 60 + 0.5


TICKS = st.one_of(st.just(-1), st.integers(0, WRAP - 1), st.integers(0, 30_000), st.integers(WRAP - 30_000, WRAP - 1))
VALUES = st.one_of(
    st.integers(0, 100), st.integers(0, 2**32), st.integers(2**32 - 10**6, 2**32 - 1), st.integers(0, 2**64 - 1)
)
POLLS = st.builds(
    Poll,
    moment=st.floats(0, 200),
    clocks=st.tuples(TICKS, st.integers(-1, 3), st.one_of(st.integers(-1, 300), st.integers(-1, 2**31 - 1)), TICKS),
    values=st.dictionaries(st.sampled_from(READ_COLUMNS), VALUES),
)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Anything at all, but half of it the same columns twice, and half of it an agent that ran on."""
    before, now = draw(POLLS), draw(POLLS)
    if draw(st.booleans()):
        moved = {column: (value + draw(VALUES)) % 2**64 for column, value in before.values.items()}
        now = replace(now, values=moved, moment=before.moment + draw(st.floats(0, 160)))
    if draw(st.booleans()):
        ran = round((now.moment - before.moment) * 100)
        now = replace(now, clocks=((before.clocks[0] + ran) % WRAP, *before.clocks[1:]))
    return Line(
        before=before,
        now=now,
        every=draw(st.sampled_from([10.0, 60.0, 300.0])),
        wan=draw(st.booleans()),
        known=draw(st.integers(0, 9)) > 0,
        committed_bps=draw(st.one_of(st.just(math.nan), st.floats(0, 1e10))),
    )


def fastest_bps(line: Line) -> float:
    """What the interface can carry by what its agent says; 400 Gbit/s where it does not."""
    speeds = []
    for values in (line.before.values, line.now.values):
        high, low = (values.get(column, 0) for column in (Column.IF_HIGH_SPEED, Column.IF_SPEED))
        said = [high * 10**6 if high < 2**32 - 1 else 0, low if low < 2**32 - 1 else 0]
        speeds.append(max(said))
    return max(*speeds, 0 if math.isnan(line.committed_bps) else line.committed_bps) if all(speeds) else 400e9


@given(st.lists(lines(), min_size=1, max_size=4))
def test_no_rate_is_negative_or_beyond_the_interface_and_no_count_is_absurd(batch: list[Line]) -> None:
    """A rate may be too high by the agent's cache in the shortest interval that is believed: half of ours."""
    for line, fields in zip(batch, measured(batch), strict=True):
        found = dict(zip(MEASURED_FIELDS, fields.tolist(), strict=True))
        elapsed = line.now.moment - line.before.moment
        for name in BPS:
            if not math.isnan(found[name]):
                assert 0 <= found[name] <= fastest_bps(line) * (1 + 2 * CACHE_SECONDS / elapsed) * (1 + 1e-9)
        for name in COUNTS:
            assert math.isnan(found[name]) or (0 <= found[name] < 2**32 and found[name] == int(found[name]))
        assert math.isnan(found["flaps"]) or found["flaps"] in (0, 1, 2)
        assert math.isnan(found["oper_up"]) or found["oper_up"] in (0, 1)
        capacity = found["rx_capacity_bps"]
        assert math.isnan(capacity) or 0 < capacity < 2**32 * 1e6


@given(st.lists(lines(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_no_row_depends_on_the_others_or_on_its_place(batch: list[Line], random) -> None:
    whole = measured(batch)
    alone = np.concatenate([measured([line]) for line in batch])
    np.testing.assert_array_equal(whole, alone)
    order = list(range(len(batch)))
    random.shuffle(order)
    np.testing.assert_array_equal(measured([batch[at] for at in order]), whole[order])


@given(st.lists(lines(), min_size=1, max_size=4))
def test_a_port_that_looks_the_other_way_has_download_and_upload_the_other_way_round(batch: list[Line]) -> None:
    found = measured(batch)
    mirrored = measured([replace(line, wan=not line.wan) for line in batch])
    swap = {name: other for pair in PAIRS for name, other in (pair, pair[::-1])}
    order = [MEASURED_FIELDS.index(swap.get(name, name)) for name in MEASURED_FIELDS]
    np.testing.assert_array_equal(mirrored, found[:, order])


@given(st.lists(lines(), min_size=1, max_size=4))
def test_a_row_that_was_not_known_before_tells_only_its_state(batch: list[Line]) -> None:
    unknown = measured([replace(line, known=False) for line in batch])
    state = [MEASURED_FIELDS.index(name) for name in ("rx_capacity_bps", "tx_capacity_bps", "oper_up")]
    np.testing.assert_array_equal(unknown[:, state], measured(batch)[:, state])
    assert np.isnan(np.delete(unknown, state, axis=1)).all()


@given(st.data(), st.sampled_from(COUNTERS_OF_32_BITS), VALUES, VALUES)
def test_values_outside_the_counter_say_nothing(data: st.DataObject, column: Column, before: int, now: int) -> None:
    about = {Column.IF_HIGH_SPEED: 100}
    line = Line(
        before=Poll(moment=0, clocks=(10**6, -1, -1, -1), values={column: before} | about),
        now=Poll(moment=60, clocks=(10**6 + 6_000, -1, -1, -1), values={column: now} | about),
    )
    if before >= 2**32 or now >= 2**32:
        assert all(math.isnan(of(line)[name]) for name in (*BPS, *COUNTS))
