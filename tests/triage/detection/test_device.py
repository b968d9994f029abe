"""Statements about what devices say of themselves, and what a client can feel of it. Now is noon."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.model import Fact, FactKind, Source
from inventory.model import LinkRole
from triage.judge import judge
from triage.model import Cause, Measured, Scope, Severity, VerdictKind
from triage.recompute import recompute_from_facts


@pytest.fixture
def told(now):
    def make(kind: FactKind, value: str, *minutes: float, subject: str = "cpe-1") -> list[Fact]:
        times = [now - timedelta(minutes=minute) for minute in minutes]
        return [Fact(at, subject, kind, value, Source.ORCHESTRATOR, at) for at in times]

    return make


@pytest.fixture
def verdict(picture, series, link, policy, now):
    def look(facts, asked=None, links=None):
        lines = links or [Measured(link(), [series()])]
        return judge(asked, picture(*lines, device_facts=facts), policy, now)

    return look


@pytest.mark.parametrize("word", ["EDGE_REBOOTING", "EDGE_SERVICE_FAILED", "system-reboot-issued"])
def test_a_device_that_says_that_it_restarts_is_the_cause_of_a_short_trouble(verdict, told, claim, word):
    restarting = verdict(told(FactKind.EVENT, word, 50), claim(60))
    assert (restarting.verdict, restarting.cause, restarting.severity, restarting.scope) == (
        VerdictKind.RECOVERED, Cause.DEVICE, Severity.MINOR, Scope.SITE,
    )  # fmt: skip


def test_a_device_short_of_memory_is_named_when_no_line_ails(verdict, told, claim, series, link):
    warned = told(FactKind.EVENT, "EDGE_MEMORY_USAGE_WARNING", 40)
    assert verdict(warned, claim(60)).cause is Cause.DEVICE
    slow = verdict(warned, claim(60), [Measured(link(), [series(last={"rtt_ms": [80.0] * 12})])])
    assert slow.cause is Cause.LATENCY
    assert Cause.DEVICE in {finding.cause for finding in (*slow.findings, *slow.side_findings)}


def test_a_device_that_fails_again_and_again_is_told_once(verdict, told, claim):
    # Eight, 28 and 49 minutes ago: the first two belong together, the third is 21 minutes older.
    failing = told(FactKind.EVENT, "EDGE_SERVICE_FAILED", 49, 28, 8)
    seen = verdict(failing, claim(60))
    findings = [*seen.findings, *seen.side_findings]
    assert sorted(finding.value for finding in findings) == [1.0, 2.0]
    for finding in findings:
        assert recompute_from_facts(finding, failing, ["cpe-1"]) == finding.value


def test_other_words_of_a_device_are_no_finding(verdict, told, claim):
    said = [*told(FactKind.EVENT, "EDGE_NEW_FASHION", 40), *told(FactKind.EVENT, "HA_READY", 30)]
    assert verdict(said, claim(60)).verdict is VerdictKind.NOT_SUBSTANTIATED


def test_a_pair_that_lost_its_standby_is_one_minor_finding(verdict, told, series, link, claim):
    both = [Measured(link(device="cpe-1"), [series()]),
            Measured(link("wan2", LinkRole.SECONDARY, device="cpe-1", carrier="B"), [series("wan2")])]  # fmt: skip
    lost = told(FactKind.HA_STATE, "failed", 30, 25, 20, 15, 10, 5)
    alone = verdict(lost, links=both)
    assert (alone.verdict, alone.cause, alone.severity) == (VerdictKind.CONFIRMED, Cause.DEVICE, Severity.MINOR)
    (finding,) = alone.findings
    assert (finding.metric, finding.value) == ("fact:ha_state", 6.0)
    assert recompute_from_facts(finding, lost, ["cpe-1"]) == 6.0
    # A client feels nothing of it.
    told_apart = verdict(lost, claim(60), both)
    assert told_apart.verdict is VerdictKind.NOT_SUBSTANTIATED
    assert [one.metric for one in told_apart.side_findings] == ["fact:ha_state"]


@pytest.mark.parametrize("state", ["ready", "unconfigured", "pending", "unknown", "SOMETHING_NEW"])
def test_any_other_state_of_a_pair_is_no_fault(verdict, told, state):
    assert verdict(told(FactKind.HA_STATE, state, 30, 20, 10)).verdict is VerdictKind.NOT_SUBSTANTIATED


@pytest.mark.parametrize(("minutes", "cause"), [(2.0, Cause.DEVICE), (1.98, Cause.NONE)])
def test_a_lost_standby_is_believed_after_the_minimum(verdict, told, minutes, cause):
    assert verdict(told(FactKind.HA_STATE, "failed", minutes)).cause is cause


def test_contact_with_a_pair_that_is_lost_is_exactly_one_finding(verdict, told):
    # Both units out of contact: the orchestrator's word for the pair is worth nothing from then on.
    said = [
        *told(FactKind.HA_STATE, "ready", 60), *told(FactKind.HA_STATE, "unknown", 30, 20, 10),
        *told(FactKind.EDGE_STATE, "offline", 30, 20, 10),
    ]  # fmt: skip
    lost = verdict(said)
    assert [finding.cause for finding in (*lost.findings, *lost.side_findings)] == [Cause.MANAGEMENT_LOST]


def test_a_standby_is_not_said_to_be_lost_once_nobody_can_tell(verdict, told):
    # Lost until half an hour ago, when contact with the whole pair was lost: the one thing to say of now.
    said = [
        *told(FactKind.HA_STATE, "failed", 60, 50, 40), *told(FactKind.HA_STATE, "unknown", 30, 20, 10),
        *told(FactKind.EDGE_STATE, "offline", 30, 20, 10),
    ]  # fmt: skip
    lost = verdict(said)
    assert [finding.cause for finding in lost.findings] == [Cause.MANAGEMENT_LOST]


def test_a_gateway_or_controller_that_is_down_is_not_the_sites(verdict, told, claim):
    down = told(FactKind.PART_STATE, "down", 30, 20, 10, subject="vco-1/gateway-1")
    assert verdict(down).verdict is VerdictKind.NOT_SUBSTANTIATED
    assert verdict(down, claim(60)).side_findings == ()
