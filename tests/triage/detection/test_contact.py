"""Statements about contact: what a source says about a device or link, against what others measure."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.model import Fact, FactKind, Source
from triage.judge import judge
from triage.model import Cause, Measured, Severity, VerdictKind


def test_a_failed_poll_is_never_read_as_link_down(claim, picture, series, link, policy, now):
    silent = [
        Fact(now - timedelta(minutes=m), "cpe-1", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, now)
        for m in range(60, 0, -5)
    ]
    healthy = picture(Measured(link(), [series()]), device_facts=silent)
    verdict = judge(claim(60), healthy, policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED
    assert [finding.cause for finding in verdict.side_findings] == [Cause.MANAGEMENT_LOST]
    swept = judge(None, healthy, policy, now)
    assert (swept.verdict, swept.cause, swept.severity) == (
        VerdictKind.CONFIRMED, Cause.MANAGEMENT_LOST, Severity.MINOR,
    )  # fmt: skip


SNMP_AT_NIGHT = {"rx_bps": 0.0, "tx_bps": 0.0, "oper_up": 1.0}


def offline(now, minutes, source=Source.ORCHESTRATOR):
    return Fact(now - timedelta(minutes=minutes), "cpe-1", FactKind.EDGE_STATE, "offline", source, now)


@pytest.mark.parametrize(
    ("source", "fields", "words"),
    [
        (Source.SNMP, {"rx_bps": 4e6, "tx_bps": 1e6, "oper_up": 1.0}, "SNMP"),
        (Source.SNMP, SNMP_AT_NIGHT, "SNMP"),
        (Source.PROBE, {"loss_pct": 0.0, "rtt_ms": 20.0}, "probe"),
    ],
)
def test_an_edge_offline_at_its_orchestrator_that_others_still_see_lost_management_only(
    picture, series, link, policy, now, source, fields, words
):
    seen = Measured(link(), [series(source=source, fields=fields)])
    verdict = judge(None, picture(seen, device_facts=[offline(now, 30)]), policy, now)
    assert (verdict.verdict, verdict.cause, verdict.severity) == (
        VerdictKind.CONFIRMED, Cause.MANAGEMENT_LOST, Severity.MINOR,
    )  # fmt: skip
    (finding,) = verdict.findings
    assert finding.source is Source.ORCHESTRATOR
    assert "reported offline" in finding.rule
    assert words in finding.rule
    assert "still saw it alive" in finding.rule


def test_a_source_that_fell_silent_soon_after_does_not_prove_that_the_device_lives(picture, series, link, policy, now):
    # The edge went offline half an hour ago; the other source's last sample is five minutes younger.
    gone = series(missing=[-5, -4, -3, -2, -1])
    verdict = judge(None, picture(Measured(link(), [gone]), device_facts=[offline(now, 30)]), policy, now)
    assert verdict.cause is not Cause.MANAGEMENT_LOST
    stayed = picture(Measured(link(), [series()]), device_facts=[offline(now, 30)])
    assert judge(None, stayed, policy, now).cause is Cause.MANAGEMENT_LOST


def test_statistics_that_come_late_prove_life_up_to_their_newest(picture, series, link, policy, now):
    # SNMP has been silent for 30 minutes; the orchestrator's figures of the last 15 are still on their way.
    silent = [
        Fact(now - timedelta(minutes=minutes), "cpe-1", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, now)
        for minutes in range(30, 0, -5)
    ]
    fields = {"rx_bps": 4e6, "tx_bps": 1e6, "loss_rx_pct": 0.0}
    late = series(source=Source.ORCHESTRATOR, fields=fields, missing=[-3, -2, -1])
    verdict = judge(None, picture(Measured(link(), [late]), device_facts=silent), policy, now)
    assert verdict.cause is Cause.MANAGEMENT_LOST


def test_contact_lost_by_one_source_and_seen_by_none_proves_nothing(picture, link, policy, now, claim):
    silent = [
        Fact(now - timedelta(minutes=minutes), "cpe-1", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, now)
        for minutes in (30, 29)
    ]
    blind = picture(Measured(link(), []), device_facts=silent)
    assert judge(claim(60), blind, policy, now).verdict is VerdictKind.INCONCLUSIVE
    both = [
        *silent,
        Fact(now - timedelta(minutes=30), "cpe-1", FactKind.EDGE_STATE, "offline", Source.ORCHESTRATOR, now),
    ]
    verdict = judge(claim(60), picture(Measured(link(), []), device_facts=both), policy, now)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.CONFIRMED, Cause.SITE_DOWN)


def test_an_orchestrators_disconnected_is_believed_after_the_minimum(claim, picture, link, policy, now):
    def said(seconds):
        fact = Fact(
            now - timedelta(seconds=seconds), "wan1", FactKind.LINK_STATE, "disconnected", Source.ORCHESTRATOR, now
        )
        return judge(claim(5), picture(Measured(link(), [], [fact])), policy, now).cause

    assert said(120) is Cause.LINK_DOWN
    assert said(119) is Cause.NO_DATA


def test_a_disconnected_that_the_probe_contradicts_is_only_the_tunnel(claim, picture, series, link, policy, now):
    fact = Fact(now - timedelta(minutes=30), "wan1", FactKind.LINK_STATE, "disconnected", Source.ORCHESTRATOR, now)
    verdict = judge(claim(30), picture(Measured(link(), [series()], [fact])), policy, now)
    assert verdict.cause is not Cause.LINK_DOWN


def test_a_restart_around_the_claimed_time_is_the_device(claim, picture, series, link, policy, now):
    restart = Fact(now - timedelta(minutes=50), "cpe-1", FactKind.REBOOT, "120", Source.SNMP, now)
    verdict = judge(claim(60), picture(Measured(link(), [series()]), device_facts=[restart]), policy, now)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.RECOVERED, Cause.DEVICE)
