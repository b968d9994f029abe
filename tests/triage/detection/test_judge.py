"""Statements about the verdict. Times are minutes before noon; a sample is five minutes, a probe sends 20 packets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.model import Cadence, Source
from inventory.model import Access, LinkRole
from triage.judge import RefusalReason, check_claim, judge
from triage.model import Cause, Direction, Measured, Scope, Severity, Symptom, VerdictKind
from triage.policy import merged
from triage.recompute import recompute


def minutes(now, moment):
    return (moment - now).total_seconds() / 60


def test_a_quiet_line_is_not_substantiated_and_says_what_it_would_have_seen(claim, picture, series, link, policy, now):
    verdict = judge(claim(), picture(Measured(link(), [series()])), policy, now)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.NOT_SUBSTANTIATED, Cause.NONE)
    assert (verdict.coverage.present, verdict.coverage.expected) == (12, 12)
    # Flat at 20 ms and 2 ms: no spread and no daily rise, so the policy's minima decide: 15 ms and 10 ms.
    assert verdict.detectable["rtt_ms"] == pytest.approx(15.0)
    assert verdict.detectable["jitter_ms"] == pytest.approx(10.0)
    # Half an hour sends 120 packets; about 3 lost of a line that never loses any are already past e^-9.
    assert 2.0 <= verdict.detectable["loss_pct"] <= 4.0
    assert verdict.policy == policy.hash


def test_loss_there_now_is_confirmed_with_the_samples_that_carry_it(claim, picture, series, link, policy, now):
    # Twelve samples of 2 lost in 20: 10 %.
    samples = series(last={"loss_pct": [10.0] * 12})
    verdict = judge(claim(60), picture(Measured(link(), [samples])), policy, now)
    assert (verdict.verdict, verdict.cause, verdict.scope) == (VerdictKind.CONFIRMED, Cause.LOSS, Scope.LINK)
    finding = verdict.findings[0]
    assert finding.value == pytest.approx(10.0)
    assert finding.bad_samples == 12
    assert minutes(now, verdict.onset) == -60
    assert verdict.end is None
    assert recompute(finding, samples) == pytest.approx(finding.value)
    assert finding.value >= finding.threshold


def test_a_single_lost_probe_a_sample_now_and_then_is_not_loss(claim, picture, series, link, policy, now):
    # One of 20 lost in two of 24 samples: 5 % each, 0.4 % over two hours.
    lost = [0.0] * 24
    lost[5] = lost[15] = 5.0
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"loss_pct": lost})])), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED


def test_one_bad_sample_proves_nothing(claim, picture, series, link, policy, now):
    bad = {"rtt_ms": [300.0, 20.0, 20.0], "jitter_ms": [90.0, 2.0, 2.0], "loss_pct": [40.0, 0.0, 0.0]}
    verdict = judge(claim(20), picture(Measured(link(), [series(last=bad)])), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED


@pytest.mark.parametrize(
    ("metric", "bad", "cause"), [("rtt_ms", 36.0, Cause.LATENCY), ("jitter_ms", 13.0, Cause.JITTER)]
)
def test_delay_over_the_smallest_effect_is_confirmed(claim, picture, series, link, policy, now, metric, bad, cause):
    # 20 + 15 = 35 ms and 2 + 10 = 12 ms are the smallest that count.
    verdict = judge(claim(60), picture(Measured(link(), [series(last={metric: [bad] * 12})])), policy, now)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.CONFIRMED, cause)


@pytest.mark.parametrize(("metric", "fine"), [("rtt_ms", 34.0), ("jitter_ms", 11.0)])
def test_delay_under_the_smallest_effect_is_not(claim, picture, series, link, policy, now, metric, fine):
    verdict = judge(claim(60), picture(Measured(link(), [series(last={metric: [fine] * 12})])), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED


@pytest.mark.parametrize(("ended", "kind"), [(3, VerdictKind.CONFIRMED), (4, VerdictKind.RECOVERED)])
def test_a_fault_is_recovered_from_twenty_minutes_after_its_end(claim, picture, series, link, policy, now, ended, kind):
    # `ended` good samples of five minutes since the end: 15 or 20 minutes.
    lost = [10.0] * 12 + [0.0] * ended
    verdict = judge(claim(75), picture(Measured(link(), [series(last={"loss_pct": lost})])), policy, now)
    assert verdict.verdict is kind
    assert minutes(now, verdict.end) == -5 * ended


def test_a_line_that_answers_nothing_is_down_and_critical(claim, picture, series, link, policy, now):
    # Down 40 minutes ago in the middle of a sample: half of that one is lost.
    lost = [50.0] + [100.0] * 7
    verdict = judge(claim(40), picture(Measured(link(), [series(last={"loss_pct": lost})])), policy, now)
    assert (verdict.cause, verdict.severity) == (Cause.LINK_DOWN, Severity.CRITICAL)
    assert minutes(now, verdict.onset) == -37.5
    assert verdict.direction is Direction.BOTH


def test_a_port_that_is_down_is_a_line_that_is_down(claim, picture, series, link, policy, now):
    snmp = series(fields={"rx_bps": 10e6, "oper_up": 1.0}, last={"oper_up": [0.0] * 6}, source=Source.SNMP)
    verdict = judge(claim(30), picture(Measured(link(), [snmp])), policy, now)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.CONFIRMED, Cause.LINK_DOWN)
    assert recompute(verdict.findings[0], snmp) == verdict.findings[0].value == 0.0


def test_every_line_down_is_the_site_down(claim, picture, series, link, policy, now):
    dark = {"loss_pct": [100.0] * 6}
    first = Measured(link(), [series(last=dark)])
    second = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [series("wan2", last=dark)])
    verdict = judge(claim(30), picture(first, second), policy, now)
    assert (verdict.cause, verdict.scope, verdict.secondary_fit) == (Cause.SITE_DOWN, Scope.SITE, False)


def test_a_line_that_goes_up_and_down_is_unstable_not_lossy(claim, picture, series, link, policy, now):
    flapping = {"loss_pct": [50.0, 0.0, 60.0, 0.0, 0.0, 90.0, 40.0], "flaps": [2.0, 0.0, 2.0, 0.0, 0.0, 1.0, 2.0]}
    verdict = judge(claim(35), picture(Measured(link(), [series(last=flapping)])), policy, now)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.CONFIRMED, Cause.INSTABILITY)


def test_three_state_changes_on_a_line_that_loses_nothing_are_no_flapping(claim, picture, series, link, policy, now):
    verdict = judge(claim(30), picture(Measured(link(), [series(last={"flaps": [1, 1, 1, 0, 0]})])), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED
    verdict = judge(claim(30), picture(Measured(link(), [series(last={"flaps": [1, 1, 1, 1, 0]})])), policy, now)
    assert verdict.cause is Cause.INSTABILITY


def test_a_full_line_that_is_slow_is_slow_because_it_is_full(claim, picture, series, link, policy, now):
    full = {"rx_bps": [95e6] * 12, "rtt_ms": [80.0] * 12, "loss_pct": [5.0] * 12}
    verdict = judge(claim(60), picture(Measured(link(), [series(last=full)])), policy, now)
    assert (verdict.cause, verdict.direction) == (Cause.SATURATION, Direction.DOWNLOAD)


def test_a_busy_line_that_carries_its_load_is_fine(claim, picture, series, link, policy, now):
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"rx_bps": [95e6] * 12})])), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED


def test_below_ninety_percent_a_slow_line_is_the_carriers(claim, picture, series, link, policy, now):
    busy = {"rx_bps": [89e6] * 12, "rtt_ms": [80.0] * 12}
    verdict = judge(claim(60), picture(Measured(link(), [series(last=busy)])), policy, now)
    assert verdict.cause is Cause.LATENCY


@pytest.mark.parametrize("rate", [None, 0.0])
def test_an_unknown_capacity_is_unknown_and_not_enough(claim, picture, series, link, policy, now, rate):
    unknown = link(committed_down_bps=rate, committed_up_bps=rate)
    full = {"rx_bps": [95e6] * 12, "rtt_ms": [80.0] * 12}
    verdict = judge(claim(60), picture(Measured(unknown, [series(last=full)])), policy, now)
    assert verdict.cause is Cause.LATENCY


def test_traffic_that_is_gone_on_a_healthy_line_is_behind_it(claim, picture, series, link, policy, now):
    # From 10 Mb/s to 0.1: a hundredth; a tenth is what counts.
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"rx_bps": [1e5] * 12})])), policy, now)
    assert (verdict.verdict, verdict.cause, verdict.severity) == (VerdictKind.CONFIRMED, Cause.LAN, Severity.CRITICAL)
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"rx_bps": [2e6] * 12})])), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED


def test_a_dead_lan_port_is_the_lan_while_the_line_is_healthy(claim, picture, series, link, policy, now):
    wan = Measured(link(), [series()])
    lan = Measured(link("lan1", LinkRole.LAN), [series("lan1", fields={"oper_up": 1.0}, last={"oper_up": [0.0] * 10})])
    verdict = judge(claim(50), picture(wan, lan), policy, now)
    assert (verdict.cause, verdict.link) == (Cause.LAN, "lan1")


def test_traffic_that_moved_to_the_other_line_is_a_failover(claim, picture, series, link, policy, now):
    first = Measured(link(), [series(last={"rx_bps": [1e5] * 12})])
    slower = link("wan2", LinkRole.SECONDARY, carrier="B", access=Access.LTE, committed_down_bps=20e6)
    second = Measured(slower, [series("wan2", fields={"rx_bps": 1e5, "loss_pct": 0.0}, last={"rx_bps": [9e6] * 12})])
    verdict = judge(claim(60), picture(first, second), policy, now)
    assert verdict.cause is Cause.FAILOVER


def test_a_fault_on_a_standby_line_that_carries_nothing_is_only_mentioned(claim, picture, series, link, policy, now):
    standby = series("wan2", fields={"rx_bps": 1e5, "loss_pct": 0.0}, last={"loss_pct": [20.0] * 12})
    second = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [standby])
    verdict = judge(claim(60), picture(Measured(link(), [series()]), second), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED
    assert [finding.link for finding in verdict.side_findings] == ["wan2"]
    assert verdict.secondary_fit is False


def test_a_fault_on_a_second_line_that_carries_a_tenth_counts(claim, picture, series, link, policy, now):
    used = series("wan2", fields={"rx_bps": 10e6, "loss_pct": 0.0}, last={"loss_pct": [20.0] * 12})
    second = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [used])
    verdict = judge(claim(60), picture(Measured(link(), [series()]), second), policy, now)
    assert (verdict.verdict, verdict.link) == (VerdictKind.CONFIRMED, "wan2")


def test_a_fault_hours_before_the_claimed_time_is_a_side_finding(claim, picture, series, link, policy, now):
    earlier = [10.0] * 6 + [0.0] * 30
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"loss_pct": earlier})])), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED
    assert verdict.side_findings[0].cause is Cause.LOSS


@pytest.mark.parametrize(("off", "found"), [(45, True), (55, False)])
def test_a_clients_since_may_be_off_by_the_search_margin(claim, picture, series, link, policy, now, off, found):
    # Half an hour of loss from 120 to 90 minutes ago; the client says `off` minutes later.
    lost = [10.0] * 6 + [0.0] * 18
    verdict = judge(claim(120 - off), picture(Measured(link(), [series(last={"loss_pct": lost})])), policy, now)
    assert (verdict.verdict is VerdictKind.RECOVERED) is found


def test_what_every_day_brings_at_this_hour_is_ordinary(claim, picture, series, link, policy, now):
    # The same two hours, 10:00 to 12:00, on three days running: 40 ms more.
    every_day = ([20.0] * 264 + [60.0] * 24) * 3
    verdict = judge(claim(60), picture(Measured(link(), [series(last={"rtt_ms": every_day})])), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED


@pytest.mark.parametrize("always", [{"rtt_ms": 300.0, "loss_pct": 0.0}, {"rtt_ms": 20.0, "loss_pct": 10.0}])
def test_a_line_that_is_always_unusable_is_confirmed_and_called_habitual(
    claim, picture, series, link, policy, now, always
):
    verdict = judge(claim(60), picture(Measured(link(), [series(fields=always)])), policy, now)
    assert (verdict.verdict, verdict.habitual) == (VerdictKind.CONFIRMED, True)


def test_a_far_line_under_the_limit_is_just_far(claim, picture, series, link, policy, now):
    far = series(fields={"rtt_ms": 130.0, "loss_pct": 0.0})
    assert judge(claim(60), picture(Measured(link(), [far])), policy, now).verdict is VerdictKind.NOT_SUBSTANTIATED


def test_a_claimed_time_that_was_not_measured_is_inconclusive(claim, picture, series, link, policy, now):
    gone = series(missing=range(-30, 0))
    verdict = judge(claim(60), picture(Measured(link(), [gone])), policy, now)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.INCONCLUSIVE, Cause.NO_DATA)
    assert (verdict.coverage.present, verdict.coverage.expected) == (0, 12)


@pytest.mark.parametrize(("missing", "kind"), [(6, VerdictKind.NOT_SUBSTANTIATED), (7, VerdictKind.INCONCLUSIVE)])
def test_half_of_the_claimed_time_must_be_measured(claim, picture, series, link, policy, now, missing, kind):
    holes = series(missing=range(-missing, 0))
    assert judge(claim(60), picture(Measured(link(), [holes])), policy, now).verdict is kind


def test_a_site_that_nothing_measures_is_never_healthy(claim, picture, link, policy, now):
    verdict = judge(claim(60), picture(Measured(link(), [])), policy, now)
    assert verdict.verdict is VerdictKind.INCONCLUSIVE
    assert judge(claim(60), picture(), policy, now).verdict is VerdictKind.INCONCLUSIVE
    assert judge(None, picture(Measured(link(), [])), policy, now).verdict is VerdictKind.INCONCLUSIVE


def test_statistics_that_have_yet_to_arrive_make_it_wait(claim, picture, series, link, policy, now):
    # The orchestrator is up to 20 minutes late: of the last half hour four slots may still come.
    late = series(fields={"latency_rx_ms": 10.0, "loss_rx_pct": 0.0}, source=Source.ORCHESTRATOR, missing=range(-4, 0))
    slow = {Source.ORCHESTRATOR: Cadence(every=300, late=1200)}
    verdict = judge(claim(30), picture(Measured(link(), [late]), cadences=slow), policy, now)
    assert verdict.verdict is VerdictKind.INCONCLUSIVE
    assert verdict.coverage.pending == 4
    # The last slot of the claimed time ends at noon.
    assert verdict.rejudge_at == now + timedelta(minutes=20)


def test_it_waits_for_the_slot_in_which_the_client_phoned(claim, picture, series, link, policy, now):
    late = series(fields={"latency_rx_ms": 10.0, "loss_rx_pct": 0.0}, source=Source.ORCHESTRATOR, missing=range(-4, 0))
    slow = {Source.ORCHESTRATOR: Cadence(every=300, late=1200)}
    phoned = now + timedelta(minutes=2)
    call = replace(claim(30), reported_at=phoned)
    verdict = judge(call, picture(Measured(link(), [late]), cadences=slow), policy, phoned)
    # That slot ends at five past noon.
    assert verdict.rejudge_at == now + timedelta(minutes=25)


@pytest.mark.parametrize(("minutes", "kind"), [(10, VerdictKind.INCONCLUSIVE), (15, VerdictKind.NOT_SUBSTANTIATED)])
def test_one_slot_does_not_speak_for_another_that_is_to_come(claim, picture, series, link, policy, now, minutes, kind):
    # Of the last five-minute slots the newest is not there yet: half of ten minutes, a third of fifteen.
    late = series(fields={"latency_rx_ms": 10.0, "loss_rx_pct": 0.0}, source=Source.ORCHESTRATOR, missing=range(-1, 0))
    slow = {Source.ORCHESTRATOR: Cadence(every=300, late=600)}
    assert judge(claim(minutes), picture(Measured(link(), [late]), cadences=slow), policy, now).verdict is kind


def test_judged_again_when_all_has_arrived_it_ends(claim, picture, series, link, policy, now):
    there = series(fields={"latency_rx_ms": 10.0, "loss_rx_pct": 0.0}, source=Source.ORCHESTRATOR)
    slow = {Source.ORCHESTRATOR: Cadence(every=300, late=1200)}
    verdict = judge(claim(30), picture(Measured(link(), [there]), cadences=slow), policy, now + timedelta(minutes=20))
    assert (verdict.verdict, verdict.rejudge_at) == (VerdictKind.NOT_SUBSTANTIATED, None)


def test_one_way_loss_names_its_direction(claim, picture, series, link, policy, now):
    upload = series(
        fields={"loss_rx_pct": 0.0, "loss_tx_pct": 0.0},
        last={"loss_tx_pct": [9.0] * 12},
        source=Source.ORCHESTRATOR,
    )
    verdict = judge(claim(60), picture(Measured(link(), [upload])), policy, now)
    assert (verdict.cause, verdict.direction) == (Cause.LOSS, Direction.UPLOAD)


def test_two_sites_of_four_on_the_carrier_make_it_the_carriers(claim, picture, series, link, policy, now):
    lost = {"loss_pct": [10.0] * 12}

    def peer(n, last):
        return Measured(replace(link(f"p{n}"), site=f"site-{n}"), [series(f"p{n}", last=last)])

    own = Measured(link(), [series(last=lost)])
    shared = picture(own, peers=[peer(1, lost), peer(2, lost), peer(3, {}), peer(4, {})])
    assert judge(claim(60), shared, policy, now).scope is Scope.CARRIER
    alone = picture(own, peers=[peer(1, lost), peer(2, {}), peer(3, {}), peer(4, {})])
    assert judge(claim(60), alone, policy, now).scope is Scope.LINK


def test_a_peer_on_another_network_or_at_another_time_is_no_witness(claim, picture, series, link, policy, now):
    lost, later = {"loss_pct": [10.0] * 12}, {"loss_pct": [10.0] * 6}
    own = Measured(link(), [series(last=lost)])
    strangers = [
        Measured(replace(link(f"p{n}"), site=f"site-{n}", carrier="B"), [series(f"p{n}", last=lost)]) for n in range(4)
    ]
    later_ones = [Measured(replace(link(f"q{n}"), site=f"late-{n}"), [series(f"q{n}", last=later)]) for n in range(4)]
    assert judge(claim(60), picture(own, peers=[*strangers, *later_ones]), policy, now).scope is Scope.LINK


def test_with_little_history_absolute_limits_still_speak(claim, picture, series, link, policy, now):
    lossy = series(rows=15, last={"loss_pct": [20.0] * 12})
    assert judge(claim(60), picture(Measured(link(), [lossy])), policy, now).cause is Cause.LOSS
    slow = series(rows=15, last={"rtt_ms": [300.0] * 12})
    assert judge(claim(60), picture(Measured(link(), [slow])), policy, now).cause is Cause.LATENCY


def test_a_claim_about_the_future_or_long_ago_is_asked_back(claim, policy, now):
    refusal = check_claim(claim(-1), policy, now)
    assert refusal is not None
    assert refusal.reason is RefusalReason.IN_THE_FUTURE
    assert "store-1" in refusal.message
    assert check_claim(claim(0), policy, now) is None
    assert check_claim(claim(7 * 1440), policy, now) is None
    old = check_claim(claim(7 * 1440 + 1), policy, now)
    assert old is not None
    assert old.reason is RefusalReason.TOO_OLD


def test_the_runner_up_says_why_it_lost(claim, picture, series, link, policy, now):
    both = {"loss_pct": [30.0] * 12, "rtt_ms": [40.0] * 12}
    verdict = judge(claim(60), picture(Measured(link(), [series(last=both)])), policy, now)
    assert verdict.cause is Cause.LOSS
    assert verdict.runner_up is not None
    assert verdict.runner_up.cause is Cause.LATENCY


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        # d = 80/2 + 2*2 + 10 = 54; Id = 1.3; Ie = 95*5/15 = 31.7; R = 60.2; MOS = 1 + 2.11 + 0.003 = 3.11: major
        ({"loss_pct": [5.0] * 12, "rtt_ms": [80.0] * 12}, Severity.MAJOR),
        # d = 34: Id = 0.8; R = 92.4; MOS 4.39: minor
        ({"rtt_ms": [40.0] * 12}, Severity.MINOR),
        # loss 30: Ie = 95*30/40 = 71.25; R = 21.4; MOS = 1 + .75 + 21.4*-38.6*78.6*7e-6 = 1.29: critical
        ({"loss_pct": [30.0] * 12}, Severity.CRITICAL),
    ],
)
def test_severity_is_the_e_models(claim, picture, series, link, policy, now, last, expected):
    assert judge(claim(60), picture(Measured(link(), [series(last=last)])), policy, now).severity is expected


def test_the_policy_decides(claim, picture, series, link, policy, now):
    strict = merged(policy, {"latency": {"minimum": 5.0}})
    seen = picture(Measured(link(), [series(last={"rtt_ms": [26.0] * 12})]))
    assert judge(claim(60), seen, policy, now).verdict is VerdictKind.NOT_SUBSTANTIATED
    verdict = judge(claim(60), seen, strict, now)
    assert verdict.verdict is VerdictKind.CONFIRMED
    assert verdict.policy != policy.hash


def test_an_unrelated_symptom_word_changes_nothing(claim, picture, series, link, policy, now):
    seen = picture(Measured(link(), [series(last={"loss_pct": [10.0] * 12})]))
    assert judge(claim(symptom=Symptom.VOICE), seen, policy, now) == judge(claim(), seen, policy, now)


def test_a_sweep_asks_whether_anything_is_wrong_now(picture, series, link, policy, now):
    assert judge(None, picture(Measured(link(), [series()])), policy, now).verdict is VerdictKind.NOT_SUBSTANTIATED
    lossy = picture(Measured(link(), [series(last={"loss_pct": [10.0] * 12})]))
    assert judge(None, lossy, policy, now).verdict is VerdictKind.CONFIRMED


def test_a_backup_line_filled_by_a_flapping_first_one_is_not_the_trouble(claim, picture, series, link, policy, now):
    # The first line changes state twice in every sample of an hour; its traffic fills the second one meanwhile.
    flapping = series(fields={"rx_bps": 5e6, "oper_up": 1.0, "flaps": 0.0}, last={"flaps": [2.0] * 12})
    full = series("wan2", fields={"rx_bps": 1e5, "rtt_ms": 30.0}, last={"rx_bps": [95e6] * 12, "rtt_ms": [300.0] * 12})
    backup = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [full])
    verdict = judge(claim(60), picture(Measured(link(), [flapping]), backup), policy, now)
    assert (verdict.verdict, verdict.cause, verdict.link) == (VerdictKind.CONFIRMED, Cause.INSTABILITY, "wan1")
    assert verdict.runner_up is not None
    assert verdict.runner_up.cause is Cause.SATURATION
    # The other way round the first line's saturation is not explained by the backup's flapping.
    lines = (
        Measured(link(), [replace(full, link="wan1")]),
        Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [replace(flapping, link="wan2")]),
    )
    assert judge(claim(60), picture(*lines), policy, now).cause is Cause.SATURATION


def test_traffic_that_goes_back_to_the_first_line_is_no_failover(claim, picture, series, link, policy, now):
    # The second line carried 10 of its 20 Mb/s for days; twenty minutes ago the first one took over again.
    first = Measured(link(), [series(fields={"rx_bps": 1e5, "loss_pct": 0.0}, last={"rx_bps": [10e6] * 4})])
    backup = series("wan2", fields={"rx_bps": 10e6, "loss_pct": 0.0}, last={"rx_bps": [1e5] * 4})
    second = Measured(link("wan2", LinkRole.SECONDARY, carrier="B", committed_down_bps=20e6), [backup])
    verdict = judge(claim(60), picture(first, second), policy, now)
    assert verdict.verdict is VerdictKind.NOT_SUBSTANTIATED
    alone = picture(Measured(link(), [series(fields={"rx_bps": 10e6, "loss_pct": 0.0})]), second)
    assert judge(claim(60), alone, policy, now).cause is Cause.LAN


def test_what_carried_traffic_at_the_claimed_time_counts(claim, picture, series, link, policy, now):
    # The second line carried 10 of its 100 Mb/s, lossy, from 120 to 60 minutes ago, and is idle since.
    used = series(
        "wan2",
        fields={"rx_bps": 1e5, "loss_pct": 0.0},
        last={"rx_bps": [10e6] * 12 + [1e5] * 12, "loss_pct": [20.0] * 12 + [0.0] * 12},
    )
    second = Measured(link("wan2", LinkRole.SECONDARY, carrier="B"), [used])
    earlier = claim(120, reported_at=now - timedelta(minutes=60))
    seen = picture(Measured(link(), [series()]), second)
    verdict = judge(earlier, seen, policy, now)
    assert (verdict.verdict, verdict.link) == (VerdictKind.RECOVERED, "wan2")
    later = claim(50, reported_at=now)
    assert judge(later, seen, policy, now).verdict is VerdictKind.NOT_SUBSTANTIATED


@pytest.mark.parametrize(("vague", "kind"), [(0, "not_substantiated"), (114, "not_substantiated"), (115, "recovered")])
def test_a_client_who_is_vague_is_searched_around_as_far(claim, picture, series, link, policy, now, vague, kind):
    # Four samples of 25 % from 300 to 280 minutes ago; the client says 180 minutes ago: 120 later than it began. The
    # margin is what the words leave open and a sample's 5 minutes; without words 45 and 5.
    lost = [25.0] * 4 + [0.0] * 56
    samples = series(last={"loss_pct": lost})
    said = claim(180, vague_minutes=vague)
    assert judge(said, picture(Measured(link(), [samples])), policy, now).verdict == kind
