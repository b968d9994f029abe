"""What a policy says of cases: how long to watch, and when the machine may resolve by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Access, Link
from triage.case_rules import case_rules, is_night, needs_a_person, quarantine, resolved_before
from triage.cases import CaseStatus, Origin, TimerKind
from triage.decide import on_quarantine, on_recovery, on_trouble
from triage.model import Cause, Scope, VerdictKind
from triage.policy_files import load_policy
from triage.reasons import Reason

POLICY = load_policy()
RULES = case_rules(POLICY)
CHICAGO = ZoneInfo("America/Chicago")


def line(access: Access, **about: object) -> Link:
    return Link(id="l", site="s", access=access, **about)  # type: ignore[arg-type]


@pytest.mark.parametrize(("access", "seconds"), [(Access.DIA, 0), (Access.MPLS, 0), (Access.BROADBAND, 180)])
def test_an_outage_of_a_dedicated_line_is_not_looked_at_twice(judged, access: Access, seconds: int):
    rules = case_rules(POLICY.of(line(access, carrier="MeDIA MPLS", circuit_id="DIA-1")))
    down = judged(cause=Cause.LINK_DOWN).verdict
    assert quarantine(down, rules) == timedelta(seconds=seconds)
    assert quarantine(judged(cause=Cause.LOSS).verdict, rules) == timedelta(seconds=180)
    assert quarantine(replace(down, scope=Scope.CARRIER), rules) == timedelta(seconds=180)


def test_a_trouble_without_quarantine_is_a_ticket_at_once(context, judged):
    rules = replace(context().rules, outage_quarantine=timedelta())
    decision = on_trouble(None, judged(cause=Cause.LINK_DOWN), context(rules=rules))
    assert decision.case is not None
    assert (decision.case.status, decision.reason) == (CaseStatus.OPEN, Reason.NO_QUARANTINE)
    assert [effect.key for effect in decision.effects] == ["C-1:ticket"]
    assert decision.timers == ()


# 15:00 UTC is 09:00 in Chicago in winter, a day's hour; 09:00 UTC is 03:00 there, a night's.
@pytest.mark.parametrize(
    ("hour", "minutes", "person"), [(15, 90, False), (15, 91, True), (9, 180, False), (9, 181, True)]
)
def test_the_machine_resolves_within_90_minutes_by_day_and_180_by_night(
    context, judged, hour: int, minutes: int, person: bool
):
    now = datetime(2026, 1, 15, hour, 0, tzinfo=UTC)
    suspected = on_trouble(None, judged(), context()).case
    assert suspected is not None
    case = replace(suspected, documented_at=now - timedelta(minutes=minutes), opened_at=now - timedelta(days=1))
    assert needs_a_person(case, RULES, CHICAGO, now) is (Reason.STOOD_TOO_LONG if person else None)


def test_the_fourth_trouble_of_a_day_waits_for_a_person(context, judged, noon):
    suspected = on_trouble(None, judged(), context()).case
    assert suspected is not None
    watched = replace(suspected, status=CaseStatus.MONITORING, origins=(Origin.MACHINE,))
    third = on_recovery(replace(watched, resolved_before=2), judged(VerdictKind.RECOVERED), context(30))
    assert (third.reason, third.case and third.case.resolved_by_machine) == (Reason.RECOVERY_HELD, True)
    again = on_trouble(None, judged(), context(60, ended=third.case)).case
    assert again is not None
    fourth = on_quarantine(again, judged(), context(63)).case
    assert fourth is not None
    assert fourth.resolved_before == 3
    decision = on_recovery(replace(fourth, status=CaseStatus.MONITORING), judged(VerdictKind.RECOVERED), context(90))
    assert decision.reason is Reason.RESOLVED_TOO_OFTEN
    assert decision.case is not None
    assert decision.case.status is CaseStatus.MONITORING
    assert TimerKind.RECOVERY not in {timer.kind for timer in decision.timers}


def test_a_line_is_counted_for_a_day_and_for_itself(context, judged, noon):
    suspected = on_trouble(None, judged(), context()).case
    assert suspected is not None
    ended = replace(suspected, ended_at=noon, resolved_before=1, resolved_by_machine=True)
    assert resolved_before(ended, "store-114-wan1", noon + timedelta(days=1)) == 2
    assert resolved_before(ended, "store-114-wan1", noon + timedelta(days=1, seconds=1)) == 0
    assert resolved_before(ended, "store-114-lte", noon) == 0
    assert resolved_before(replace(ended, resolved_by_machine=False), "store-114-wan1", noon) == 1
    assert resolved_before(None, None, noon) == 0


@pytest.mark.parametrize(
    ("night", "hours"),
    [((0, 8), set(range(8))), ((22, 6), {22, 23, 0, 1, 2, 3, 4, 5}), ((0, 24), set(range(24))), ((0, 0), set())],
)
def test_a_night_may_reach_past_midnight(night: tuple[int, int], hours: set[int]):
    day = datetime(2026, 3, 3, tzinfo=UTC)
    assert {hour for hour in range(24) if is_night(day + timedelta(hours=hour), UTC, night)} == hours


@given(
    st.integers(0, 366 * 1440),
    st.sampled_from(["Asia/Kolkata", "America/Chicago", "Australia/Lord_Howe", "Europe/Berlin"]),
)
def test_night_is_what_the_sites_clock_says(minute: int, name: str):
    """Of a year; half hours and changes of the clock too."""
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    said = moment.astimezone(ZoneInfo(name)).strftime("%H:%M")
    assert is_night(moment, ZoneInfo(name), (0, 8)) is ("00:00" <= said < "08:00")
    assert is_night(moment, ZoneInfo(name), (22, 6)) is (said >= "22:00" or said < "06:00")
