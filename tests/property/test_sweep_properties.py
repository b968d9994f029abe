"""Whatever the judge would confirm is nominated: by whichever policy holds for the line, against what is stored of it,
and whatever its slots' length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model import Cadence, Series, Source
from collector.store.hot import HotWindow
from collector.store.hot_follower import rows_of_series
from config.clock import epoch_ms
from inventory.model import Access, Client, Inventory, Link, LinkRole, Site
from triage.detection.habits import BINS, bins_of
from triage.detection.learnt import Baseline, Learnt
from triage.judge import judge
from triage.model import Cause, Measured, Picture, Verdict, VerdictKind
from triage.policy import Policy, merged
from triage.policy_files import load_policy
from triage.sweep import FIELDS, fleet_of, hot_minutes, nominated
from triage.sweep_ordinary import Ordinary, half_hours

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
END = epoch_ms(NOW)
POLICY = load_policy()
FLAT = {"rtt_ms": 20.0, "jitter_ms": 2.0, "loss_pct": 0.0, "rx_bps": 10e6, "oper_up": 1.0, "flaps": 0.0}
SITE, CLIENT = Site(id="store-1", client="acme"), Client(id="acme", name="Acme")
LINK = Link(
    id="wan1", site="store-1", role=LinkRole.PRIMARY, access=Access.DIA, carrier="A", committed_down_bps=100e6,
    committed_up_bps=100e6,
)  # fmt: skip
Stored = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Of a field centre and spread by half hour of the day, the same on all days."""


def line(last: Mapping[str, Sequence[float]], seconds: int = 60, hours: int = 24) -> Series:
    """A flat line that ends at noon with these values, oldest first."""
    rows = hours * 3600 // seconds
    columns = {name: np.full(rows, value) for name, value in FLAT.items()}
    for name, values in last.items():
        columns[name][rows - len(values) :] = values
    time = np.arange(END - rows * seconds * 1000, END, seconds * 1000)
    return Series("wan1", Source.PROBE, time, np.full(rows, seconds, np.int32), time + seconds * 1000, columns)


def learnt(stored: Stored) -> dict[Source, Learnt]:
    known = {
        name: Baseline(np.tile(centre, 2), np.tile(spread, 2), float(np.median(centre)), 1000)
        for name, (centre, spread) in stored.items()
    }
    return {Source.PROBE: Learnt("sha256:0", END - 86_400_000, known, {})} if stored else {}


def judged(series: Series, policy: Policy = POLICY, stored: Stored | None = None) -> Verdict:
    measured = Measured(LINK, [series], client="acme", learnt=learnt(stored or {}))
    cadences = {series.source: Cadence(every=int(series.seconds[0]), late=0)}
    picture = Picture(site=SITE, client=CLIENT, devices=(), links=[measured], cadences=cadences)
    return judge(None, picture, policy, NOW)


