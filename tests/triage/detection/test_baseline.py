"""What is ordinary at this hour, worked out by hand on lines of two levels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from collector.model import Series, Source
from config.clock import epoch_ms
from triage.detection.baseline import EVERY, baseline, loss_rate, usual_traffic
from triage.detection.habits import bins_of
from triage.detection.learning import learn
from triage.detection.learnt import Baseline, Learnt, LossRate
from triage.detection.view import View

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday. The line's days end at midnight of another Monday."""
WEDNESDAY_NOON, SATURDAY_NOON = 24, 48 + 24


def line(days: float, **fields: object) -> Series:
    """Five-minute samples from START on; a field is a value, or a value of each moment's weekday (Monday is 0)."""
    moments = np.arange(epoch_ms(START), epoch_ms(START + timedelta(days=days)), 300_000)
    weekday = ((moments - epoch_ms(START)) // 86_400_000) % 7
    columns = {
        name: np.array([value[int(day)] for day in weekday])
        if isinstance(value, tuple)
        else np.full(len(moments), value)
        for name, value in fields.items()
    }
    return Series("wan1", Source.PROBE, moments, np.full(len(moments), 300, np.int32), moments + 300_000, columns)


@pytest.fixture
def seen(policy):
    def make(series: Series, **changes: object) -> View:
        """Everything that was measured is the past."""
        end = int(series.time[-1]) + 300_000
        return replace(View(series, end, end, policy.windows), **changes)

    return make


WEEKEND = (20.0,) * 5 + (40.0,) * 2


@pytest.mark.parametrize(
    ("moment", "holidays", "bin_"),
    [
        (datetime(2026, 3, 4, 12, 0, tzinfo=UTC), (), 24),
        (datetime(2026, 3, 4, 12, 29, 59, tzinfo=UTC), (), 24),
        (datetime(2026, 3, 4, 12, 30, tzinfo=UTC), (), 25),
        (datetime(2026, 3, 4, 12, 0, tzinfo=UTC), (date(2026, 3, 4),), 48 + 24),
        (datetime(2026, 3, 4, 12, 0, tzinfo=UTC), (date(2026, 3, 5),), 24),
        (datetime(2026, 3, 6, 23, 59, tzinfo=UTC), (), 47),
        (datetime(2026, 3, 7, 0, 0, tzinfo=UTC), (), 48),
        (datetime(2026, 3, 8, 23, 59, tzinfo=UTC), (), 48 + 47),
        (datetime(2026, 3, 9, 0, 0, tzinfo=UTC), (), 0),
    ],
)
def test_half_hours_of_working_days_and_of_days_off_are_apart(moment, holidays, bin_):
    assert bins_of(np.array([epoch_ms(moment)]), UTC, holidays).tolist() == [bin_]


@pytest.mark.parametrize("day", [date(2026, 3, 6), date(2026, 3, 9)])
def test_a_shop_opens_at_nine_before_and_after_the_clock_changes(day):
    """New York changed its clock on Sunday, 2026-03-08."""
    zone = ZoneInfo("America/New_York")
    assert bins_of(np.array([epoch_ms(datetime.combine(day, time(9), zone))]), zone).tolist() == [18]


def test_the_kind_of_day_is_that_of_the_sites_zone():
    """Saturday 03:00 in UTC is Friday 22:00 in New York."""
    moment = np.array([epoch_ms(datetime(2026, 3, 7, 3, 0, tzinfo=UTC))])
    assert bins_of(moment, ZoneInfo("America/New_York")).tolist() == [44]


def test_two_weekends_teach_what_is_ordinary_on_a_weekend(seen):
    """All days' noon: ten days of 20, four of 40: median 20, p84 40, so spread 20, as is the whole day's. Weekends'
    noon: all 40, so the centre is their own; 2.5 h of 12 samples on 4 days are 120 against a weight of 12."""
    table = baseline(seen(line(14, rtt_ms=WEEKEND)), "rtt_ms", bins=EVERY)
    assert table.centre[SATURDAY_NOON] == 40.0
    assert table.spread[SATURDAY_NOON] == pytest.approx(20 * 12 / 132)
    assert table.centre[WEDNESDAY_NOON] == 20.0
    assert table.spread[WEDNESDAY_NOON] == pytest.approx(20 * 12 / (300 + 12))
    assert table.all_day == 20.0


@pytest.mark.parametrize(("days", "apart"), [(13.0, False), (13.01, True)])
def test_the_fourth_day_off_tells_working_days_and_days_off_apart(seen, days, apart):
    """Of 13 days the last is the third day off (Saturday, Sunday, Saturday); the fourth begins then."""
    table = baseline(seen(line(days, rtt_ms=WEEKEND)), "rtt_ms", bins=EVERY)
    assert bool(table.centre[SATURDAY_NOON] != table.centre[WEDNESDAY_NOON]) is apart
    assert np.array_equal(table.centre[:48], table.centre[48:]) is not apart


def test_holidays_count_as_days_off(seen):
    """A week with two holidays has four days off, and three working days: one of a kind too few; eight days have."""
    holidays = (date(2026, 3, 2), date(2026, 3, 3))
    assert not seen(line(7, rtt_ms=WEEKEND), holidays=holidays).tells_days_apart
    assert seen(line(8, rtt_ms=WEEKEND), holidays=holidays).tells_days_apart


def test_what_is_excluded_is_no_day_of_its_kind(seen):
    last_sunday = (epoch_ms(START + timedelta(days=13)), epoch_ms(START + timedelta(days=14)))
    assert seen(line(14, rtt_ms=WEEKEND)).tells_days_apart
    assert not seen(line(14, rtt_ms=WEEKEND), excluded=(last_sunday,)).tells_days_apart


def test_the_ordinary_loss_rate_is_never_zero(seen):
    """Three days without loss: 864 samples of 20 packets, so half a packet of 17,281 over the whole day; the hour's 90
    samples count 1,800 packets against a weight of 12 samples' 240."""
    view = seen(line(3, loss_pct=0.0))
    sent, lost = np.full(864, 20.0), np.zeros(864)
    table = loss_rate(view, "loss_pct", lost, sent, bins=EVERY)
    assert table.rate[WEDNESDAY_NOON] == pytest.approx(240 * (0.5 / 17_281) / (1_800 + 240))
    assert (table.lost, table.sent, table.known) == (0.0, 17_280.0, True)


def test_weekends_have_a_loss_rate_of_their_own(seen):
    """A packet of 20 lost in each sample of four weekend days: 120 of 2,400 at their noon, drawn to all days' noon
    by 240 packets."""
    view = seen(line(14, loss_pct=0.0))
    weekend = np.isin(((view.series.time - epoch_ms(START)) // 86_400_000) % 7, (5, 6))
    lost, sent = np.where(weekend, 1.0, 0.0), np.full(len(weekend), 20.0)
    rate = loss_rate(view, "loss_pct", lost, sent, bins=EVERY).rate
    assert rate[SATURDAY_NOON] == pytest.approx((120 + 240 * rate_of_all_days(lost, view)) / (2_400 + 240))
    assert rate[WEDNESDAY_NOON] < rate[SATURDAY_NOON] / 10


def rate_of_all_days(lost, view):
    """4 of 14 days, 30 samples each, lost one packet at noon: 120 of 8,400, drawn to the whole day's by 240."""
    overall = (float(lost[view.all_ordinary_rows].sum()) + 0.5) / (20 * len(view.all_ordinary_rows) + 1)
    return (120 + 240 * overall) / (8_400 + 240)


@pytest.mark.parametrize(("rows", "known"), [(19, False), (20, True)])
def test_with_thin_history_nothing_is_ordinary(seen, rows, known):
    view = seen(line(rows / 288, rtt_ms=20.0, loss_pct=0.0))
    table = baseline(view, "rtt_ms", bins=EVERY)
    assert bool(np.isfinite(table.centre).all()) is known
    assert loss_rate(view, "loss_pct", np.zeros(rows), np.full(rows, 20.0), bins=EVERY).known is known
    assert bool(np.isnan(table.all_day)) is not known


def test_excluded_samples_do_not_make_history_thick(seen):
    view = seen(line(20 / 288, rtt_ms=20.0), excluded=((epoch_ms(START), epoch_ms(START) + 1),))
    assert np.isnan(baseline(view, "rtt_ms", bins=EVERY).all_day)


def test_idle_traffic_is_no_less_than_the_floor(seen):
    assert usual_traffic(seen(line(1, rx_bps=1e6)), "rx_bps", 20_000.0) == pytest.approx(1e6)
    assert usual_traffic(seen(line(1, rx_bps=0.0)), "rx_bps", 20_000.0) == pytest.approx(20_000.0)
    assert usual_traffic(seen(line(1, rtt_ms=1.0)), "rx_bps", 20_000.0) is None


def test_what_was_learnt_before_stands_and_what_was_not_is_computed(seen, policy):
    known = Baseline(np.full(96, 7.0), np.full(96, 1.0), 7.0, 100)
    rate = LossRate(np.full(96, 0.25), 1.0, 4.0)
    learnt = Learnt("sha256:v", 0, {"rtt_ms": known}, {"loss_pct": rate})
    view = seen(line(1, rtt_ms=20.0, jitter_ms=3.0, loss_pct=0.0), learnt=learnt)
    assert baseline(view, "rtt_ms") is known
    assert loss_rate(view, "loss_pct", np.zeros(288), np.full(288, 20.0)) is rate
    assert baseline(view, "jitter_ms", bins=EVERY).all_day == 3.0
    assert learn(view, policy, EVERY).version == "sha256:v"


def test_only_what_is_known_is_learnt(seen, policy):
    nothing = learn(seen(line(19 / 288, rtt_ms=20.0, loss_pct=0.0, rx_bps=1e6)), policy, EVERY)
    assert (nothing.baselines, nothing.loss) == ({}, {})
    some = learn(seen(line(1, rtt_ms=20.0, loss_pct=0.0, rx_bps=1e6, oper_up=1.0)), policy, EVERY)
    assert (set(some.baselines), set(some.loss)) == ({"rtt_ms", "rx_bps"}, {"loss_pct"})
    assert some.baselines["rx_bps"].all_day == pytest.approx(6.0)
