"""A line that is absent or down is never healthy, whatever else is said of it: it is no relief, and nobody is told that
the service was as good as ever."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model import Cadence, Fact, FactKind, Series, Source
from config.clock import epoch_ms
from inventory.model import Client, Link, LinkRole, Site
from triage.judge import judge
from triage.model import Claim, Measured, Picture, VerdictKind
from triage.policy_files import load_policy

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
POLICY = load_policy()
ROWS = 300
STEP = 300
SITE, CLIENT = Site(id="store-1", client="acme"), Client(id="acme", name="Acme")
PERFECT = {
    Source.PROBE: {"rtt_ms": 20.0, "jitter_ms": 1.0, "loss_pct": 0.0},
    Source.SNMP: {"rx_bps": 5e6, "tx_bps": 1e6, "oper_up": 1.0, "flaps": 0.0},
    Source.ORCHESTRATOR: {
        "latency_rx_ms": 0.0, "latency_tx_ms": 0.0, "loss_rx_pct": 0.0, "loss_tx_pct": 0.0, "rx_bps": 0.0,
        "rx_capacity_bps": 1e8,
    },
}  # fmt: skip


def line(name: str, source: Source, gone: int, **last: float) -> Series:
    """A perfect line whose last `gone` rows have these values; rows are left out where there are none."""
    rows = ROWS if last else ROWS - gone
    time = epoch_ms(NOW) - STEP * 1000 * np.arange(ROWS, 0, -1)[:rows]
    fields = {field: np.full(rows, value) for field, value in PERFECT[source].items()}
    for field in fields if last else ():
        fields[field][ROWS - gone :] = last.get(field, math.nan)
    return Series(name, source, time, np.full(rows, STEP, np.int32), time + STEP * 1000, fields)


@st.composite
def unwell(draw, name: str) -> Measured:
    """A line that for at least the last half hour was down by one word, or by none at all, beside perfect old news and
    an orchestrator's zeros."""
    gone = draw(st.integers(6, 60))
    said = [NOW - timedelta(minutes=minute) for minute in range(gone * 5, 0, -5)]
    state = draw(st.sampled_from(["disconnected", "unknown", "dark", "port"]))
    word = {"dark": "disconnected", "port": "disconnected"}.get(state, state)
    facts = [Fact(at, name, FactKind.LINK_STATE, word, Source.ORCHESTRATOR, at) for at in said]
    probe = line(name, Source.PROBE, gone, **({"loss_pct": 100.0} if state in ("dark", "disconnected") else {}))
    polled = line(name, Source.SNMP, gone, **({"oper_up": 0.0, "rx_bps": 0.0} if state == "port" else {}))
    zeros = line(name, Source.ORCHESTRATOR, 0 if state == "disconnected" else gone)
    series = draw(st.lists(st.sampled_from([probe, polled, zeros]), unique_by=id))
    told = draw(st.sampled_from([facts, facts[-3:]])) if state != "unknown" or draw(st.booleans()) else []
    if state == "dark" and draw(st.booleans()):
        series, told = [probe, *(one for one in series if one is not probe)], []
    if state == "port" and draw(st.booleans()):
        series, told = [polled, *(one for one in series if one is not polled)], []
    return Measured(link(name), series, told)


def link(name: str) -> Link:
    role = LinkRole.PRIMARY if name == "wan1" else LinkRole.SECONDARY
    return Link(id=name, site="store-1", role=role, carrier=name, committed_down_bps=1e8, committed_up_bps=1e8)


def picture(*links: Measured) -> Picture:
    cadences = {source: Cadence(every=STEP, late=0) for source in PERFECT}
    return Picture(site=SITE, client=CLIENT, devices=(), links=links, cadences=cadences)


def well(name: str) -> Measured:
    return Measured(link(name), [line(name, Source.PROBE, 0), line(name, Source.SNMP, 0)])


CLAIM = Claim(site="store-1", client="acme", since=NOW - timedelta(minutes=30), reported_at=NOW)


@settings(deadline=None)
@given(unwell("wan2"), st.booleans(), st.booleans())
def test_it_is_never_a_relief(second, claimed, slow):
    first = well("wan1")
    if slow:
        lossy = replace(first.series[0], fields={**first.series[0].fields, "loss_pct": np.full(ROWS, 20.0)})
        first = Measured(first.link, [lossy, first.series[1]])
    verdict = judge(CLAIM if claimed else None, picture(first, second), POLICY, NOW)
    assert verdict.secondary_fit is False
    # A lost standby is a trouble of its own, and nothing is to be moved off it.
    assert not any(option.fit for option in verdict.options)


@settings(deadline=None)
@given(unwell("wan1"), st.booleans())
def test_nobody_is_told_that_its_service_was_as_good_as_ever(first, beside):
    seen = picture(first, *([well("wan2")] if beside else []))
    verdict = judge(CLAIM, seen, POLICY, NOW)
    assert verdict.verdict is not VerdictKind.NOT_SUBSTANTIATED, (verdict.cause, verdict.reason, verdict.coverage)
