"""What holds for every series: the hot window says what the stored rows say, and whatever the judge would confirm is
nominated, at each threshold to the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from collector.model import Cadence, SampleBatch, Series, Source
from collector.store.answers import series_of
from collector.store.hot import HotWindow
from collector.store.hot_follower import rows_of_series
from collector.store.rows import merged as merged_rows
from collector.store.rows import rows_of
from config.clock import epoch_ms
from inventory.model import Access, Client, Inventory, Link, LinkRole, Site
from triage.judge import judge
from triage.model import Cause, Measured, Picture, Verdict, VerdictKind
from triage.policy import Policy, merged
from triage.policy_files import load_policy
from triage.sweep import FIELDS, fleet_of, hot_minutes, nominated

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
END = epoch_ms(NOW)
POLICY = load_policy()
DAYS = 1
FLAT = {"rtt_ms": 20.0, "jitter_ms": 2.0, "loss_pct": 0.0, "rx_bps": 10e6, "oper_up": 1.0, "flaps": 0.0}
SITE, CLIENT = Site(id="store-1", client="acme"), Client(id="acme", name="Acme")


@st.composite
def batches(draw):
    """Up to five batches of two lines within an hour: minute and five-minute slots, repeated, late, with holes;
    received one after the other."""
    made = []
    for turn in range(draw(st.integers(1, 5))):
        slots = draw(st.lists(st.integers(-80, 3), min_size=1, max_size=12))
        count = len(slots)
        numbers = st.one_of(st.just(math.nan), st.integers(0, 9).map(float))
        fields = {name: draw(st.lists(numbers, min_size=count, max_size=count)) for name in ("rtt_ms", "loss_pct")}
        # A slot has one length, whoever repeats it: five minutes where one of them may begin.
        seconds = np.array([60 if minute % 5 else 300 for minute in slots], np.int32)
        made.append(
            SampleBatch(
                source=draw(st.sampled_from([Source.PROBE, Source.SNMP])),
                links=draw(st.lists(st.sampled_from(["a", "b"]), min_size=count, max_size=count)),
                time=np.array([END + minute * 60_000 for minute in slots]),
                seconds=seconds,
                received_at=np.full(count, END + turn),
                fields={name: np.array(values) for name, values in fields.items()},
            )
        )
    return made


def said_by_rows(made: Sequence[SampleBatch], name: str) -> dict[tuple[str, Source], list[float]]:
    """The plain model: for each minute the measured value of the slot that began last."""
    found = {}
    for series in series_of(merged_rows(rows_of(made))):
        columns = [math.nan] * 60
        for time, seconds, value in zip(series.time, series.seconds, series.column(name), strict=True):
            for minute in range(max(int(seconds) // 60, 1)):
                place = (int(time) - END) // 60_000 + minute + 59
                if 0 <= place < 60 and not math.isnan(value):
                    columns[place] = float(value)
        found[series.link, series.source] = columns
    return found


def corrected_below_another(made: Sequence[SampleBatch]) -> bool:
    rows = [
        (link, one.source, int(time), int(seconds), tuple(float(values[row]) for values in one.fields.values()))
        for one in made
        for row, (link, time, seconds) in enumerate(zip(one.links, one.time, one.seconds, strict=True))
    ]
    said: dict[tuple[str, Source, int, int], set[tuple[float, ...]]] = {}
    for *slot, values in rows:
        said.setdefault(tuple(slot), set()).add(values)
    return any(
        (link, source) == other[:2] and begun < other[2] < begun + 1000 * seconds
        for (link, source, begun, seconds), values in said.items()
        if len(values) > 1
        for other in said
    )


@given(batches(), st.integers(0, 4))
def test_the_window_says_what_the_merged_rows_say(made, early):
    """Also when time moves on between the batches. Where a line changed its slots' length under way, the later slot
    speaks; the model orders them by time, as the store does. A slot that is corrected after a later one began inside
    it and left the field open is the exception that the window's memory is not worth: it keeps what it was told first.
    """
    assume(not corrected_below_another(made))
    hot = HotWindow(["a", "b"], ("rtt_ms", "loss_pct"), 60)
    hot.advance(END - early * 60_000)
    hot.take_in(rows_of(made[:1]))
    hot.advance(END)
    for one in made[1:]:
        hot.take_in(rows_of([one]))
    for name in hot.fields:
        wanted = said_by_rows(made, name)
        matrix = hot.matrix(name, END // 60_000)
        for row, series in enumerate(hot.measured(name).tolist()):
            source = (Source.SNMP, Source.ORCHESTRATOR, Source.PROBE, Source.IMPORT)[int(hot.source[series])]
            key = hot.links[int(hot.link[series])], source
            assert np.array_equal(matrix[row], np.float32(wanted.pop(key)), equal_nan=True)
        assert all(np.isnan(columns).all() for columns in wanted.values())


def line(last: Mapping[str, Sequence[float]], step: int = 60, source: Source = Source.PROBE) -> Series:
    """A flat day that ends at noon with these values, oldest first."""
    rows = DAYS * 86_400 // step
    columns = {name: np.full(rows, value) for name, value in FLAT.items()}
    for name, values in last.items():
        columns[name][rows - len(values) :] = values
    time = np.arange(END - rows * step * 1000, END, step * 1000)
    return Series("wan1", source, time, np.full(rows, step, np.int32), time + step * 1000, columns)


def link(access: Access = Access.DIA) -> Link:
    return Link(
        id="wan1", site="store-1", role=LinkRole.PRIMARY, access=access, carrier="A", committed_down_bps=100e6,
        committed_up_bps=100e6,
    )  # fmt: skip


def judged(series: Series, policy: Policy = POLICY, access: Access = Access.DIA) -> Verdict:
    picture = Picture(
        site=SITE, client=CLIENT, devices=(), links=[Measured(link(access), [series])],
        cadences={series.source: Cadence(every=int(series.seconds[0]), late=0)},
    )  # fmt: skip
    return judge(None, picture, policy, NOW)


def swept(series: Series, policy: Policy = POLICY, access: Access = Access.DIA) -> bool:
    hot = HotWindow(["wan1"], FIELDS, hot_minutes(policy))
    hot.advance(END)
    hot.take_in(rows_of_series([series]))
    inventory = Inventory.of([CLIENT], [SITE], [], [link(access)], [])
    return bool(nominated(hot, fleet_of(hot.links, inventory, policy), END)[0])


def around(value: float) -> list[float]:
    """One step of float64 below, the value, one above; and the same in float32, where rounding is coarsest."""
    coarse = np.float32(value)
    near = [math.nextafter(value, 0), value, math.nextafter(value, math.inf)]
    return [*near, float(np.nextafter(coarse, np.float32(0))), float(np.nextafter(coarse, np.float32(np.inf)))]


AT_THRESHOLDS: Sequence[tuple[str, float, Cause, int, int]] = (
    # Field, threshold, cause, minutes of a slot, slots of it. Flat lines have no spread, so the smallest effect is the
    # policy's minimum: 20 + 15 ms, 2 + 10 ms.
    ("rtt_ms", 35.0, Cause.LATENCY, 1, 2),
    ("rtt_ms", 35.0, Cause.LATENCY, 1, 20),
    ("rtt_ms", 35.0, Cause.LATENCY, 5, 3),
    ("jitter_ms", 12.0, Cause.JITTER, 1, 2),
    ("jitter_ms", 12.0, Cause.JITTER, 5, 6),
    ("loss_pct", 2.0, Cause.LOSS, 1, 60),
    ("loss_pct", 2.0, Cause.LOSS, 5, 12),
    ("loss_pct", 99.0, Cause.LINK_DOWN, 1, 3),
    ("oper_up", 0.0, Cause.LINK_DOWN, 1, 3),
    ("oper_up", 0.0, Cause.LINK_DOWN, 1, 2),
    ("flaps", 1.0, Cause.INSTABILITY, 1, 4),
    ("flaps", 1.0, Cause.INSTABILITY, 5, 4),
    ("rx_bps", 1e6, Cause.LAN, 1, 10),
    ("rx_bps", 1e6, Cause.LAN, 5, 3),
)


@pytest.mark.parametrize(("field", "threshold", "cause", "minutes", "slots"), AT_THRESHOLDS)
def test_whatever_the_judge_confirms_at_a_threshold_is_nominated(field, threshold, cause, minutes, slots):
    told = set()
    for value in around(threshold):
        series = line({field: [value] * slots}, step=60 * minutes)
        verdict = judged(series)
        if verdict.verdict is VerdictKind.CONFIRMED:
            told.add(verdict.cause)
            assert swept(series), (value, verdict.cause)
    assert cause in told or slots == 2


@pytest.mark.parametrize(("access", "limit", "window"), [(Access.DIA, 140.0, 30), (Access.SATELLITE, 800.0, 90)])
@pytest.mark.parametrize("minutes", [1, 5])
def test_an_absolute_limit_is_nominated_at_its_last_bit(access, limit, window, minutes):
    """A line that is always over its limit: no rise, the limit alone speaks."""
    for value in around(limit):
        series = line({"rtt_ms": [value] * (DAYS * 1440 // minutes)}, step=60 * minutes)
        verdict = judged(series, access=access)
        assert (verdict.verdict is VerdictKind.CONFIRMED) == (value >= limit)
        assert swept(series, access=access) >= (verdict.verdict is VerdictKind.CONFIRMED)


def changed(section: str, key: str, value: float) -> Policy:
    """The policy with one threshold."""
    return merged(POLICY, {section: {key: value}})


@settings(deadline=None)
@given(
    st.sampled_from(
        [
            ("limits", "latency_ms", "rtt_ms", 1440, 0.0),
            ("limits", "jitter_ms", "jitter_ms", 1440, 0.0),
            ("latency", "minimum", "rtt_ms", 3, 20.0),
            ("jitter", "minimum", "jitter_ms", 3, 2.0),
            ("loss", "minimum_pct", "loss_pct", 40, 0.0),
        ]
    ),
    st.floats(5.0, 60.0, exclude_max=True),
)
def test_a_threshold_that_float32_cannot_hold_is_nominated_all_the_same(case, threshold):
    """At any number the policy may name. Rounding to float32 would put half of them just below their threshold."""
    section, key, field, slots, usual = case
    policy = changed(section, key, threshold)
    series = line({field: [usual + threshold] * slots})
    if judged(series, policy).verdict is VerdictKind.CONFIRMED:
        assert swept(series, policy)


@settings(deadline=None)
@given(st.floats(20e6, 99e6))
def test_a_full_line_is_nominated_whatever_share_makes_it_full(rate):
    """The share that this rate has of 100 Mbit/s, computed as the judge computes it."""
    policy = changed("saturation", "utilisation_pct", 100 * rate / 100e6)
    assert swept(line({"rx_bps": [rate] * 20}), policy)
    assert not swept(line({"rx_bps": [rate * (1 - 1e-6)] * 20}), policy)


@pytest.mark.parametrize("minutes", [1, 5])
def test_a_full_line_that_is_slow_is_nominated_for_its_load_at_the_last_bit(minutes):
    """90 of 100 Mbit/s, and 8 ms more, half of the smallest latency, so that latency itself is no fault."""
    slots = 30 // minutes
    rise = {"rtt_ms": [28.0] * slots}
    told = set()
    for value in around(90e6):
        series = line({**rise, "rx_bps": [value] * slots}, step=60 * minutes)
        verdict = judged(series)
        told.add(verdict.cause)
        if verdict.verdict is VerdictKind.CONFIRMED:
            assert swept(line({"rx_bps": [value] * slots}, step=60 * minutes)), value
    assert Cause.SATURATION in told


@pytest.mark.parametrize(
    ("last", "silent"),
    [
        ({"rtt_ms": [40.0] * 12}, 0),
        ({"loss_pct": [10.0] * 5}, 0),
        ({"oper_up": [0.0] * 5}, 0),
        ({"flaps": [1.0] * 5}, 0),
        ({"rx_bps": [0.5e6] * 5}, 0),
        ({"rtt_ms": [40.0] * 5}, 1),
        ({"loss_pct": [10.0] * 5}, 1),
        ({"oper_up": [0.0] * 5}, 1),
    ],
)
@pytest.mark.parametrize("minutes", [1, 5])
def test_it_is_nominated_for_as_long_as_the_judge_says_that_it_is_there(last, silent, minutes):
    """For so many healthy (or, `silent`, missing) minutes since."""
    confirmed = []
    for since in (0, 5, 10, 15, 18, 19, 20, 21, 25, 30, 55, 59, 60, 61, 65, 90):
        if since % minutes:
            continue
        count = since // minutes
        rows = {name: [*values, *[FLAT[name]] * count] for name, values in last.items()}
        series = line(rows, step=60 * minutes)
        if silent and count:
            series = rows_until(series, len(series) - count)
        if judged(series).verdict is VerdictKind.CONFIRMED:
            confirmed.append(since)
            assert swept(series), since
    assert max(confirmed) >= (55 if silent else 15)


def rows_until(series: Series, stop: int) -> Series:
    return Series(
        series.link, series.source, series.time[:stop], series.seconds[:stop], series.received_at[:stop],
        {name: values[:stop] for name, values in series.fields.items()},
    )  # fmt: skip


@st.composite
def noisy_lines(draw):
    """A line as lines are, with a fault of any strength that began within the last hour, over or not, and gaps."""
    minutes = draw(st.sampled_from([1, 5]))
    rows = DAYS * 1440 // minutes
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = {
        "rtt_ms": 20 + random.gamma(2, 1, rows),
        "jitter_ms": random.gamma(2, 0.7, rows),
        "loss_pct": 5.0 * random.binomial(20, 0.0005, rows),
        "rx_bps": 1e7 * random.gamma(20, 0.05, rows),
        "oper_up": np.ones(rows),
        "flaps": np.zeros(rows),
    }
    ended = draw(st.integers(0, 25 // minutes))
    length = draw(st.integers(1, 60 // minutes - 1))
    span = slice(rows - ended - length, rows - ended)
    kind = draw(st.sampled_from(sorted(columns)))
    strength = draw(st.floats(0.0, 1.0))
    match kind:
        case "rtt_ms" | "jitter_ms":
            columns[kind][span] += 40 * strength
        case "loss_pct":
            columns[kind][span] = 5.0 * random.binomial(20, strength, span.stop - span.start)
        case "rx_bps":
            columns[kind][span] *= 10 ** -(2.5 * strength) if draw(st.booleans()) else 1 + 12 * strength
        case "oper_up":
            columns[kind][span] = 0.0
        case _:
            columns[kind][span] = random.binomial(2, strength, span.stop - span.start)
    kept = np.ones(rows, dtype=bool)
    for row in draw(st.sets(st.integers(1, 40), max_size=8)):
        kept[rows - row] = False
    time = np.arange(END - rows * minutes * 60_000, END, minutes * 60_000)[kept]
    seconds = np.full(len(time), minutes * 60, np.int32)
    fields = {name: values[kept] for name, values in columns.items()}
    return Series("wan1", Source.PROBE, time, seconds, time + 1000, fields)


@settings(deadline=None)
@given(noisy_lines())
def test_whatever_the_judge_confirms_of_a_line_as_lines_are_is_nominated(series):
    if judged(series).verdict is VerdictKind.CONFIRMED:
        assert swept(series)