def swept(series: Series, policy: Policy = POLICY, stored: Stored | None = None) -> bool:
    hot = HotWindow(["wan1"], FIELDS, hot_minutes(policy))
    hot.advance(END)
    hot.take_in(rows_of_series([series]))
    inventory = Inventory.of([CLIENT], [SITE], [], [LINK], [])
    first, block = half_hours(END // 60_000, hot.minutes)
    moments = (first + np.arange(block[-1] + 1)) * 1_800_000
    bins = bins_of(moments, UTC) % (BINS // 2)
    ordinary = {
        name: Ordinary(np.float32(centre[bins])[None], np.float32(spread[bins])[None], block, np.ones(1, dtype=bool))
        for name, (centre, spread) in (stored or {}).items()
    }
    return bool(nominated(hot, fleet_of(hot.links, inventory, policy), END, ordinary)[0])


def around(value: float) -> list[float]:
    """One step of float64 below, the value, one above; and the same in float32, where rounding is coarsest."""
    coarse = np.float32(value)
    near = [math.nextafter(value, 0), value, math.nextafter(value, math.inf)]
    return [*near, float(np.nextafter(coarse, np.float32(0))), float(np.nextafter(coarse, np.float32(np.inf)))]


@pytest.mark.parametrize("lost", [5.0, 100.0])
def test_one_lossy_minute_nominates_nobody_and_two_do(lost):
    """One bad sample is no stretch to the scan and no half of the limit's window: the judge could not confirm it."""
    assert judged(line({"loss_pct": [lost]})).verdict is not VerdictKind.CONFIRMED
    assert not swept(line({"loss_pct": [lost]}))
    assert swept(line({"loss_pct": [lost, lost]}))


WHERE = ({"link": ["wan1"]}, {"client": ["acme"]}, {"site": ["store-1"]}, {"access": ["dia"]})


def overridden(where: Mapping[str, object], change: Mapping[str, object], base: Policy = POLICY) -> Policy:
    return merged(base, {"overrides": [{"name": "own", "where": where, "change": change}]})


# Each of these is no fault by the shipped policy and one by the line's own: latency 20 + 6, jitter 2 + 4, loss of 1 %,
# traffic down to a quarter.
OWN: Sequence[tuple[Mapping[str, object], str, float, Cause]] = (
    ({"latency": {"minimum": 6.0}}, "rtt_ms", 26.0, Cause.LATENCY),
    ({"jitter": {"minimum": 4.0}}, "jitter_ms", 6.0, Cause.JITTER),
    ({"limits": {"latency_ms": 21.0, "window_minutes": 20}}, "rtt_ms", 21.0, Cause.LATENCY),
    ({"limits": {"jitter_ms": 3.0, "window_minutes": 20}}, "jitter_ms", 3.0, Cause.JITTER),
    ({"limits": {"loss_pct": 1.0, "window_minutes": 20}}, "loss_pct", 1.0, Cause.LOSS),
    ({"traffic_gone": {"factor": 4.0}}, "rx_bps", 2.5e6, Cause.LAN),
)


@pytest.mark.parametrize("where", WHERE, ids=lambda where: "".join(where))
@pytest.mark.parametrize(("change", "field", "value", "cause"), OWN, ids=lambda one: getattr(one, "name", ""))
@pytest.mark.parametrize("minutes", [1, 5])
def test_a_line_with_smaller_sizes_of_its_own_is_nominated_by_them(where, change, field, value, cause, minutes):
    policy = overridden(where, change)
    told = set()
    for near in around(value):
        series = line({field: [near] * (40 // minutes)}, seconds=60 * minutes)
        verdict = judged(series, policy)
        if verdict.verdict is VerdictKind.CONFIRMED:
            told.add(verdict.cause)
            assert swept(series, policy), near
    assert cause in told
    elsewhere = overridden({"link": ["wan2"]}, change)
    assert not swept(line({field: [value] * (40 // minutes)}, seconds=60 * minutes), elsewhere)


@pytest.mark.parametrize("where", WHERE, ids=lambda where: "".join(where))
def test_a_line_that_is_full_earlier_than_others_is_nominated_by_its_own_share(where):
    policy = overridden(where, {"saturation": {"utilisation_pct": 60.0}})
    busy = line({"rtt_ms": [28.0] * 30, "rx_bps": [60e6] * 30})
    assert judged(busy, policy).cause is Cause.SATURATION
    assert swept(line({"rx_bps": [60e6] * 30}), policy)
    assert not swept(line({"rx_bps": [60e6] * 30}))


@pytest.mark.parametrize("where", WHERE, ids=lambda where: "".join(where))
@pytest.mark.parametrize("minutes", [1, 5])
def test_a_line_that_flaps_sooner_or_longer_than_others_is_nominated_by_its_own_changes(where, minutes):
    """Three changes, and each counts for an hour: told of for as long, and not at all for the others."""
    policy = overridden(where, {"flapping": {"changes": 3, "half_life_minutes": 60}})
    for since in (0, 25, 50, 60):
        series = line({"flaps": [1.0, 1.0, 1.0] + [0.0] * (since // minutes)}, seconds=60 * minutes)
        assert judged(series, policy).cause is Cause.INSTABILITY
        assert swept(series, policy)
        assert not swept(series)


def test_what_two_overrides_say_of_one_line_counts_together():
    """One makes the window of limits 200 minutes long, another what is told of now an hour: 200 + 60 + 10."""
    policy = merged(
        POLICY,
        {
            "overrides": [
                {"name": "long", "where": {"link": ["wan1"]}, "change": {"limits": {"window_minutes": 200}}},
                {"name": "slow", "where": {"client": ["acme"]}, "change": {"claims": {"recovered_after_minutes": 60}}},
            ]
        },
    )
    assert hot_minutes(policy) == 270
    for since in (0, 30, 55, 59, 60, 65):
        series = line({"rtt_ms": [150.0] * 210 + [20.0] * since})
        if judged(series, policy).verdict is VerdictKind.CONFIRMED:
            assert swept(series, policy), since


@st.composite
def policies(draw):
    """The shipped policy, with some sizes of this line larger or smaller, by what it is, whose, where or which."""
    factor = st.sampled_from([0.3, 0.6, 1.0, 1.7])
    base = POLICY
    change = {
        "latency": {"minimum": base.latency.minimum * draw(factor), "share": base.latency.share * draw(factor)},
        "jitter": {"minimum": base.jitter.minimum * draw(factor), "spreads": base.jitter.spreads * draw(factor)},
        "loss": {"minimum_pct": base.loss.minimum_pct * draw(factor), "evidence": base.loss.evidence * draw(factor)},
        "limits": {
            "latency_ms": base.limits.latency_ms * draw(factor),
            "loss_pct": base.limits.loss_pct * draw(factor),
            "window_minutes": draw(st.sampled_from([10, 30, 90])),
        },
        "flapping": {"changes": draw(st.integers(3, 6)), "half_life_minutes": draw(st.sampled_from([10, 20, 40]))},
        "saturation": {"utilisation_pct": draw(st.sampled_from([50, 75, 90]))},
        "traffic_gone": {"factor": draw(st.sampled_from([4, 10, 20]))},
        "bad_samples": draw(st.integers(1, 3)),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(change)), min_size=1))
    return overridden(draw(st.sampled_from(WHERE)), {name: change[name] for name in chosen})


@st.composite
def noisy_lines(draw, longest: int = 60):
    """A line as lines are, with a fault of any strength that began within `longest` minutes, over or not, and gaps."""
    minutes = draw(st.sampled_from([1, 5]))
    rows = 1440 // minutes
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = {
        "rtt_ms": 20 + random.gamma(2, draw(st.sampled_from([0.5, 1, 4])), rows),
        "jitter_ms": random.gamma(2, 0.7, rows),
        "loss_pct": 5.0 * random.binomial(20, 0.0005, rows),
        "rx_bps": 1e7 * random.gamma(20, 0.05, rows),
        "oper_up": np.ones(rows),
        "flaps": np.zeros(rows),
    }
    ended = draw(st.integers(0, 25 // minutes))
    length = draw(st.integers(1, longest // minutes - 1))
    span = slice(rows - ended - length, rows - ended)
    kind = draw(st.sampled_from(sorted(columns)))
    strength = draw(st.floats(0.0, 1.0))
    match kind:
        case "rtt_ms" | "jitter_ms":
            columns[kind][span] += 40 * strength
        case "loss_pct":
            columns[kind][span] = 5.0 * random.binomial(20, strength**2, span.stop - span.start)
        case "rx_bps":
            columns[kind][span] *= 10 ** -(2.5 * strength) if draw(st.booleans()) else 1 + 12 * strength
        case "oper_up":
            columns[kind][span] = random.binomial(1, 1 - strength, span.stop - span.start)
        case _:
            columns[kind][span] = random.binomial(2, strength / 2, span.stop - span.start)
    kept = np.ones(rows, dtype=bool)
    for row in draw(st.sets(st.integers(1, 40), max_size=8)):
        kept[rows - row] = False
    time = np.arange(END - rows * minutes * 60_000, END, minutes * 60_000)[kept]
    seconds = np.full(len(time), minutes * 60, np.int32)
    fields = {name: values[kept] for name, values in columns.items()}
    return Series("wan1", Source.PROBE, time, seconds, time + 1000, fields)


@settings(deadline=None)
@given(noisy_lines(), policies())
def test_whatever_the_judge_confirms_by_a_lines_own_policy_is_nominated(series, policy):
    if judged(series, policy).verdict is VerdictKind.CONFIRMED:
        assert swept(series, policy)


def flat(centre: float, spread: float) -> tuple[np.ndarray, np.ndarray]:
    return np.full(BINS // 2, centre), np.full(BINS // 2, spread)


@st.composite
def stored_delays(draw):
    """What is ordinary by half hour of the day, wild or smooth, with a spread."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    depth = draw(st.sampled_from([0.0, 5.0, 40.0]))
    centre = 20 + depth * random.random(BINS // 2)
    return centre, draw(st.sampled_from([0.1, 2.0, 12.0])) * (0.5 + random.random(BINS // 2))


@st.composite
def delays_beside_what_is_stored(draw):
    """A line that follows what is stored of it, with a rise of any size and age within four hours."""
    minutes = draw(st.sampled_from([1, 5]))
    rows = 1440 // minutes
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    centre, spread = draw(stored_delays())
    time = np.arange(END - rows * minutes * 60_000, END, minutes * 60_000)
    bins = bins_of(time, UTC) % (BINS // 2)
    values = np.maximum(0.1, centre[bins] + spread[bins] * random.standard_normal(rows))
    ended, length = draw(st.integers(0, 25 // minutes)), draw(st.integers(1, 250 // minutes))
    rise = draw(st.sampled_from([0.5, 0.75, 1.0, 1.1, 2.0, 4.0])) * np.maximum(15.0, 0.2 * centre[bins])
    span = slice(max(0, rows - ended - length), rows - ended)
    values[span] += rise[span]
    kept = np.ones(rows, dtype=bool)
    for row in draw(st.sets(st.integers(1, 40), max_size=8)):
        kept[rows - row] = False
    columns = {name: np.full(rows, value) for name, value in FLAT.items()} | {"rtt_ms": values}
    seconds = np.full(int(kept.sum()), minutes * 60, np.int32)
    fields = {name: column[kept] for name, column in columns.items()}
    series = Series("wan1", Source.PROBE, time[kept], seconds, time[kept] + 1000, fields)
    return series, {"rtt_ms": (centre, spread)}


@settings(deadline=None)
@given(delays_beside_what_is_stored())
def test_whatever_the_judge_confirms_against_what_is_stored_is_nominated(case):
    series, stored = case
    if judged(series, stored=stored).verdict is VerdictKind.CONFIRMED:
        assert swept(series, stored=stored)


@pytest.mark.parametrize("minutes", [1, 5])
def test_a_stored_threshold_is_nominated_at_its_last_bit(minutes):
    """33.3 ms and no spread: 15 ms more is the smallest fault, the policy's minimum."""
    stored = {"rtt_ms": flat(33.3, 0.0)}
    told = []
    for value in around(33.3 + 15.0):
        series = line({"rtt_ms": [33.3] * 1000 + [value] * (30 // minutes)}, seconds=60 * minutes, hours=96)
        if judged(series, stored=stored).verdict is VerdictKind.CONFIRMED:
            told.append(value)
            assert swept(series, stored=stored), value
    assert told


def test_an_evening_that_is_as_every_evening_is_not_nominated():
    """50 ms each day from 11:00 on, and 20 ms before. The best of the last hours is 20 ms; what is stored says more."""
    evening = {"rtt_ms": [50.0] * 60}
    centre, spread = flat(20.0, 2.0)
    centre[22:] = 50.0
    assert swept(line(evening))
    assert not swept(line(evening), stored={"rtt_ms": (centre, spread)})
    assert judged(line(evening), stored={"rtt_ms": (centre, spread)}).verdict is not VerdictKind.CONFIRMED
    assert swept(line({"rtt_ms": [70.0] * 10}), stored={"rtt_ms": (centre, spread)})


def test_a_fault_older_than_the_window_is_nominated_by_what_is_stored():
    """16 ms more for 3 h 50 min: the window of two hours shows nothing else, and what is stored of it does."""
    old = line({"rtt_ms": [36.0] * 230})
    assert judged(old, stored={"rtt_ms": flat(20.0, 2.0)}).verdict is VerdictKind.CONFIRMED
    assert not swept(old)
    assert swept(old, stored={"rtt_ms": flat(20.0, 2.0)})


def test_a_slight_fault_older_than_the_window_is_nominated_though_its_part_of_it_is_too_slight():
    """The smallest effect is 1.5 spreads of 20 ms; 15.2 ms score 2 * 15.2 / 30 - 1 = 0.0133 a minute: 3.1 in 235
    minutes, more than the 1.9 that count, and 1.6 in the two hours of the window."""
    slight, stored = line({"rtt_ms": [35.2] * 235}), {"rtt_ms": flat(20.0, 20.0)}
    assert judged(slight, stored=stored).verdict is VerdictKind.CONFIRMED
    assert swept(slight, stored=stored)


def test_traffic_that_is_low_at_this_hour_each_day_is_not_gone():
    """1 Mbit/s after 10 Mbit/s, as on each day at this half hour; where nothing is stored it could be a fault."""
    low = line({"rx_bps": [0.5e6] * 12})
    centre, spread = flat(7.0, 0.1)
    centre[23] = math.log10(0.5e6)
    assert judged(low).cause is Cause.LAN
    assert swept(low)
    assert not swept(low, stored={"rx_bps": (centre, spread)})
    assert judged(low, stored={"rx_bps": (centre, spread)}).verdict is not VerdictKind.CONFIRMED
    assert judged(low, stored={"rx_bps": flat(7.0, 0.1)}).cause is Cause.LAN
    assert swept(low, stored={"rx_bps": flat(7.0, 0.1)})


@pytest.mark.parametrize(
    ("last", "cause"),
    [
        ({"rtt_ms": [60.0] * 3}, Cause.LATENCY),
        ({"jitter_ms": [40.0] * 3}, Cause.JITTER),
        ({"loss_pct": [50.0] * 4}, Cause.LOSS),
        ({"loss_pct": [100.0] * 13}, Cause.LINK_DOWN),
        ({"oper_up": [0.0] * 13}, Cause.LINK_DOWN),
        ({"flaps": [1.0] * 4}, Cause.INSTABILITY),
        ({"rx_bps": [95e6] * 60, "rtt_ms": [28.0] * 60}, Cause.SATURATION),
        ({"oper_up": [0.0, 1.0, 0.0, 1.0, 0.0], "flaps": [math.nan] * 1440}, Cause.INSTABILITY),
    ],
)
def test_slots_of_ten_seconds_are_nominated_as_soon_as_the_judge_confirms(last, cause):
    series = line(last, seconds=10, hours=12)
    verdict = judged(series)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.CONFIRMED, cause)
    assert swept(series)


@pytest.mark.parametrize("minutes", [1, 5])
def test_a_port_that_goes_up_and_down_is_nominated_as_long_as_it_is_told_of(minutes):
    """Four changes; the last one may be half a life of a change's penalty (20 minutes) ago, and the recovery more."""
    confirmed = []
    for since in range(0, 80, 5):
        ups = [0.0, 1.0, 0.0, 1.0] + [1.0] * (since // minutes)
        series = line({"oper_up": ups, "flaps": [math.nan] * (1440 // minutes)}, seconds=60 * minutes)
        if judged(series).verdict is VerdictKind.CONFIRMED:
            confirmed.append(since)
            assert swept(series), since
    assert max(confirmed) >= 15
