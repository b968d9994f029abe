"""What becomes of a suspected trouble that gets worse before it is looked at again; and on what a case is resolved."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from triage.cases import Case, CaseStatus, Decision, EffectKind, TimerKind
from triage.decide import on_quarantine, on_recovery, on_trouble
from triage.healthy import NOTHING, Healthy
from triage.model import Cause, Severity, VerdictKind
from triage.reasons import Reason


def kept(decision: Decision) -> Case:
    assert decision.case is not None
    return decision.case


@pytest.mark.parametrize("cause", [Cause.LINK_DOWN, Cause.SITE_DOWN])
def test_what_becomes_an_outage_is_taken_as_that_at_once_and_stays_due_when_it_was(context, judged, noon, cause: Cause):
    first = on_trouble(None, judged(severity=Severity.MINOR), context())
    worse = on_trouble(kept(first), judged(cause=cause, severity=Severity.CRITICAL), context(1))
    assert (worse.reason, kept(worse).status) == (Reason.TROUBLE_CHANGED, CaseStatus.SUSPECTED)
    assert (kept(worse).cause, kept(worse).severity) == (cause, Severity.CRITICAL)
    assert (worse.timers, worse.cancelled) == ((), ())
    assert kept(worse).next_action_at == noon + timedelta(minutes=3)
    assert kept(on_quarantine(kept(worse), judged(cause=cause), context(3))).status is CaseStatus.OPEN


def test_on_a_line_whose_outages_are_trusted_it_is_a_ticket_at_once(context, judged):
    trusted = replace(context().rules, outage_quarantine=timedelta())
    suspected = kept(on_trouble(None, judged(), context(rules=trusted)))
    worse = on_trouble(suspected, judged(cause=Cause.LINK_DOWN), context(1, rules=trusted))
    assert (worse.reason, kept(worse).status) == (Reason.NO_QUARANTINE, CaseStatus.OPEN)
    assert [effect.kind for effect in worse.effects] == [EffectKind.OPEN_TICKET]
    assert TimerKind.QUARANTINE in worse.cancelled


@pytest.mark.parametrize(
    ("first", "second", "over"),
    [
        (Cause.LINK_DOWN, Cause.LINK_DOWN, False),
        (Cause.SITE_DOWN, Cause.LINK_DOWN, False),
        (Cause.LOSS, Cause.LATENCY, False),
        (Cause.LOSS, Cause.LINK_DOWN, True),
    ],
)
def test_nothing_else_is_decided_before_the_second_look(
    context, judged, noon: datetime, first: Cause, second: Cause, over: bool
):
    suspected = kept(on_trouble(None, judged(cause=first), context()))
    look = judged(cause=second)
    if over:
        look = replace(look, verdict=replace(look.verdict, verdict=VerdictKind.RECOVERED, end=noon))
    assert on_trouble(suspected, look, context(1)).case is None


@pytest.mark.parametrize(
    ("cause", "healthy", "resolves"),
    [
        (Cause.LOSS, Healthy(measured=frozenset({"store-114-wan1"})), True),
        (Cause.LOSS, Healthy(measured=frozenset({"store-114-lte"})), False),
        (Cause.LOSS, Healthy(said=frozenset({"store-114-wan1"})), False),
        (Cause.LOSS, NOTHING, False),
        (Cause.LINK_DOWN, Healthy(said=frozenset({"store-114-wan1"})), True),
        (Cause.LINK_DOWN, Healthy(said=frozenset({"edge"})), False),
        (Cause.LINK_DOWN, NOTHING, False),
    ],
)
def test_a_case_is_resolved_on_what_is_known_of_its_own_line(
    context, judged, noon: datetime, cause: Cause, healthy: Healthy, resolves: bool
):
    suspected = kept(on_trouble(None, judged(cause=cause), context()))
    watched = replace(suspected, status=CaseStatus.MONITORING, documented_at=noon)
    decision = on_recovery(watched, judged(VerdictKind.RECOVERED, cause, healthy=healthy), context(20))
    assert (kept(decision).status is CaseStatus.RESOLVED) is resolves
    if not resolves:
        assert decision.reason is Reason.RECHECK_WITHOUT_DATA
        assert [timer.due_at for timer in decision.timers] == [noon + timedelta(minutes=21)]
