"""Statements about relief options. The troubled line carries 10 Mb/s; committed rates are 100 Mb/s unless said."""

from __future__ import annotations

import pytest

from inventory.model import Access, LifeCycle, LinkRole, Ownership
from triage.judge import judge
from triage.model import Measured, UnfitReason

LOST = {"loss_pct": [10.0] * 12}
IDLE = {"rx_bps": 1e6, "loss_pct": 0.0, "rtt_ms": 40.0}


@pytest.fixture
def options(claim, picture, series, link, policy, now):
    """The options of a site whose first line is lossy; each further line is (name, changes, fields, last)."""

    def make(*others, last=None, **changes):
        lines = [Measured(link(**changes), [series(last=LOST if last is None else last)])]
        for name, differing, fields, newest in others:
            line = link(name, LinkRole.SECONDARY, **{"carrier": "B", **differing})
            lines.append(Measured(line, [series(name, fields=fields, last=newest)] if fields else []))
        return judge(claim(60), picture(*lines), policy, now)

    return make


def test_headroom_is_what_both_lines_carry_over_the_relief_lines_capacity(options):
    verdict = options(("wan2", {"committed_down_bps": 20e6}, IDLE, None))
    option = verdict.options[0]
    # 10 Mb/s of the troubled line + 1 of its own, on 20 Mb/s.
    assert option.utilisation_after_rx_pct == pytest.approx(55.0)
    assert option.utilisation_after_tx_pct is None
    assert (option.fit, option.action, verdict.secondary_fit) == (True, "steer_all", True)


@pytest.mark.parametrize(("rate", "action"), [(13.75e6, "steer_all"), (13.7e6, "steer_priority")])
def test_where_not_everything_fits_the_important_part_goes(options, rate, action):
    # 11 Mb/s is 80 % of 13.75 Mb/s.
    option = options(("wan2", {"committed_down_bps": rate}, IDLE, None)).options[0]
    assert (option.fit, option.action) == (True, action)


@pytest.mark.parametrize(
    ("changes", "fields", "last", "reason"),
    [
        ({}, IDLE, {"loss_pct": [100.0] * 6}, UnfitReason.DOWN),
        ({}, IDLE, {"loss_pct": [10.0] * 6}, UnfitReason.DEGRADED),
        ({}, IDLE, {"rtt_ms": [120.0] * 6}, UnfitReason.DEGRADED),
        ({}, None, None, UnfitReason.NO_DATA),
        ({}, {"rx_bps": 1e6}, None, UnfitReason.NO_DATA),
        ({"committed_down_bps": None, "committed_up_bps": None}, IDLE, None, UnfitReason.CAPACITY_UNKNOWN),
        ({"committed_down_bps": 0.0, "committed_up_bps": 0.0}, IDLE, None, UnfitReason.CAPACITY_UNKNOWN),
        ({}, {**IDLE, "rx_bps": 80e6}, None, UnfitReason.NO_HEADROOM),
        ({"ownership": Ownership.CLIENT}, IDLE, None, UnfitReason.CONSENT_NEEDED),
        ({"life_cycle": LifeCycle.ORDERED}, IDLE, None, UnfitReason.NOT_LIVE),
        # 10 Mb/s are 108 GB a day.
        ({"metered": True, "cap_bytes": 100_000_000_000}, IDLE, None, UnfitReason.DATA_CAP),
    ],
)
def test_a_line_that_cannot_take_over_says_why(options, changes, fields, last, reason):
    option = options(("wan2", changes, fields, last)).options[0]
    assert (option.fit, option.reason) == (False, reason)


def test_an_allowance_that_lasts_the_day_is_no_hindrance(options):
    option = options(("wan2", {"metered": True, "cap_bytes": 110_000_000_000}, IDLE, None)).options[0]
    assert (option.fit, option.metered) == (True, True)


@pytest.mark.parametrize(("minutes", "fit"), [(55, False), (60, True), (65, True)])
def test_a_fault_that_is_over_for_an_hour_is_forgiven(options, minutes, fit):
    option = options(("wan2", {}, IDLE, {"loss_pct": [10.0] * 6 + [0.0] * (minutes // 5)})).options[0]
    assert option.fit is fit


def test_during_an_outage_a_line_of_the_same_fate_is_not_trusted(options):
    same = ("wan2", {"carrier": "A"}, IDLE, None)
    assert options(same).options[0].shared_fate
    assert options(same).options[0].fit
    assert options(same, last={"loss_pct": [100.0] * 12}).options[0].reason is UnfitReason.SHARED_FATE


def test_the_underlying_carrier_and_the_last_mile_tell_the_fate(options):
    resold = ("wan2", {"carrier": "B", "underlying_carrier": "A"}, IDLE, None)
    assert options(resold).options[0].shared_fate
    duct = ("wan2", {"last_mile_group": "duct 7"}, IDLE, None)
    assert options(duct, last_mile_group="duct 7").options[0].shared_fate
    assert not options(duct).options[0].shared_fate


def test_options_are_ranked_fit_then_room_then_fate_then_price(options):
    verdict = options(
        ("sick", {}, IDLE, {"loss_pct": [10.0] * 6}),
        ("metered", {"metered": True, "access": Access.LTE}, IDLE, None),
        ("small", {"committed_down_bps": 5e6}, IDLE, None),
        ("same", {"carrier": "A"}, IDLE, None),
        ("best", {}, IDLE, None),
    )
    assert [option.link for option in verdict.options] == ["best", "metered", "same", "small", "sick"]
    assert [option.rank for option in verdict.options] == [1, 2, 3, 4, 5]


def test_a_line_that_is_down_still_counts_with_the_traffic_it_used_to_carry(options):
    # The troubled line carries nothing now (unmeasured), ordinarily 10 Mb/s.
    dark = {"loss_pct": [100.0] * 12, "rx_bps": [float("nan")] * 12}
    option = options(("wan2", {"committed_down_bps": 20e6}, IDLE, None), last=dark).options[0]
    assert option.utilisation_after_rx_pct == pytest.approx(55.0)


def test_a_site_with_one_line_has_no_second_one_to_speak_of(options):
    verdict = options()
    assert (verdict.options, verdict.secondary_fit) == ((), None)
