"""A second line that is down while it carries nothing: for us to repair, and no answer to who calls the site slow."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.model import Fact, FactKind, Source
from inventory.model import Access, LinkRole
from triage.judge import judge
from triage.model import Cause, Measured, Severity, VerdictKind


@pytest.fixture
def site(picture, series, link, now):
    """A healthy first line, and an LTE line without traffic whose source said these states, minutes before noon."""

    def make(*said, **last):
        facts = [
            Fact(now - timedelta(minutes=ago), "lte", FactKind.LINK_STATE, state, Source.ORCHESTRATOR, now)
            for ago, state in said
        ]
        measured = [series("lte", last=last, fields={"loss_pct": 0.0, "oper_up": 1.0})] if last else []
        lte = link("lte", LinkRole.SECONDARY, access=Access.LTE, carrier="B")
        return picture(Measured(link(), [series()]), Measured(lte, measured, sorted(facts)))

    return make


def test_a_lost_standby_is_a_minor_trouble_without_a_proposal(site, policy, now):
    verdict = judge(None, site((600, "standby"), (30, "disconnected")), policy, now)
    assert (verdict.verdict, verdict.cause, verdict.link) == (VerdictKind.CONFIRMED, Cause.LINK_DOWN, "lte")
    assert (verdict.severity, verdict.options, verdict.secondary_fit) == (Severity.MINOR, (), False)
    assert verdict.onset == now - timedelta(minutes=30)


def test_samples_tell_of_a_lost_standby_too(site, policy, now):
    verdict = judge(None, site(loss_pct=[100.0] * 6), policy, now)
    assert (verdict.cause, verdict.link, verdict.severity) == (Cause.LINK_DOWN, "lte", Severity.MINOR)


def test_a_client_who_says_slow_is_not_told_that_this_is_why(site, claim, policy, now):
    verdict = judge(claim(), site((600, "standby"), (30, "disconnected")), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED
    assert [finding.link for finding in verdict.side_findings] == ["lte"]


def test_a_cold_spare_that_was_never_in_service_is_not_lost(site, policy, now):
    said = [(minutes, "disconnected") for minutes in range(600, 0, -30)]
    assert judge(None, site(*said), policy, now).verdict is VerdictKind.NOT_SUBSTANTIATED


def test_a_trouble_that_a_client_can_feel_comes_first(site, series, policy, now):
    seen = site((600, "standby"), (30, "disconnected"))
    seen.links[0].series[0].fields["loss_pct"][-12:] = 10.0
    verdict = judge(None, seen, policy, now)
    assert (verdict.cause, verdict.link) == (Cause.LOSS, "wan1")
    assert (verdict.runner_up and verdict.runner_up.cause) is Cause.LINK_DOWN


def test_a_line_that_carries_is_no_standby_and_its_outage_is_told_once(picture, series, link, policy, now):
    seen = picture(Measured(link(), [series(last={"loss_pct": [100.0] * 6})]))
    verdict = judge(None, seen, policy, now)
    assert (verdict.severity, len(verdict.findings)) == (Severity.CRITICAL, 1)


@pytest.mark.parametrize(("keep_alives", "kind"), [(1000.0, "confirmed"), (0.0, "not_substantiated")])
def test_traffic_alone_tells_that_a_standby_was_in_service(picture, series, link, policy, now, keep_alives, kind):
    said = [Fact(now - timedelta(minutes=30), "lte", FactKind.LINK_STATE, "disconnected", Source.ORCHESTRATOR, now)]
    traffic = series("lte", fields={"tx_bps": keep_alives}, missing=range(-6, 0))
    lte = link("lte", LinkRole.SECONDARY, access=Access.LTE, carrier="B")
    seen = picture(Measured(link(), [series()]), Measured(lte, [traffic], said))
    assert judge(None, seen, policy, now).verdict == kind
