"""What holds for every series: arithmetic of segments, and what a verdict must never do."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model import Cadence, Fact, FactKind, Series, Source
from config.clock import epoch_ms
from inventory.model import Client, Link, LinkRole, Site
from triage.detection.segments import maximal_segments, runs
from triage.documents import verdict_document
from triage.judge import judge
from triage.model import Cause, Claim, Measured, Picture, VerdictKind
from triage.policy_files import load_policy
from triage.recompute import recompute, recompute_from_facts
from triage.scope import negative_binomial_tail

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
ROWS = 400
POLICY = load_policy()
SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40)


@given(SCORES, st.integers(1, 10))
def test_the_first_segment_is_the_best_of_all_and_none_overlap(scores, minimum):
    values = np.array(scores)
    found = maximal_segments(values, minimum)
    n = len(values)
    best = max(values[i:j].sum() for i in range(n) for j in range(i + 1, n + 1))
    assert (found[0].score == best) if best >= minimum else not found
    rows = [row for segment in found for row in range(segment.first, segment.stop)]
    assert len(rows) == len(set(rows))
    assert all(segment.score == values[segment.first : segment.stop].sum() >= minimum for segment in found)


@given(st.lists(st.booleans(), max_size=40))
def test_runs_are_exactly_the_true_rows(mask):
    found = runs(np.array(mask, dtype=bool))
    assert [row for first, stop in found for row in range(first, stop)] == [i for i, each in enumerate(mask) if each]


@given(st.floats(1.0, 50.0), st.floats(0.0, 0.9))
def test_a_negative_binomial_tail_falls_from_one(shape, p):
    tails = [negative_binomial_tail(k, shape, p) for k in range(40)]
    assert math.isclose(tails[0], 1.0)
    assert all(0.0 <= tail <= 1.0 for tail in tails)
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(tails))


@st.composite
def lines(draw):
    """A day and a half of five-minute samples with noise, a fault of some kind in the last hours, and gaps."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = {
        "rtt_ms": 20 + random.gamma(2, 2, ROWS),
        "jitter_ms": random.gamma(2, 1, ROWS),
        "loss_pct": 5.0 * random.binomial(20, 0.002, ROWS),
        "rx_bps": 1e7 * random.gamma(5, 0.2, ROWS),
    }
    length = draw(st.integers(0, 40))
    ended = draw(st.integers(0, 20))
    rows = slice(max(0, ROWS - length - ended), ROWS - ended)
    metric = draw(st.sampled_from(sorted(columns)))
    columns[metric][rows] = {"rtt_ms": 90.0, "jitter_ms": 40.0, "loss_pct": 20.0, "rx_bps": 5e4}[metric]
    missing = draw(st.sets(st.integers(1, 60), max_size=60))
    kept = np.ones(ROWS, dtype=bool)
    kept[[ROWS - row for row in missing]] = False
    time = np.arange(epoch_ms(NOW) - ROWS * 300_000, epoch_ms(NOW), 300_000)
    return time, columns, kept


def picture(line, kept, extra=()):
    time, columns, _ = line
    link = Link(id="wan1", site="s", carrier="A", committed_down_bps=1e8)
    series = Series(
        link="wan1",
        source=Source.PROBE,
        time=time[kept],
        seconds=np.full(int(kept.sum()), 300, np.int32),
        received_at=time[kept],
        fields={name: values[kept] for name, values in columns.items()},
    )
    return Picture(
        site=Site(id="s", client="c"),
        client=Client(id="c", name="C"),
        devices=(),
        links=[Measured(link, [series])],
        peers=extra,
        cadences={Source.PROBE: Cadence(every=300, late=0)},
    )


CLAIM = Claim(site="s", client="c", since=NOW - timedelta(hours=2), reported_at=NOW)


def on_the_bad_side(finding):
    """Traffic that is gone and a port that is down are faults downwards, everything else upwards."""
    less_is_worse = finding.metric == "oper_up" or finding.cause in (Cause.LAN, Cause.FAILOVER)
    return finding.value <= finding.threshold if less_is_worse else finding.value >= finding.threshold


