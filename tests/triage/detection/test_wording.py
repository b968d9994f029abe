"""Statements about what people read: words instead of field names, scaled units, the time of the site."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from collector.model import FIELDS, Cadence, Fact, FactKind, Source
from inventory.model import Client, LinkRole, Site
from triage.judge import check_claim, judge
from triage.model import Cause, Measured, VerdictKind
from triage.ticket_wording import finding_sentence

LOST = {"loss_rx_pct": [0.0, 20.0] * 6}
NEW_YORK = Site(id="store-1", client="acme", timezone="America/New_York")
CODE = re.compile(rf"\b({'|'.join(name for name in FIELDS if '_' in name)}|\d{{4}}-\d\d-\d\dT\S+|link_state|e\+\d+)\b")
"""Field names, RFC 3339 times and powers of ten: nothing that a person should have to read."""


@pytest.fixture
def eastern(picture):
    def make(*links, **changes):
        return replace(picture(*links, **changes), site=NEW_YORK, client=Client(id="acme", name="Acme"))

    return make


def test_a_loss_is_told_as_a_person_would(claim, eastern, series, link, policy, now):
    lossy = series(fields={"loss_rx_pct": 0.0}, last={"loss_rx_pct": [17.1] * 12}, source=Source.ORCHESTRATOR)
    verdict = judge(claim(60), eastern(Measured(link(), [lossy])), policy, now)
    # Noon UTC is seven in the morning in New York; the loss began an hour before.
    assert verdict.reason == (
        "packet loss (download) of 17.1 % on average on wan1 since 06:00 EST; ordinarily 0.0 %, a fault from 2 %"
    )


def test_a_full_line_is_told_in_megabits(claim, eastern, series, link, policy, now):
    full = series(last={"rx_bps": [95e6] * 12, "rtt_ms": [80.0] * 12})
    verdict = judge(claim(60), eastern(Measured(link(), [full])), policy, now)
    assert verdict.reason == (
        "the client's own traffic fills the line on wan1 since 06:00 EST: download rate of 95 Mbit/s typically; "
        "a fault from 90 Mbit/s"
    )


def test_what_is_over_says_until_when_and_a_carriers_fault_who_else(claim, eastern, series, link, policy, now):
    ended = {"loss_pct": [10.0] * 6 + [0.0] * 6}
    peers = [Measured(link(f"p{n}", site=f"site-{n}"), [series(f"p{n}", last=ended)]) for n in range(2)]
    verdict = judge(claim(60), eastern(Measured(link(), [series(last=ended)]), peers=peers), policy, now)
    assert verdict.verdict is VerdictKind.RECOVERED
    assert verdict.reason.startswith("it is over: packet loss of 10.0 % on average on wan1 since 06:00 EST until 06:30")
    assert verdict.reason.endswith("; 2 of 2 other sites of the carrier have it too")


def test_another_day_is_named(claim, eastern, series, link, policy, now):
    lossy = series(last={"loss_pct": [10.0] * 96})
    verdict = judge(claim(480), eastern(Measured(link(), [lossy])), policy, now)
    assert "since 2026-03-02 23:00 EST" in verdict.reason


def test_a_runner_up_that_the_first_line_causes_says_so(claim, eastern, series, link, policy, now):
    flapping = series(fields={"rx_bps": 5e6, "flaps": 0.0}, last={"flaps": [2.0] * 12})
    full = series("wan2", fields={"rx_bps": 1e5, "rtt_ms": 30.0}, last={"rx_bps": [95e6] * 12, "rtt_ms": [300.0] * 12})
    backup = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [full])
    verdict = judge(claim(60), eastern(Measured(link(), [flapping]), backup), policy, now)
    assert verdict.runner_up is not None
    assert verdict.runner_up.why_not == (
        "download rate of 95 Mbit/s typically on wan2 follows from line going up and down on wan1, "
        "whose traffic moves there"
    )


@pytest.mark.parametrize(
    "last",
    [
        {"loss_pct": [10.0] * 12, "rtt_ms": [40.0] * 12},
        {"loss_pct": [100.0] * 6, "rtt_ms": [200.0] * 12},
        {"rtt_ms": [300.0] * 12, "jitter_ms": [90.0] * 12},
        {"rx_bps": [1e5] * 12},
        {"rx_bps": [95e6] * 12, "rtt_ms": [80.0] * 12},
        {"oper_up": [0.0] * 6},
        {"flaps": [2.0] * 6},
        {},
    ],
)
@pytest.mark.parametrize("always", [False, True])
def test_nobody_reads_field_names_or_rfc_3339(claim, eastern, series, link, policy, now, last, always):
    said = [
        Fact(now - timedelta(minutes=m), "cpe-1", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, now) for m in (50, 45)
    ]
    stated = [Fact(now - timedelta(minutes=9), "wan1", FactKind.LINK_STATE, "disconnected", Source.ORCHESTRATOR, now)]
    fields = {"rtt_ms": 300.0, "loss_pct": 20.0} if always else None
    seen = eastern(Measured(link(), [series(last=last, fields=fields)], stated), device_facts=said)
    for asked in (claim(60), None):
        verdict = judge(asked, seen, policy, now)
        told = [verdict.reason, *([verdict.runner_up.why_not] if verdict.runner_up else [])]
        told += [finding.rule for finding in (*verdict.findings, *verdict.side_findings)]
        told += [finding_sentence(finding) for finding in (*verdict.findings, *verdict.side_findings)]
        assert [CODE.findall(text) for text in told] == [[]] * len(told)


def test_what_has_yet_to_arrive_is_told_with_the_local_time_of_the_next_look(claim, eastern, series, link, policy, now):
    late = series(fields={"rtt_ms": 20.0}, missing=range(-3, 0), source=Source.ORCHESTRATOR)
    seen = eastern(Measured(link(), [late]), cadences={Source.ORCHESTRATOR: Cadence(every=300, late=1200)})
    verdict = judge(claim(30), seen, policy, now)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.INCONCLUSIVE, Cause.NO_DATA)
    assert verdict.reason == "3 samples have yet to arrive; they are due by 07:20 EST"


def test_a_refused_claim_is_told_in_the_sites_time(claim, policy, now):
    refusal = check_claim(claim(-1), policy, now, NEW_YORK.zone)
    assert refusal is not None
    assert refusal.message == (
        "the trouble at store-1 is said to begin at 07:01 EST, which is after now (07:00 EST); ask again since when"
    )


def test_what_devices_and_events_say_is_told_in_words(claim, eastern, series, link, policy, now):
    times = [now - timedelta(minutes=minute) for minute in (50, 45, 40, 35, 30)]
    words = [
        (FactKind.EVENT, "EDGE_REBOOTING"), (FactKind.EVENT, "EDGE_MEMORY_USAGE_WARNING"), (FactKind.REBOOT, "60"),
        (FactKind.HA_STATE, "failed"), (FactKind.EDGE_STATE, "offline"),
    ]  # fmt: skip
    said = [Fact(at, "cpe-1", kind, word, Source.ORCHESTRATOR, at) for at in times for kind, word in words]
    events = [Fact(at, "wan1", FactKind.EVENT, "LINK_DEAD", Source.ORCHESTRATOR, at) for at in times]
    seen = eastern(Measured(link(), [series()], events), device_facts=said)
    for asked in (claim(60), None):
        verdict = judge(asked, seen, policy, now)
        findings = (*verdict.findings, *verdict.side_findings)
        assert len({finding.metric for finding in findings}) == 6
        told = [verdict.reason, *map(finding_sentence, findings), *(finding.rule for finding in findings)]
        told += [verdict.runner_up.why_not] if verdict.runner_up else []
        assert [text for text in told if re.search(r"[A-Z]{3,}_[A-Z]+|[a-z]_[a-z]|fact:", text)] == []
