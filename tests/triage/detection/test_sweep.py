"""Statements about the sweep: generous in what it nominates, silent about what is quiet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.model import Fact, FactKind, Source
from triage.model import Measured
from triage.sweep import hot_window, nominate


@pytest.mark.parametrize(
    "last",
    [
        {"loss_pct": [100.0] * 2},
        {"loss_pct": [5.0] * 3},
        {"rtt_ms": [30.0] * 3},
        {"jitter_ms": [8.0] * 3},
        {"oper_up": [0.0]},
        {"flaps": [2.0]},
        {"rx_bps": [95e6] * 3},
        {"rx_bps": [0.5e6] * 3},
    ],
)
def test_whatever_looks_worse_than_the_rest_of_the_hour_is_nominated(series, link, policy, now, last):
    measured = [Measured(link("wan1"), [series("wan1", last=last)]), Measured(link("wan2"), [series("wan2")])]
    assert nominate(measured, policy, now) == ("wan1",)


def test_a_quiet_fleet_nominates_nobody(series, link, policy, now):
    assert nominate([Measured(link(f"wan{n}"), [series(f"wan{n}")]) for n in range(5)], policy, now) == ()


def test_a_line_over_an_absolute_limit_all_the_hour_is_nominated(series, link, policy, now):
    far = Measured(link(), [series(fields={"rtt_ms": 150.0})])
    assert nominate([far], policy, now) == ("wan1",)


def test_nothing_measured_nominates_nothing(series, link, policy, now):
    assert nominate([], policy, now) == ()
    assert nominate([Measured(link(), [])], policy, now) == ()
    assert nominate([Measured(link(), [series(missing=range(-40, 0))])], policy, now) == ()


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (FactKind.LINK_STATE, "disconnected", True),
        (FactKind.LINK_STATE, "stable", False),
        (FactKind.EDGE_STATE, "offline", True),
        (FactKind.POLL_OUTCOME, "ok", False),
    ],
)
def test_the_newest_word_of_a_source_counts(series, link, policy, now, kind, value, wanted):
    older = Fact(now - timedelta(minutes=30), "wan1", kind, "initial", Source.ORCHESTRATOR, now)
    fact = Fact(now - timedelta(minutes=5), "wan1", kind, value, Source.ORCHESTRATOR, now)
    assert bool(nominate([Measured(link(), [series()], [fact, older])], policy, now)) is wanted


def test_a_five_minute_sample_fills_its_five_minutes_and_its_flaps_count_once(series, link, policy, now):
    hot = hot_window([Measured(link(), [series(last={"flaps": [1.0, 0.0]})])], policy, now)
    assert hot.fields["rtt_ms"].shape == (1, 60)
    assert (hot.fields["rtt_ms"] == 20.0).all()
    assert hot.fields["flaps"].sum() == 1.0