def site_of(seed, jumps):
    """Two lines by three sources of different steps over 12 hours; levels jump between any values at any time."""
    random = np.random.default_rng(seed)

    def course(rows, low, high):
        values = low * random.gamma(8, 1 / 8, rows)
        for _ in range(jumps):
            first = int(random.integers(rows // 2, rows))
            values[first : first + int(random.integers(1, 1 + rows // 8))] = random.uniform(*sorted((low, high)))
        values[random.random(rows) < 0.02] = np.nan
        return values

    def series(link, source, step, fields):
        rows = 12 * 3600 // step
        time = np.arange(epoch_ms(NOW) - rows * step * 1000, epoch_ms(NOW), step * 1000)
        columns = {name: course(rows, low, high) for name, (low, high) in fields.items()}
        columns = {name: np.round(values) if name in WHOLE else values for name, values in columns.items()}
        return Series(link, source, time, np.full(rows, step, np.int32), time, columns)

    def measured(name, role):
        link = Link(id=name, site="s", role=role, carrier=name, committed_down_bps=1e7, committed_up_bps=5e6)
        by_source = [series(name, source, step, fields) for source, (step, fields) in MEASURED.items()]
        facts = [
            Fact(
                NOW - timedelta(minutes=int(random.integers(0, 400))),
                name,
                FactKind.LINK_STATE,
                state,
                ORCHESTRATOR,
                NOW,
            )
            for state in random.choice(["stable", "disconnected", "quiet"], jumps).tolist()
        ]
        return Measured(link, by_source, sorted(facts))

    lines = [measured("wan1", LinkRole.PRIMARY), measured("wan2", LinkRole.SECONDARY)]
    return Picture(
        site=Site(id="s", client="c"),
        client=Client(id="c", name="C"),
        devices=(),
        links=lines,
        cadences={source: Cadence(every=step, late=0) for source, (step, _) in MEASURED.items()},
    )


ORCHESTRATOR = Source.ORCHESTRATOR
WHOLE = ("oper_up", "flaps")
MEASURED = {
    Source.SNMP: (60, {"rx_bps": (3e6, 1.1e7), "tx_bps": (1e6, 5.5e6), "oper_up": (1.0, 0.0), "flaps": (0.01, 3.0)}),
    ORCHESTRATOR: (
        300,
        {"latency_rx_ms": (20.0, 200.0), "jitter_tx_ms": (2.0, 90.0), "loss_rx_pct": (0.1, 50.0), "tx_bps": (1e6, 1e5)},
    ),
    Source.PROBE: (60, {"rtt_ms": (40.0, 300.0), "jitter_ms": (3.0, 60.0), "loss_pct": (0.5, 100.0)}),
}


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8), st.booleans())
def test_no_finding_lies_on_the_good_side_of_its_threshold(seed, jumps, claimed):
    site = site_of(seed, jumps)
    verdict = judge(CLAIM if claimed else None, site, POLICY, NOW)
    series = {(one.link, one.source): one for measured in site.links for one in measured.series}
    facts = [fact for measured in site.links for fact in measured.facts]
    for finding in [*verdict.findings, *verdict.side_findings]:
        assert on_the_bad_side(finding), finding
        if finding.metric.startswith("fact:"):
            again = recompute_from_facts(finding, facts, [finding.link])
        else:
            again = recompute(finding, series[finding.link, finding.source])
        assert math.isclose(again, finding.value, rel_tol=1e-9, abs_tol=1e-9), finding


@settings(max_examples=60, deadline=None)
@given(lines())
def test_every_figure_recomputes_and_reaches_its_threshold(line):
    seen = picture(line, line[2])
    verdict = judge(CLAIM, seen, POLICY, NOW)
    for finding in [*verdict.findings, *verdict.side_findings]:
        again = recompute(finding, seen.links[0].series[0])
        assert math.isclose(again, finding.value, rel_tol=1e-9)
        assert on_the_bad_side(finding)
        assert finding.end is None or finding.onset < finding.end <= NOW


@settings(max_examples=30, deadline=None)
@given(lines())
def test_the_same_picture_gives_the_same_document_and_strangers_change_nothing(line):
    alone = verdict_document(judge(CLAIM, picture(line, line[2]), POLICY, NOW), "x")
    stranger = Measured(Link(id="z", site="z", carrier="Z"), picture(line, line[2]).links[0].series)
    assert verdict_document(judge(CLAIM, picture(line, line[2], [stranger]), POLICY, NOW), "x") == alone


@settings(max_examples=40, deadline=None)
@given(lines(), st.sets(st.integers(1, 60), max_size=60))
def test_more_missing_data_never_turns_inconclusive_into_not_substantiated(line, more):
    before = judge(CLAIM, picture(line, line[2]), POLICY, NOW)
    fewer = line[2].copy()
    fewer[[ROWS - row for row in more]] = False
    after = judge(CLAIM, picture(line, fewer), POLICY, NOW)
    if before.verdict is VerdictKind.INCONCLUSIVE:
        assert after.verdict is not VerdictKind.NOT_SUBSTANTIATED
