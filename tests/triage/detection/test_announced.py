"""What a verdict makes of announced work: it is told, and teaches nothing. Now is noon."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from config.clock import epoch_ms
from inventory.model import Impact, MaintenanceStatus, MaintenanceWindow, Notice
from triage.announced import excluded_of
from triage.judge import judge
from triage.model import Cause, Measured, Scope

DEAD = {"loss_pct": [100.0] * 4, "rtt_ms": [float("nan")] * 4, "rx_bps": [0.0] * 4}


@pytest.fixture
def work(now):
    """From 11:30 to 13:00 on wan1; wan1 is dead since 11:40."""
    start, end = now - timedelta(minutes=30), now + timedelta(minutes=60)
    return MaintenanceWindow(id="MF-7", start=start, end=end, links=("wan1",))


@pytest.fixture
def dead(link, series):
    return Measured(link(), [series(last=DEAD)])


def test_work_on_the_line_is_told_in_the_verdict(picture, dead, work, policy, now):
    verdict = judge(None, picture(dead, maintenance=[work]), policy, now)
    assert (verdict.cause, verdict.link) == (Cause.LINK_DOWN, "wan1")
    assert verdict.reason.endswith("; announced maintenance MF-7 on wan1 from 11:30 UTC until 13:00 UTC")
    assert "MF-7" not in judge(None, picture(dead), policy, now).reason


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ({"status": MaintenanceStatus.TENTATIVE}, "; tentative maintenance MF-7 on wan1"),
        ({"notice": Notice(impact=Impact.NO_IMPACT)}, "; maintenance with no-impact MF-7 on wan1"),
        ({"status": MaintenanceStatus.CANCELLED}, None),
        ({"links": ("wan9",)}, None),
        ({"links": (), "sites": ("store-1",)}, "; announced maintenance MF-7 on wan1"),
    ],
)
def test_what_does_not_count_is_told_as_that_or_not_at_all(picture, dead, work, policy, now, instead, said):
    reason = judge(None, picture(dead, maintenance=[replace(work, **instead)]), policy, now).reason
    assert ("MF-7" in reason) is (said is not None)
    assert said is None or said in reason


@pytest.mark.parametrize(("minutes", "told"), [(20, False), (21, True)])
def test_only_work_within_the_trouble_is_told(picture, dead, work, policy, now, minutes, told):
    """The trouble began at 11:40; the work began at 11:30 and ended at 11:40, or a minute later."""
    ended = replace(work, end=now - timedelta(minutes=40) + timedelta(minutes=minutes))
    assert ("MF-7" in judge(None, picture(dead, maintenance=[ended]), policy, now).reason) is told


def test_a_site_that_is_down_on_all_lines_is_told_with_the_work_on_each(picture, series, link, policy, now, work):
    both = [Measured(link(name), [series(name, last=DEAD)]) for name in ("wan1", "wan2")]
    verdict = judge(None, picture(*both, maintenance=[work]), policy, now)
    assert (verdict.cause, verdict.scope, verdict.link) == (Cause.SITE_DOWN, Scope.SITE, "wan2")
    assert "announced maintenance MF-7 on wan1 from" in verdict.reason


def test_each_time_of_recurring_work_teaches_nothing(picture, dead, work, now):
    """Three days of samples end at noon; the work came each day at 11:30 since ten days ago."""
    begins = work.start - timedelta(days=10)
    daily = replace(work, start=begins, end=begins + timedelta(minutes=20), recurrence="FREQ=DAILY")
    tentative = replace(daily, id="t", status=MaintenanceStatus.TENTATIVE)
    starts = [epoch_ms(work.start - timedelta(days=day)) for day in (2, 1, 0)]
    found = excluded_of(picture(dead, maintenance=[daily, tentative]), now)
    assert found == [(start, start + 20 * 60_000) for start in starts]
