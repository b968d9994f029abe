"""Statements about the sweep: generous in what it nominates, silent about what is quiet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.model import Fact, FactKind, Source
from collector.store.hot import HotWindow
from collector.store.hot_facts import HotFacts
from collector.store.hot_follower import rows_of_series
from config.clock import epoch_ms
from inventory.model import Access, Client, Device, DeviceRole, Inventory, Site
from triage.model import Measured
from triage.policy import Policy, merged
from triage.sweep import FIELDS, fleet_of, hot_minutes, nominated, sites_of
from triage.sweep_facts import KINDS, MOMENTS, notable, policy_at, said_to_ail


def nominate(measured: Sequence[Measured], policy: Policy, now: datetime) -> tuple[str, ...]:
    """The lines that the sweep names of these samples."""
    links = [each.link for each in measured]
    hot = HotWindow([link.id for link in links], FIELDS, hot_minutes(policy))
    hot.advance(epoch_ms(now))
    hot.take_in(rows_of_series([series for each in measured for series in each.series]))
    inventory = Inventory.of([Client(id="acme", name="Acme")], [Site(id="store-1", client="acme")], [], links, [])
    wanted = nominated(hot, fleet_of(hot.links, inventory, policy), epoch_ms(now))
    return tuple(link for link, named in zip(hot.links, wanted.tolist(), strict=True) if named)


def ailing(facts: Sequence[Fact], policy: Policy, now: datetime) -> set[str]:
    hot = HotFacts(["wan1", "cpe-1"], KINDS, notable, MOMENTS)
    hot.take_in(facts)
    return said_to_ail(hot, lambda _: policy, epoch_ms(now))


@pytest.mark.parametrize(
    "last",
    [
        {"loss_pct": [100.0] * 2},
        {"loss_pct": [5.0] * 3},
        {"loss_pct": [5.0, 0.0, 5.0, 0.0, 0.0]},
        {"rtt_ms": [35.0] * 2},
        {"rtt_ms": [35.0] * 2 + [20.0] * 3},
        {"jitter_ms": [12.0] * 2},
        {"oper_up": [0.0]},
        {"flaps": [2.0, 2.0]},
        {"rx_bps": [95e6] * 3},
        {"rx_bps": [0.5e6] * 3},
    ],
)
def test_whatever_looks_worse_than_what_came_before_is_nominated(series, link, policy, now, last):
    measured = [Measured(link("wan1"), [series("wan1", last=last)]), Measured(link("wan2"), [series("wan2")])]
    assert nominate(measured, policy, now) == ("wan1",)


@pytest.mark.parametrize(
    "last",
    [
        {"loss_pct": [5.0]},
        {"loss_pct": [1.0, 1.0]},
        {"rtt_ms": [80.0]},
        {"rtt_ms": [27.0] * 12},
        {"jitter_ms": [6.0] * 12},
        {"flaps": [1.0, 2.0]},
        {"rx_bps": [80e6] * 6},
        {"rx_bps": [2e6] * 6},
        {"rtt_ms": [90.0] * 4 + [20.0] * 8},
        {"loss_pct": [50.0] * 4 + [0.0] * 10},
        {"oper_up": [0.0] * 4 + [1.0] * 8},
    ],
)
def test_what_is_too_small_too_brief_or_over_for_half_an_hour_is_not(series, link, policy, now, last):
    assert nominate([Measured(link(), [series(last=last)])], policy, now) == ()


def test_a_quiet_fleet_nominates_nobody(series, link, policy, now):
    assert nominate([Measured(link(f"wan{n}"), [series(f"wan{n}")]) for n in range(5)], policy, now) == ()


def test_a_line_over_an_absolute_limit_all_the_time_is_nominated(series, link, policy, now):
    far = Measured(link(), [series(fields={"rtt_ms": 150.0})])
    assert nominate([far], policy, now) == ("wan1",)
    satellite = Measured(link(access=Access.SATELLITE), [series(fields={"rtt_ms": 600.0})])
    assert nominate([satellite], policy, now) == ()


def test_loss_at_the_limit_counts_until_half_its_window_has_passed_without_any(series, link, policy, now):
    """30 minutes of 5-minute samples are 6 rows; three of 16 % and three of none have a mean of 8 %, the limit. The
    last lossy one may be three rows before the window's end, and the window's end up to 20 minutes ago."""
    quiet = {"loss": {"minimum_pct": 50.0}}
    lossy = {"loss_pct": [16.0] * 3 + [0.0] * 3}
    assert nominate([Measured(link(), [series(last=lossy)])], merged(policy, quiet), now) == ("wan1",)
    over = {"loss_pct": [16.0] * 3 + [0.0] * 12}
    assert nominate([Measured(link(), [series(last=over)])], merged(policy, quiet), now) == ()


def test_a_line_that_fell_silent_while_it_ailed_is_nominated_until_nothing_is_assumed_to_go_on(
    series, link, policy, now
):
    lossy = {"loss_pct": [20.0] * 3 + [0.0] * 10}
    silent = Measured(link(), [series(last=lossy, missing=range(-10, 0))])
    assert nominate([silent], policy, now) == ("wan1",)
    longer = {"loss_pct": [20.0] * 3 + [0.0] * 22}
    assert nominate([Measured(link(), [series(last=longer, missing=range(-22, 0))])], policy, now) == ()


def test_a_line_without_a_committed_rate_is_full_by_what_was_measured_of_it(series, link, policy, now):
    unknown = link(committed_down_bps=None)
    busy = {"rx_bps": [46e6] * 3, "rx_capacity_bps": [50e6] * 24}
    assert nominate([Measured(unknown, [series(last=busy)])], policy, now) == ("wan1",)
    assert nominate([Measured(unknown, [series(last={"rx_bps": [46e6] * 3})])], policy, now) == ()


def test_nothing_measured_nominates_nothing(series, link, policy, now):
    assert nominate([], policy, now) == ()
    assert nominate([Measured(link(), [])], policy, now) == ()
    assert nominate([Measured(link(), [series(missing=range(-40, 0))])], policy, now) == ()


def test_the_window_is_as_long_as_the_longest_rule_of_the_policy(policy):
    """90 minutes of a wireless limit, ended up to 20 minutes ago, and two slots of five minutes at its edges."""
    assert hot_minutes(policy) == 90 + 20 + 10
    longer = merged(policy, {"limits": {"window_minutes": 200}})
    assert hot_minutes(longer) == 230
    # From a penalty of 9 to 1 in log2(9) = 3.17 half-lives of 20 minutes, then eight changes one half-life apart.
    rarer = merged(policy, {"flapping": {"changes": 10}})
    assert hot_minutes(rarer) == math.ceil((3.17 + 8) * 20 + 20 + 10)


def fact(now: datetime, minutes: float, kind: FactKind, value: str, subject: str = "wan1") -> Fact:
    moment = now - timedelta(minutes=minutes)
    return Fact(moment, subject, kind, value, Source.ORCHESTRATOR, moment)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (FactKind.LINK_STATE, "disconnected", {"wan1"}),
        (FactKind.LINK_STATE, "stable", set()),
        (FactKind.EDGE_STATE, "offline", {"wan1"}),
        (FactKind.POLL_OUTCOME, "ok", set()),
        (FactKind.POLL_OUTCOME, "timeout", set()),
        (FactKind.HA_STATE, "failed", {"wan1"}),
        (FactKind.HA_STATE, "ready", set()),
        (FactKind.EVENT, "EDGE_SERVICE_FAILED", {"wan1"}),
        (FactKind.EVENT, "EDGE_CONFIGURED", set()),
        (FactKind.REBOOT, "12.5", {"wan1"}),
    ],
)
def test_the_newest_word_of_a_source_counts_and_one_unanswered_poll_is_none(policy, now, kind, value, wanted):
    assert ailing([fact(now, 5, kind, value), fact(now, 30, kind, "initial")], policy, now) == wanted


def test_two_unanswered_polls_in_a_row_are_contact_lost_in_whatever_order_they_are_told(policy, now):
    told = [fact(now, minutes, FactKind.POLL_OUTCOME, "timeout", "cpe-1") for minutes in (2, 3)]
    assert ailing(told, policy, now) == {"cpe-1"}
    between = fact(now, 2.5, FactKind.POLL_OUTCOME, "ok", "cpe-1")
    assert ailing([between, *told], policy, now) == set()
    assert ailing([told[1], between, told[0]], policy, now) == set()


def test_a_line_that_came_back_is_looked_at_as_long_as_that_is_told_as_now(policy, now):
    down = [fact(now, 40, FactKind.LINK_STATE, "disconnected")]
    assert ailing([*down, fact(now, 19.9, FactKind.LINK_STATE, "stable")], policy, now) == {"wan1"}
    assert ailing([*down, fact(now, 20, FactKind.LINK_STATE, "stable")], policy, now) == set()


def test_a_line_whose_stated_state_changed_four_times_is_flapping(policy, now):
    states = ("stable", "disconnected", "stable", "disconnected", "stable")
    quiet = merged(policy, {"claims": {"recovered_after_minutes": 0}})  # so that only the changes can count
    told = [fact(now, 30 - 5 * n, FactKind.LINK_STATE, value) for n, value in enumerate(states)]
    assert ailing(told, quiet, now) == {"wan1"}
    assert ailing(told[1:], quiet, now) == set()


def test_a_restart_names_its_device_for_as_long_as_it_is_told_as_now_however_often_and_late_it_is_told(policy, now):
    restart = fact(now, 19.9, FactKind.REBOOT, "31.0", "cpe-1")
    again = replace(restart, received_at=now)
    assert ailing([restart, again, again], policy, now) == {"cpe-1"}
    backfilled = replace(fact(now, 21, FactKind.REBOOT, "31.0", "cpe-1"), received_at=now)
    assert ailing([backfilled], policy, now) == set()


def test_events_of_a_line_that_changes_are_counted_once_each(policy, now):
    """Four times dead without a word of it being alive again; the same event told again is no other."""
    told = [fact(now, minutes, FactKind.EVENT, "LINK_DEAD") for minutes in (5, 10, 15)]
    assert ailing([*told, *told], policy, now) == set()
    assert ailing([*told, fact(now, 20, FactKind.EVENT, "LINK_DEAD")], policy, now) == {"wan1"}


def test_a_word_that_nobody_repeats_holds_for_as_long_as_silence_is_borne(policy, now):
    """An hour (the policy's join_minutes), and what ended until 20 minutes ago is told of as now."""
    assert ailing([fact(now, 80, FactKind.EDGE_STATE, "offline", "cpe-1")], policy, now) == {"cpe-1"}
    assert ailing([fact(now, 80.1, FactKind.EDGE_STATE, "offline", "cpe-1")], policy, now) == set()


def test_facts_are_held_against_the_policy_of_their_own_line(policy, link, now):
    site = Site(id="store-1", client="acme")
    cpe = Device(id="cpe-1", site="store-1", role=DeviceRole.ROUTER)
    inventory = Inventory.of([Client(id="acme", name="Acme")], [site], [cpe], [link("wan1"), link("wan2")], [])
    change = {"flapping": {"changes": 3}, "claims": {"recovered_after_minutes": 40}}
    own = merged(policy, {"overrides": [{"name": "own", "where": {"link": ["wan1"]}, "change": change}]})
    assert policy_at(inventory, own, "wan1").flapping.changes == 3
    assert policy_at(inventory, own, "wan2").flapping.changes == 4
    # What is said of claims heeds overrides by client and site only.
    assert policy_at(inventory, own, "wan1").claims.recovered_after_minutes == 20
    slow = merged(policy, {"overrides": [{"name": "own", "where": {"site": ["store-1"]}, "change": change}]})
    assert policy_at(inventory, slow, "cpe-1").claims.recovered_after_minutes == 40
    assert policy_at(inventory, slow, "wan2").claims.recovered_after_minutes == 40


def test_whoever_never_said_anything_notable_is_not_gone_through(now):
    hot = HotFacts(["wan1", "cpe-1"], KINDS, notable, MOMENTS)
    hot.take_in([fact(now, 5, FactKind.LINK_STATE, "stable"), fact(now, 5, FactKind.POLL_OUTCOME, "ok", "cpe-1")])
    assert list(hot.told()) == []
    hot.take_in([fact(now, 130, FactKind.LINK_STATE, "disconnected"), fact(now, 130, FactKind.REBOOT, "3", "cpe-1")])
    assert {key[0] for key, _ in hot.told()} == {"wan1", "cpe-1"}
    hot.forget(epoch_ms(now - timedelta(minutes=120)))
    assert list(hot.told()) == []
    assert {key[:2] for key, _ in hot.runs()} == {
        ("wan1", FactKind.LINK_STATE), ("cpe-1", FactKind.POLL_OUTCOME),
    }  # fmt: skip


def test_a_device_out_of_contact_names_its_site(policy, link, now):
    device = Device(id="cpe-1", site="store-1", role=DeviceRole.SDWAN_EDGE)
    site = Site(id="store-1", client="acme")
    inventory = Inventory.of([Client(id="acme", name="Acme")], [site], [device], [link()], [])
    hot = HotWindow(["wan1"], FIELDS, 60)
    nobody = nominated(hot, fleet_of(hot.links, inventory, policy), epoch_ms(now))
    assert sites_of(hot, nobody, {"cpe-1"}, inventory) == {"store-1"}
    assert sites_of(hot, nobody, {"someone-else"}, inventory) == set()
    assert sites_of(hot, ~nobody, set(), inventory) == {"store-1"}
