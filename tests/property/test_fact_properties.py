"""What holds for whatever sources say: figures can be computed again from the facts, in whatever order these come, and
what the judge confirms of a line's changing state is looked at."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model import Cadence, Fact, FactKind, Series, Source
from collector.store.hot_facts import HotFacts
from config.clock import epoch_ms
from inventory.model import Client, Device, DeviceRole, Link, Site
from triage.judge import judge
from triage.model import Cause, Claim, Measured, Picture, VerdictKind
from triage.policy_files import load_policy
from triage.recompute import FACTS, recompute, recompute_from_facts
from triage.sweep_facts import KINDS, MOMENTS, notable, said_to_ail

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
POLICY = load_policy()
SITE, CLIENT = Site(id="store-1", client="acme"), Client(id="acme", name="Acme")
LINK, DEVICE = (
    Link(id="wan1", site="store-1", device="cpe-1"),
    Device(id="cpe-1", site="store-1", role=DeviceRole.SDWAN_EDGE),
)
WORDS = {
    ("wan1", FactKind.LINK_STATE): ["stable", "unstable", "disconnected", "unknown", "standby", "quiet"],
    ("wan1", FactKind.EVENT): [
        "LINK_DEAD",
        "LINK_ALIVE",
        "EDGE_INTERFACE_DOWN",
        "EDGE_INTERFACE_UP",
        "BW_UNMEASURABLE",
    ],
    ("cpe-1", FactKind.EDGE_STATE): ["connected", "offline", "unknown", "degraded"],
    ("cpe-1", FactKind.HA_STATE): ["ready", "failed", "unknown"],
    ("cpe-1", FactKind.POLL_OUTCOME): ["ok", "timeout"],
    ("cpe-1", FactKind.EVENT): ["EDGE_REBOOTING", "EDGE_SERVICE_FAILED", "EDGE_MEMORY_USAGE_WARNING", "EDGE_UP"],
    ("cpe-1", FactKind.REBOOT): ["60"],
}


@st.composite
def facts(draw):
    """Up to forty facts of the last three hours by two sources; each but once."""
    made = {}
    for subject, kind in draw(st.lists(st.sampled_from(sorted(WORDS)), max_size=3, unique=True)):
        for source in draw(st.sets(st.sampled_from([Source.ORCHESTRATOR, Source.SNMP]), min_size=1)):
            for minute in draw(st.lists(st.integers(1, 180), max_size=14, unique=True)):
                at = NOW - timedelta(minutes=minute)
                value = draw(st.sampled_from(WORDS[subject, kind]))
                made[at, subject, kind, source] = Fact(at, subject, kind, value, source, at)
    return sorted(made.values())


@st.composite
def ports(draw):
    """A port polled each minute that may go up and down, and may count it."""
    rows = 180
    states = np.array(draw(st.lists(st.sampled_from([1.0, 1.0, 1.0, 0.0, np.nan]), min_size=rows, max_size=rows)))
    time = epoch_ms(NOW) - 60_000 * np.arange(rows, 0, -1)
    return Series("wan1", Source.SNMP, time, np.full(rows, 60, np.int32), time + 1000, {"oper_up": states})


def picture(said, series=()):
    own = [fact for fact in said if fact.subject == "wan1"]
    return Picture(
        site=SITE, client=CLIENT, devices=[DEVICE], links=[Measured(LINK, list(series), own)],
        device_facts=[fact for fact in said if fact.subject == "cpe-1"],
        cadences={Source.SNMP: Cadence(every=60, late=0)},
    )  # fmt: skip


CLAIM = Claim(site="store-1", client="acme", since=NOW - timedelta(minutes=60), reported_at=NOW)


@settings(deadline=None)
@given(facts(), st.booleans())
def test_every_figure_can_be_computed_again_from_the_facts_it_counts(said, claimed):
    verdict = judge(CLAIM if claimed else None, picture(said), POLICY, NOW)
    for finding in (*verdict.findings, *verdict.side_findings):
        assert finding.metric.startswith(FACTS)
        assert recompute_from_facts(finding, said, ["wan1", "cpe-1"]) == finding.value >= finding.threshold


@settings(deadline=None)
@given(ports())
def test_every_count_of_a_ports_changes_can_be_computed_again(series):
    verdict = judge(None, picture([], [series]), POLICY, NOW)
    for finding in (*verdict.findings, *verdict.side_findings):
        again = recompute(finding, series, epoch_ms(NOW))
        assert again == finding.value
        assert finding.cause is not Cause.INSTABILITY or finding.value >= finding.threshold


@settings(deadline=None)
@given(facts(), st.randoms(use_true_random=False))
def test_the_order_in_which_facts_come_changes_nothing(said, order: random.Random):
    shuffled = list(said)
    order.shuffle(shuffled)
    assert judge(CLAIM, picture(shuffled), POLICY, NOW) == judge(CLAIM, picture(said), POLICY, NOW)


@settings(deadline=None)
@given(facts())
def test_whatever_is_confirmed_of_what_sources_say_of_now_is_looked_at(said):
    """But restarts and warnings, which are no trouble that a line or device is in."""
    verdict = judge(None, picture(said), POLICY, NOW)
    hot = HotFacts(["wan1", "cpe-1"], KINDS, notable, MOMENTS)
    hot.take_in(said)
    momentary = verdict.cause is Cause.DEVICE and all(one.metric != "fact:ha_state" for one in verdict.findings)
    if verdict.verdict is VerdictKind.CONFIRMED and not momentary:
        assert said_to_ail(hot, lambda _: POLICY, epoch_ms(NOW))
