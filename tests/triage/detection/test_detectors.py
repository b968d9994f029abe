"""Statements about single detectors: what kind of fault, from when to when, and what excuses it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from collector.model import Fact, FactKind, Source
from config.clock import epoch_ms
from inventory.model import LinkRole
from triage.detection.link import examine
from triage.detection.loss import likelihood, scan, smallest_detectable_pct
from triage.detection.segments import Segment, maximal_segments
from triage.judge import judge
from triage.model import Cause, Measured, VerdictKind


@pytest.fixture
def events(series, link, policy, now):
    """Causes, onset and end in minutes before noon of what four hours of one line show."""

    def look(last=None, facts=(), **changes):
        measured = Measured(link(**changes), [series(last=last)] if last is not None else [], facts)
        noon = epoch_ms(now)
        seen = examine(measured, noon - 240 * 60_000, noon, policy)
        return {
            event.cause: ((event.onset - noon) / 60_000, None if event.end is None else (event.end - noon) / 60_000)
            for event in [*seen.events, *seen.traffic_gone]
            if not event.doubtful
        }

    return look


def test_the_best_stretch_is_found_in_the_middle_of_scores():
    # 2 - 1 + 3 = 4 is the best; the lone 1 stands apart.
    scores = np.array([-2.0, 2.0, -1.0, 3.0, -5.0, 1.0])
    assert maximal_segments(scores, 1.0) == [Segment(1, 4, 4.0), Segment(5, 6, 1.0)]
    assert maximal_segments(scores, 1.5) == [Segment(1, 4, 4.0)]


def test_the_likelihood_ratio_of_a_lost_packet():
    # 2 of 20 lost, 10 % against 1 %: 2 ln 10 - 20 * 0.09 = 4.605 - 1.8.
    score = likelihood(np.array([2.0, np.nan]), np.array([20.0, 20.0]), np.array([0.01, 0.01]), 0.1)
    assert score[0] == pytest.approx(2.805, abs=1e-3)
    assert score[1] == 0.0


def test_more_packets_show_smaller_losses():
    few, many = (smallest_detectable_pct(0.001, sent, 9.0) for sent in (100, 1000))
    assert few > many > 0.1
    assert smallest_detectable_pct(0.001, 1, 9.0) == 100.0


def test_an_outage_begins_and_ends_inside_its_first_and_last_sample(events):
    # The samples begin 40, 35, 30, 25 and 20 minutes ago; 80 % and 40 % of the outer ones are lost.
    found = events({"loss_pct": [80.0, 100.0, 100.0, 100.0, 40.0, 0.0, 0.0, 0.0]})
    # It began 1 minute into the first (-39) and ended 2 minutes into the last (-18).
    assert found == {Cause.LINK_DOWN: (-39.0, -18.0)}


def test_a_delay_begins_inside_a_sample_that_shows_half_of_it(events):
    found = events({"rtt_ms": [70.0, 120.0, 120.0, 120.0, 120.0, 20.0, 20.0]})
    assert found == {Cause.LATENCY: (-32.5, -10.0)}


def test_early_noise_is_not_joined_to_the_fault_after_it(events):
    # Half an hour of 9 ms more, quiet, then a jump by 100: it begins with the jump.
    found = events({"rtt_ms": [29.0] * 6 + [20.0] * 3 + [120.0] * 6})
    assert found == {Cause.LATENCY: (-30.0, None)}


def test_loss_in_bursts_is_a_line_that_goes_up_and_down(events):
    assert set(events({"loss_pct": [50.0, 0.0, 60.0, 0.0, 90.0, 0.0, 70.0]})) == {Cause.INSTABILITY}
    assert set(events({"loss_pct": [20.0, 25.0, 15.0, 20.0, 30.0, 20.0, 25.0]})) == {Cause.LOSS}


def test_a_counted_down_and_up_explains_the_loss(events):
    lost = [30.0, 50.0, 20.0, 0.0, 0.0]
    assert set(events({"loss_pct": lost, "flaps": [1.0, 1.0, 0.0, 0.0, 0.0]})) == {Cause.INSTABILITY}
    assert set(events({"loss_pct": lost, "flaps": [1.0, 0.0, 0.0, 0.0, 0.0]})) == {Cause.LOSS}


def test_short_outages_of_a_flapping_line_are_part_of_it(events):
    lost = [100.0, 100.0, 0.0, 0.0, 60.0, 0.0, 100.0, 0.0, 50.0, 0.0, 40.0, 0.0]
    flaps = [1.0, 0.0, 1.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0]
    assert set(events({"loss_pct": lost, "flaps": flaps})) == {Cause.INSTABILITY}


def test_bursts_of_flapping_more_than_the_quiet_time_apart_are_two(events):
    # Two changes, 25 minutes of quiet, two changes: never four within one event.
    quiet = {"flaps": [2.0, 0.0, 0.0, 0.0, 0.0, 2.0]}
    assert events(quiet) == {}
    assert set(events({"flaps": [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]})) == {Cause.INSTABILITY}


@pytest.mark.parametrize(("rate", "found"), [(90e6, {Cause.SATURATION}), (89e6, {Cause.LATENCY})])
def test_full_is_ninety_percent(events, rate, found):
    assert set(events({"rx_bps": [rate] * 6, "rtt_ms": [90.0] * 6})) == found


def test_a_full_line_may_be_slow_by_half_of_what_counts_alone(events):
    # Half of 15 ms; a line that is full and 7 ms slower still carries its load.
    assert set(events({"rx_bps": [95e6] * 6, "rtt_ms": [28.0] * 6})) == {Cause.SATURATION}
    assert events({"rx_bps": [95e6] * 6, "rtt_ms": [27.0] * 6}) == {}


def test_slowness_that_is_over_after_ten_minutes_is_a_burst(events):
    after = [20.0] * 6
    assert events({"rtt_ms": [90.0] * 2 + after}) == {}
    assert events({"rtt_ms": [90.0] * 3 + after}) == {Cause.LATENCY: (-45.0, -30.0)}
    # While it is still there nobody knows how long it will be; but one bad sample is none, however bad it is.
    assert events({"jitter_ms": [13.0, 300.0]}) == {}
    assert events({"rtt_ms": [90.0] * 2}) == {Cause.LATENCY: (-10.0, None)}


def test_a_burst_of_loss_counts_from_the_absolute_limit_on(events):
    after = [0.0] * 6
    assert events({"loss_pct": [7.5] * 2 + after}) == {}
    assert events({"loss_pct": [8.0] * 2 + after}) == {Cause.LOSS: (-40.0, -30.0)}


def test_a_strong_fault_does_not_reach_over_hours_of_a_slightly_longer_path(events):
    # Eight milliseconds more all along are above half the smallest fault of 15, a quarter of 80 is not reached.
    assert events({"rtt_ms": [28.0] * 24 + [100.0] * 6 + [28.0] * 12}) == {Cause.LATENCY: (-90.0, -60.0)}


def test_lone_losses_long_after_a_fault_are_no_part_of_it():
    # 9 of 160 lost, then 1 in each seven samples, where one of 2000 is ordinary. At a rate of 2.5 % the whole is
    # likelier: 12 ln 50 - 580 * .0245 = 32.7 against 31.3; at the core's own 5.6 % the core: 9 ln 112.5 - 8.9 = 33.6.
    lost = np.array([0.0] * 4 + [1, 1, 1, 0, 2, 2, 1, 1] + ([0.0] * 6 + [1.0]) * 3)
    found = scan(lost, np.full(len(lost), 20.0), np.full(len(lost), 0.0005), 9.0)
    assert (found[0].first, found[0].stop) == (4, 12)
    assert found[0].score == pytest.approx(33.6, abs=0.05)


def test_one_dead_sample_between_part_covered_ones_is_an_outage(events):
    # It began 3 minutes into the first sample and ended 2 minutes into the last one.
    found = events({"loss_pct": [40.0, 100.0, 40.0, 0.0, 0.0, 0.0]})
    assert found == {Cause.LINK_DOWN: (-27.0, -18.0)}


def test_partial_loss_before_an_outage_is_not_the_outage(events):
    # A tenth lost for 20 minutes, then nothing comes through for half an hour.
    assert events({"loss_pct": [10.0] * 4 + [100.0] * 6 + [0.0] * 3})[Cause.LINK_DOWN] == (-45.0, -15.0)


@pytest.mark.parametrize("packets", [10.0, 20.0, 100.0])
def test_an_uneven_loss_is_not_a_flapping_line_however_many_probes(events, packets):
    # Mean 27.1 %, variance 270e-4, over .271 * .729: .137; of n packets (.137 n - 1) / (n - 1): .04, .09 and .13.
    uneven = [10.0, 50.0, 10.0, 30.0, 50.0, 30.0, 10.0]
    assert set(events({"loss_pct": uneven, "sent": [packets] * 7})) == {Cause.LOSS}


def test_the_shoulders_of_a_fault_are_no_faults_of_their_own(series, link, policy, now):
    # 60 ms more for 20 minutes on both sides of an hour of 180: a high mark to begin, a low one to stay.
    slow = [80.0] * 4 + [200.0] * 12 + [80.0] * 4 + [20.0] * 6
    noon = epoch_ms(now)
    seen = examine(Measured(link(), [series(last={"rtt_ms": slow})]), noon - 14_400_000, noon, policy)
    assert [event.cause for event in seen.events] == [Cause.LATENCY]


def test_a_path_as_slow_as_yesterday_is_what_the_client_knows(events):
    # 30 ms more since 34 hours ago, and since 14 hours ago: only the second one is new since yesterday.
    assert events({"rtt_ms": [50.0] * 12 * 34}) == {}
    assert set(events({"rtt_ms": [50.0] * 12 * 14})) == {Cause.LATENCY}


def test_a_chance_peak_over_the_limit_is_no_fault_of_a_line_that_always_loses(series, link, policy, now):
    def found(last: list[float]) -> list[Cause]:
        losing = {"rtt_ms": 20.0, "jitter_ms": 2.0, "loss_pct": 4.0, "sent": 20.0}
        noon = epoch_ms(now)
        measured = Measured(link(), [series(fields=losing, last={"loss_pct": last})])
        return [event.cause for event in examine(measured, noon - 14_400_000, noon, policy).events]

    # Ten of 120 instead of 4.8: 10 ln(8 / 4) - 120 * .04 = 2.1, less than half of the evidence of 9.
    assert found([10.0, 5.0, 15.0, 5.0, 10.0, 5.0]) == []
    # 24 of 120: 24 ln 2 - 4.8 = 11.8.
    assert found([20.0] * 6) == [Cause.LOSS]


def test_traffic_that_a_broken_line_cannot_carry_is_no_lan_fault(events):
    assert set(events({"rx_bps": [1e5] * 6})) == {Cause.LAN}
    assert set(events({"rx_bps": [1e5] * 6, "loss_pct": [30.0] * 6})) == {Cause.LOSS}
    # Two bad samples of twelve do not explain an hour without traffic.
    assert Cause.LAN in events({"rx_bps": [1e5] * 12, "loss_pct": [30.0] * 2 + [0.0] * 10})


def test_traffic_that_fades_over_hours_is_no_lan_fault(events):
    fading = np.geomspace(10e6, 0.2e6, 40).tolist()
    assert events({"rx_bps": fading}) == {}


def test_a_burst_the_line_has_every_day_is_its_own(claim, picture, series, link, policy, now):
    # Three samples of 30 ms more at another hour of each of the two days before, and again now.
    burst = [0.0] * 100 + [30.0] * 3 + [0.0] * 185
    known = (np.array(burst * 2 + [0.0] * 276 + [30.0] * 3 + [0.0] * 9) + 20).tolist()
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"rtt_ms": known})])), policy, now)
    assert (verdict.verdict, verdict.habitual) == (VerdictKind.NOT_SUBSTANTIATED, True)
    new = [20.0] * 276 + [50.0] * 3 + [20.0] * 9
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"rtt_ms": new})])), policy, now)
    assert verdict.verdict is VerdictKind.RECOVERED


def test_smaller_or_shorter_bursts_of_the_past_excuse_nothing(claim, picture, series, link, policy, now):
    small = [0.0] * 100 + [16.0] * 3 + [0.0] * 185
    bigger = (np.array(small * 2 + [0.0] * 276 + [60.0] * 3 + [0.0] * 9) + 20).tolist()
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"rtt_ms": bigger})])), policy, now)
    assert verdict.verdict is VerdictKind.RECOVERED
    short = [0.0] * 100 + [30.0] * 3 + [0.0] * 185
    longer = (np.array(short * 2 + [0.0] * 276 + [30.0] * 12) + 20).tolist()
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"rtt_ms": longer})])), policy, now)
    assert verdict.verdict is VerdictKind.CONFIRMED


def test_a_weak_sign_counts_when_the_carriers_other_sites_suffer(claim, picture, series, link, policy, now):
    weak = Measured(link(), [series(last={"rtt_ms": [31.0] * 12})])
    peers = [
        Measured(link(f"p{n}", site=f"site-{n}"), [series(f"p{n}", last={"rtt_ms": [80.0] * 12})]) for n in range(3)
    ]
    assert judge(claim(60), picture(weak), policy, now).verdict is VerdictKind.NOT_SUBSTANTIATED
    shared = judge(claim(60), picture(weak, peers=peers), policy, now)
    assert (shared.verdict, shared.scope.value) == (VerdictKind.CONFIRMED, "carrier")


def test_disconnected_is_believed_where_the_probe_sees_nothing_pass(events, now):
    fact = Fact(now - timedelta(minutes=30), "wan1", FactKind.LINK_STATE, "disconnected", Source.ORCHESTRATOR, now)
    assert set(events({"loss_pct": [100.0] * 6, "rx_bps": [0.0] * 6}, [fact])) == {Cause.LINK_DOWN}
    # The probe was dead before and is well since: what counts is the time of the statement.
    assert Cause.MANAGEMENT_LOST in events({"loss_pct": [100.0] * 12 + [0.0] * 6, "rx_bps": [0.0] * 18}, [fact])


def test_what_a_second_line_carries_now_counts_not_what_it_carried(claim, picture, series, link, policy, now):
    # 10 % of its capacity, but an hour ago; idle in the last half hour.
    then = series("wan2", fields={"rx_bps": 20e6, "loss_pct": 0.0}, last={"rx_bps": [1e5] * 7, "loss_pct": [20.0] * 7})
    second = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [then])
    verdict = judge(claim(35), picture(Measured(link(), [series()]), second), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED


def test_coverage_names_the_newest_sample_of_the_claimed_time(claim, picture, series, link, policy, now):
    seen = picture(Measured(link(), [series(missing=[-1])]))
    assert judge(claim(60), seen, policy, now).coverage.newest == now - timedelta(minutes=10)
    earlier = claim(120, reported_at=now - timedelta(minutes=60))
    assert judge(earlier, seen, policy, now).coverage.newest == now - timedelta(minutes=65)


def test_bad_samples_are_those_that_show_it(claim, picture, series, link, policy, now):
    lost = [10.0, 0.0, 10.0, 10.0, 0.0, 10.0]
    verdict = judge(claim(30), picture(Measured(link(), [series(last={"loss_pct": lost})])), policy, now)
    assert verdict.findings[0].bad_samples == 4
    verdict = judge(claim(30), picture(Measured(link(), [series(last={"rtt_ms": [80.0] * 6})])), policy, now)
    assert verdict.findings[0].bad_samples == 6


def test_a_burst_that_fills_the_line_for_minutes_is_no_saturation(events):
    # Full for 5 and 10 minutes (15 with the slot that a sample may be off): a minimum of 15 minutes decides.
    after = [20.0] * 8
    assert set(events({"rx_bps": [95e6, *[10e6] * 8], "rtt_ms": [90.0, 90.0, 90.0, *after[2:]]})) == {Cause.LATENCY}
    assert set(events({"rx_bps": [95e6, 95e6, *[10e6] * 8], "rtt_ms": [90.0, 90.0, *after]})) == {Cause.SATURATION}


def test_polls_that_see_a_port_down_prove_the_time_between_them(series, link, policy, now):
    def found(rows: int) -> set[Cause]:
        ports = series(fields={"oper_up": 1.0}, last={"oper_up": [0.0] * rows + [1.0] * 3}, source=Source.SNMP)
        noon = epoch_ms(now)
        return {event.cause for event in examine(Measured(link(), [ports]), noon - 7_200_000, noon, policy).events}

    assert found(1) == set()
    assert found(2) == {Cause.LINK_DOWN}


def test_state_changes_that_an_orchestrator_states_are_flapping(events, now):
    def told(*states: str) -> list[Fact]:
        when = [now - timedelta(minutes=5 * (len(states) - n)) for n in range(len(states))]
        return [
            Fact(at, "wan1", FactKind.LINK_STATE, state, Source.ORCHESTRATOR, at)
            for at, state in zip(when, states, strict=True)
        ]

    # Four changes within one event, each five minutes apart; "quiet" says neither up nor down.
    assert events({}, told("stable", "disconnected", "stable", "quiet", "disconnected", "unstable")) == {
        Cause.INSTABILITY: (-25.0, None)
    }
    assert Cause.INSTABILITY not in events({}, told("stable", "disconnected", "stable", "disconnected"))


def test_loss_in_one_source_is_flapping_when_another_counted_the_changes(series, link, policy, now):
    lossy = series(fields={"loss_rx_pct": 0.0}, last={"loss_rx_pct": [20.0] * 6}, source=Source.ORCHESTRATOR)
    noon = epoch_ms(now)

    def found(flaps: float) -> set[Cause]:
        counted = series(fields={"flaps": 0.0}, last={"flaps": [flaps, 0.0, 0.0]}, source=Source.SNMP)
        seen = examine(Measured(link(), [lossy, counted]), noon - 7_200_000, noon, policy)
        return {event.cause for event in seen.events}

    assert found(2.0) == {Cause.INSTABILITY}
    assert found(1.0) == {Cause.LOSS}


def test_loss_below_what_speaks_against_the_ordinary_rate_is_none(series, link, policy, now):
    # 10 % ordinarily: the likelihoods of 10 % and 30 % are equal at 20 / ln 3 = 18.2 %.
    noon = epoch_ms(now)
    worse = series(fields={"loss_pct": 5.0}, last={"loss_pct": [40.0] * 12})
    event = examine(Measured(link(), [worse]), noon - 7_200_000, noon, policy).events[0]
    assert event.threshold == pytest.approx(9.1, abs=0.05)


def test_a_steady_loss_begins_inside_a_sample_that_shows_a_third_of_it(events):
    # 12 and four times 42 %: 36 % on average, of which the first shows a third: it began 10/3 minutes into it.
    found = events({"loss_pct": [12.0, 42.0, 42.0, 42.0, 42.0] + [0.0] * 5})
    assert found[Cause.LOSS][0] == pytest.approx(-50 + 10 / 3)


@pytest.mark.parametrize(
    ("over", "found"),
    [
        ([300.0] * 5, set()),
        ([300.0] * 6, {Cause.LATENCY}),
        ([300.0, 300.0, 20.0, 300.0, 300.0, 300.0], {Cause.LATENCY}),
    ],
)
def test_an_absolute_limit_is_passed_for_half_an_hour_a_gap_of_a_sample_bridged(series, link, policy, now, over, found):
    # Fifteen samples are no history: only the limit of 140 ms speaks.
    noon = epoch_ms(now)
    measured = Measured(link(), [series(rows=15, last={"rtt_ms": [*over, 20.0]})])
    assert {event.cause for event in examine(measured, noon - 7_200_000, noon, policy).events} == found


def test_half_an_hour_over_the_loss_limit_is_told_by_its_worst_half_hour(series, link, policy, now):
    # Every half hour around the peak has (48 + 5 x 2) / 6 = 9.67 %; all of them together only 68 / 11 = 6.2 %.
    noon = epoch_ms(now)
    measured = Measured(link(), [series(rows=15, last={"loss_pct": [2.0] * 5 + [48.0] + [2.0] * 5})])
    (event,) = examine(measured, noon - 7_200_000, noon, policy).events
    assert event.value == pytest.approx(58 / 6)
    assert event.threshold == 8.0


def test_a_port_seen_down_and_up_again_explains_the_loss(series, link, policy, now):
    noon = epoch_ms(now)
    seen = series(
        fields={"loss_pct": 0.0, "oper_up": 1.0},
        last={"loss_pct": [30.0] * 5, "oper_up": [1.0, 0.0, 1.0, 1.0, 1.0]},
    )
    events = examine(Measured(link(), [seen]), noon - 7_200_000, noon, policy).events
    assert {event.cause for event in events} == {Cause.INSTABILITY}
