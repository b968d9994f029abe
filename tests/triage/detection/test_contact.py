"""Statements about contact: what a source says about a device or link, against what others measure."""

from __future__ import annotations

from datetime import timedelta

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
