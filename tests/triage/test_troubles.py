"""Which periods of a link are known to be trouble, as verdicts and cases tell them one after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.model import Source
from config.clock import epoch_ms
from triage.cases import CaseStatus
from triage.model import Cause, Direction, Finding, VerdictKind
from triage.troubles import Trouble, followed, troubles_of

NINE = 9 * 3_600_000
MINUTE = 60_000


def trouble(onset: int, end: int | None, link: str = "wan1", cause: Cause = Cause.LOSS, number: int | None = None):
    """Minutes after nine."""
    until = None if end is None else NINE + end * MINUTE
    return Trouble(link=link, cause=cause, onset=NINE + onset * MINUTE, end=until, number=number)


def test_what_is_seen_first_is_new():
    assert followed([], [trouble(0, None)], CaseStatus.OPEN, NINE) == [trouble(0, None)]


def test_what_is_seen_again_keeps_its_onset_and_takes_the_later_looks_end():
    known = [trouble(0, None, number=1)]
    assert followed(known, [trouble(30, 50)], CaseStatus.OPEN, NINE) == [trouble(0, 50, number=1)]
    assert followed(known, [trouble(-10, None)], CaseStatus.OPEN, NINE) == [trouble(-10, None, number=1)]
    assert followed(known, [trouble(0, None)], CaseStatus.OPEN, NINE) == []
    assert followed([trouble(0, 20, number=1)], [trouble(10, None)], CaseStatus.OPEN, NINE) == [
        trouble(0, None, number=1)
    ]


@pytest.mark.parametrize(("onset", "same"), [(35, True), (36, False)])
def test_fifteen_minutes_of_quiet_part_two_troubles(onset, same):
    changed = followed([trouble(0, 20, number=1)], [trouble(onset, 60)], CaseStatus.OPEN, NINE)
    assert changed == ([trouble(0, 60, number=1)] if same else [trouble(onset, 60)])


@pytest.mark.parametrize("other", [trouble(0, None, link="lte"), trouble(0, None, cause=Cause.LATENCY)])
def test_another_link_or_cause_is_another_trouble(other):
    assert followed([trouble(0, None, number=1)], [other], CaseStatus.OPEN, NINE) == [other]


@pytest.mark.parametrize("status", list(CaseStatus))
def test_what_is_open_ends_when_the_case_says_that_it_is_gone(status):
    gone = status in (CaseStatus.MONITORING, CaseStatus.RESOLVED, CaseStatus.CLOSED)
    known = [trouble(0, None, number=1), trouble(-90, -60, link="lte", number=2)]
    changed = followed(known, [], status, NINE + 40 * MINUTE)
    assert changed == ([trouble(0, 40, number=1)] if gone else [])


def test_a_trouble_whose_end_is_known_ends_then_and_not_when_the_case_does():
    changed = followed([trouble(0, None, number=1)], [trouble(5, 30)], CaseStatus.MONITORING, NINE + 40 * MINUTE)
    assert changed == [trouble(0, 30, number=1)]


@pytest.fixture
def finding(noon):
    def make(**changes):
        values = {
            "link": "wan1", "source": Source.PROBE, "metric": "loss_pct", "cause": Cause.LOSS,
            "direction": Direction.UNKNOWN, "onset": noon, "end": None, "value": 10.0, "unit": "%", "baseline": 0.1,
            "threshold": 2.0, "rule": "", "statistic": "mean", "bad_samples": 5,
        }  # fmt: skip
        return Finding(**{**values, **changes})

    return make


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_what_is_or_was_there_is_a_trouble_and_nothing_else_is(judged, finding, noon, kind):
    verdict = replace(judged(kind).verdict, findings=(finding(end=noon + timedelta(minutes=5)),))
    there = kind in (VerdictKind.CONFIRMED, VerdictKind.RECOVERED)
    period = Trouble(link="wan1", cause=Cause.LOSS, onset=epoch_ms(noon), end=epoch_ms(noon) + 5 * MINUTE)
    assert troubles_of(verdict) == ([period] if there else [])


def test_habits_and_lost_contact_are_no_troubles_of_a_line(judged, finding):
    verdict = judged().verdict
    alone = replace(verdict, findings=(finding(), finding(habitual=True), finding(cause=Cause.MANAGEMENT_LOST)))
    assert [one.cause for one in troubles_of(alone)] == [Cause.LOSS]
    assert troubles_of(replace(alone, habitual=True)) == []
