"""Statements about contact: what a source says about a device or link, against what others measure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.model import Fact, FactKind, Source
from collector.store.hot_facts import HotFacts
from config.clock import epoch_ms
from inventory.model import LinkRole
from triage.judge import judge
from triage.model import Cause, Measured, Scope, Severity, UnfitReason, VerdictKind
from triage.sweep_facts import KINDS, MOMENTS, notable, said_to_ail


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


def states(now, value, *minutes, subject="wan1", kind=FactKind.LINK_STATE):
    return [
        Fact(at, subject, kind, value, Source.ORCHESTRATOR, at) for at in (now - timedelta(minutes=m) for m in minutes)
    ]


@pytest.mark.parametrize("state", ["standby", "quiet", "initial", "unknown", "SOMETHING_NEW", "stable", "unstable"])
def test_no_other_state_of_a_line_than_disconnected_is_down(picture, link, policy, now, state):
    seen = Measured(link(role=LinkRole.SECONDARY), [], states(now, state, 60, 40, 20, 5))
    assert judge(None, picture(seen), policy, now).cause is Cause.NO_DATA


@pytest.mark.parametrize("state", ["unknown", "degraded", "never_activated", "disabled", "SOMETHING_NEW", "connected"])
def test_no_other_state_of_an_edge_than_offline_is_lost_contact(picture, series, link, policy, now, state):
    said = states(now, state, 60, 40, 20, 5, subject="cpe-1", kind=FactKind.EDGE_STATE)
    told = judge(None, picture(Measured(link(), [series()]), device_facts=said), policy, now)
    assert told.verdict is VerdictKind.NOT_SUBSTANTIATED


def test_an_edge_and_a_line_that_a_complete_answer_left_out_are_unknown(claim, picture, link, policy, now):
    """The collector tells what an orchestrator did not mention as `unknown`."""
    silent = Measured(link(), [], states(now, "unknown", 60, 40, 20, 5))
    said = states(now, "unknown", 60, 40, 20, 5, subject="cpe-1", kind=FactKind.EDGE_STATE)
    told = judge(claim(60), picture(silent, device_facts=said), policy, now)
    assert (told.verdict, told.cause) == (VerdictKind.INCONCLUSIVE, Cause.NO_DATA)


def test_a_leftover_that_an_orchestrator_still_lists_is_no_line_that_is_down(picture, series, link, policy, now):
    """Last active ten months ago: the collector tells its state as `unknown`, for whoever compares by age."""
    leftover = states(now, "unknown", 60, 5)
    seen = Measured(link(), [series()])
    backup = Measured(
        link("wan2", LinkRole.SECONDARY, carrier="B"), [], [replace(one, subject="wan2") for one in leftover]
    )
    told = judge(None, picture(seen, backup), policy, now)
    assert told.verdict is VerdictKind.NOT_SUBSTANTIATED
    assert [(option.fit, option.reason) for option in told.options] == [(False, UnfitReason.NO_DATA)]


def test_a_dead_line_whose_figures_read_as_perfect_is_down(claim, picture, series, link, policy, now):
    # The orchestrator calls it disconnected, and shows 0 ms and 0 % of it.
    zeros = {"latency_rx_ms": 0.0, "latency_tx_ms": 0.0, "loss_rx_pct": 0.0, "loss_tx_pct": 0.0}
    perfect = series(fields=zeros, source=Source.ORCHESTRATOR)
    dead = Measured(link(), [perfect], states(now, "disconnected", 30, 20, 10))
    told = judge(claim(30), picture(dead), policy, now)
    assert (told.verdict, told.cause) == (VerdictKind.CONFIRMED, Cause.LINK_DOWN)
    backup = Measured(
        link("wan2", LinkRole.SECONDARY, carrier="B"),
        [series("wan2", fields=zeros, source=Source.ORCHESTRATOR)],
        [replace(one, subject="wan2") for one in dead.facts],
    )
    beside = judge(claim(30), picture(Measured(link(), [series()]), backup), policy, now)
    assert [(option.fit, option.reason) for option in beside.options] == [(False, UnfitReason.DOWN)]


@pytest.mark.parametrize(("unknown_for", "down"), [(60, True), (61, False)])
def test_an_outage_of_which_nobody_knows_any_more_is_not_over_at_once(picture, link, policy, now, unknown_for, down):
    # Its edge is out of contact too by now, so that the orchestrator's word for the line is none.
    said = [*states(now, "disconnected", 90, 80, 70), *states(now, "unknown", *range(unknown_for, 0, -5))]
    told = judge(None, picture(Measured(link(), [], said)), policy, now)
    assert (told.cause is Cause.LINK_DOWN) is down


@pytest.mark.parametrize(("silent", "down"), [(60, True), (61, False)])
def test_what_was_said_an_hour_ago_and_never_since_is_not_known_now(picture, link, policy, now, silent, down):
    # States are told again every five minutes; the last was so long ago.
    said = states(now, "disconnected", silent + 10, silent + 5, silent)
    told = judge(None, picture(Measured(link(), [], said)), policy, now)
    assert (told.cause is Cause.LINK_DOWN) is down


def test_two_sources_have_to_agree_that_a_site_is_down(picture, link, policy, now, claim):
    offline_edge = states(now, "offline", 30, 20, 10, subject="cpe-1", kind=FactKind.EDGE_STATE)
    silent = [
        Fact(now - timedelta(minutes=m), "cpe-1", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, now) for m in (30, 20)
    ]
    dark = Measured(link(), [])
    assert judge(claim(30), picture(dark, device_facts=offline_edge), policy, now).cause is Cause.NO_DATA
    both = judge(claim(30), picture(dark, device_facts=[*offline_edge, *silent]), policy, now)
    assert (both.cause, both.scope, both.severity) == (Cause.SITE_DOWN, Scope.SITE, Severity.CRITICAL)


def test_an_outage_is_told_at_a_line_of_the_device_itself(picture, series, link, policy, now):
    said = states(now, "offline", 30, 20, 10, subject="cpe-1", kind=FactKind.EDGE_STATE)
    lines = [Measured(link(), [series()]), Measured(link("wan2", device="cpe-1"), [series("wan2")])]
    assert judge(None, picture(*lines, device_facts=said), policy, now).link == "wan2"


@pytest.mark.parametrize(
    ("next_word", "minutes", "wanted"),
    [("stable", 19, True), ("stable", 20, False), ("unknown", 60, True), ("unknown", 80, False)],
)
def test_a_line_of_which_nobody_knows_any_more_is_looked_at_for_longer(policy, now, next_word, minutes, wanted):
    """As the judge holds an outage to go on for an hour of not knowing."""
    hot = HotFacts(["wan1"], KINDS, notable, MOMENTS)
    hot.take_in(
        [*states(now, "disconnected", minutes + 15, minutes + 10, minutes + 5), *states(now, next_word, minutes)]
    )
    assert said_to_ail(hot, lambda _: policy, epoch_ms(now)) == ({"wan1"} if wanted else set())
